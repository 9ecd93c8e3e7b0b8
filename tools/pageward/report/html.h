// A report as pictures, for people: one file that needs nothing beside it.
#pragma once

#include <string>

#include "tools/pageward/report/run.h"
#include "tools/pageward/report/sweep_svg.h"

namespace pageward::tool {

/// Of how many runs timelines and sequence diagrams are drawn.
inline constexpr std::size_t kDrawnRuns = 6;

/// Returns a page of HTML with the pictures of `report` inside. It has no scripts and refers to
/// nothing outside of it.
std::string RenderHtml(const Report& report);

}  // namespace pageward::tool
