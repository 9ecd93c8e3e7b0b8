// How reports look: one style sheet for light and dark screens of any width, and for paper.
#pragma once

#include <string>

namespace pageward::tool {

/// Returns the style sheet of a page.
std::string PageStyle();

/// Returns the style sheet of a chart that stands alone as a file.
std::string ChartStyle();

}  // namespace pageward::tool
