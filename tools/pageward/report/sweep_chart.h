// The drawing of a sweep: axes, a line with its band for each family of runs, and their key.
#pragma once

#include <string>
#include <vector>

#include "tools/pageward/report/svg_writer.h"
#include "tools/pageward/report/sweep_lines.h"

namespace pageward::tool {

/// Draws `lines` into `plot`, their axes around it, and the names of the axes: there has to be room
/// for two lines of text below the plot, for one above it, and for numbers at its left.
/// `ticks` is how many values the upright axis names at most.
void DrawSweep(SvgWriter& svg, const Box& plot, const std::vector<SweepLine>& lines,
               const std::string& axis, const std::string& measure, unsigned ticks);

/// Draws a piece of the line `index` with its marker, 26 wide, its left end at `at`.
void DrawSweepKey(SvgWriter& svg, Point at, std::size_t index);

}  // namespace pageward::tool
