// A sweep as a chart: what a number does while one setting goes through its values.
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

/// Returns a chart of `measure` as a file of SVG.
std::string RenderSweepOf(const Report& report, const std::string& axis,
                          const std::string& measure);

/// Returns a chart of a sweep as SVG: the modelled cycles of each run with their band, over the
/// values that the setting `axis` has in the runs. Runs that differ in more than that are lines of
/// their own.
std::string RenderSweepSvg(const Report& report, const std::string& axis);

}  // namespace pageward::tool
