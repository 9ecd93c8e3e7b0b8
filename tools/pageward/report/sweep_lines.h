// Which runs of a report make which line of a sweep: what a number does while one setting goes
// through its values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// A run of a sweep as a point. Values that are no numbers stand in the order in which they come.
struct SweepPoint {
  double at = 0;
  std::string typed;  ///< The value of the setting.
  Band band;
};

/// Runs that differ in the setting that is swept and in nothing else, by its value.
struct SweepLine {
  std::string name;
  std::vector<SweepPoint> points;
};

/// Returns the number that a value of a setting stands for: "64", "0.5", "32M", "1GiB".
std::optional<double> NumberOf(std::string_view typed);

/// Returns the lines of `report` over `axis`. `measure` is "cycles", or the name of a count or of a
/// quantity, which have no band. Runs without the setting or the measure are left out.
std::vector<SweepLine> SweepLinesOf(const Report& report, const std::string& axis,
                                    const std::string& measure);

/// Returns the setting that a report goes through, or nothing: that with the most different
/// numbers, three of them at least.
std::string SweptAxis(const Report& report);

/// Returns the counts that change along `axis`, in their order: at most `most`, those
/// that change by the largest factors.
std::vector<std::string> ChangingMeasures(const Report& report, const std::string& axis,
                                          std::size_t most);

}  // namespace pageward::tool
