// Modelled numbers as ranges: how far each may be off matters as much as where it is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// A number with its range, and the words beside it.
struct RangeBar {
  std::string name;
  Band band;
  std::string value;  ///< The number in the middle.
  std::string range;  ///< What it lies between.
};

/// Writes `bars` below each other over one axis, which is called `axis`. `reference` is a value to
/// compare with, such as 1 for ratios.
void WriteRangeBars(MarkupWriter& out, const std::vector<RangeBar>& bars, const std::string& axis,
                    std::optional<double> reference);

/// Writes the modelled cycles of all runs.
void WriteCycles(MarkupWriter& out, const Report& report);

/// Writes the comparisons of runs.
void WriteComparisons(MarkupWriter& out, const Report& report);

}  // namespace pageward::tool
