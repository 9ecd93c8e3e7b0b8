// A sweep as a chart of its own, for a document or a talk.
#pragma once

#include <string>

#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// Returns a chart of `measure` as a file of SVG: "cycles", or the name of a count or quantity.
std::string RenderSweepOf(const Report& report, const std::string& axis,
                          const std::string& measure);

/// Returns a chart of a sweep as SVG: the modelled cycles of each run with their band, over the
/// values that the setting `axis` has in the runs. Runs that differ in more than that are lines of
/// their own.
std::string RenderSweepSvg(const Report& report, const std::string& axis);

/// Writes small charts of what changes along SweptAxis(), counts first.
///
/// Requires: there is such an axis.
void WriteSweep(MarkupWriter& out, const Report& report);

}  // namespace pageward::tool
