// A scenario: one question that the simulated kernel can answer, and the run that answers it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/pageward/report/run.h"
#include "tools/pageward/sim/session.h"
#include "tools/pageward/sim/settings.h"

namespace pageward::tool {

/// The value that an axis has in a scenario if nobody says otherwise.
using AxisDefault = std::pair<std::string_view, std::string_view>;

/// Whether modelled cycles of runs are put in relation to each other.
enum class Ratios : std::uint8_t {
  kOfCycles,
  kNone,  ///< The question is not what it costs.
};

struct Scenario {
  std::string_view name;
  std::string_view question;
  std::string_view what;  ///< What happens in it, in a sentence.
  std::span<const AxisDefault> defaults;

  /// The least RAM for `settings`; checked before anything starts.
  std::uint64_t (*least_ram)(const Settings& settings) = nullptr;
  std::uint32_t least_cpus = 1;
  /// Changes what has to be so in this scenario; may be absent.
  void (*adjust)(Settings* settings) = nullptr;
  /// How many events are kept, and how many steps there will be; the latter may be absent.
  std::size_t events = 0;
  std::uint64_t (*steps)(const Settings& settings) = nullptr;

  /// Runs it: gets ready, calls Session::Begin(), and Session::Step() after each operation.
  void (*run)(Session& session) = nullptr;

  Ratios ratios = Ratios::kOfCycles;
  /// Axes along which runs are compared, and which value of them the others are measured by. What
  /// differs in another axis is not compared. Without axes everything is measured by the first run.
  std::span<const std::string_view> compared{};
  std::span<const AxisDefault> baseline{};
  /// Adds what has been published about this; may be absent.
  void (*conclude)(const std::vector<FinishedRun>& runs, const sim::CostModel& costs,
                   Report* report) = nullptr;
  std::span<const std::string_view> not_modelled{};
};

/// All scenarios, in the order in which --help tells them.
std::span<const Scenario* const> Scenarios();
/// Returns the scenario of that name, or nothing.
const Scenario* FindScenario(std::string_view name);

/// Runs `scenario` at each of `points` and makes a report of it, but for its command and version.
/// Throws Failure.
Report RunScenario(const Scenario& scenario, std::vector<Settings> points,
                   const sim::CostModel& costs, Progress* progress);

/// Returns what `axis` was in `run`; empty if it has no such setting.
std::string_view ValueOf(const Run& run, std::string_view axis);

/// Adds a comparison of each run with the one that it is measured by.
void Compare(const std::vector<FinishedRun>& runs, std::span<const std::string_view> compared,
             std::span<const AxisDefault> baseline, const sim::CostModel& costs, Report* report);

}  // namespace pageward::tool
