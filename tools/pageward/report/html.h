// A report as pictures, for people: one file that needs nothing beside it.
#pragma once

#include <string>

#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// Returns a page of HTML with the pictures of `report` inside.
std::string RenderHtml(const Report& report);

/// Returns a chart of a sweep as SVG: the modelled cycles of each run with their band, over the
/// values that the setting `axis` has in the runs. Runs that differ in more than that are lines of
/// their own.
std::string RenderSweepSvg(const Report& report, const std::string& axis);

}  // namespace pageward::tool
