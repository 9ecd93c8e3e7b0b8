// The axes of a simulation: each can have any value whatever the others have, and several values,
// which are then compared.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/pageward/sim/settings.h"

namespace pageward::tool {

/// One thing that a run can choose.
struct Axis {
  std::string_view name;                    ///< The option is this behind two dashes.
  std::string_view what;                    ///< For --help.
  std::span<const std::string_view> names;  ///< What values there are; empty if they are numbers.
  std::string_view standard;                ///< What a scenario has that does not say otherwise.
  /// Puts a value into a configuration. Throws Failure.
  void (*apply)(std::string_view value, Settings* settings);
  /// Whether the value makes a difference, given axes that stand before this one.
  bool (*matters)(const Settings& settings);
  std::string_view only_in{};  ///< The scenario that it is an axis of; empty if it is one of all.
};

/// All axes, in the order in which names of runs tell them.
std::span<const Axis> Axes();

/// Texts by name of an axis: what was typed, or what a scenario has of its own.
using AxisTexts = std::map<std::string, std::string, std::less<>>;

/// Returns a point for each combination of values in `texts`: a value, several between commas, or
/// `all`. Axes that are not in there have their standard. Points that differ only in what makes no
/// difference are one. Axes of other scenarios than `scenario`, which may be empty, are left out.
/// Throws Failure for nonsense, also for RAM that no simulation takes.
std::vector<Settings> PointsOf(const AxisTexts& texts, std::string_view scenario = {});

/// Splits `AXIS=a,b,c`, and adds it to `texts`; returns the axis. Throws Failure.
std::string AddSweep(std::string_view sweep, AxisTexts* texts);

}  // namespace pageward::tool
