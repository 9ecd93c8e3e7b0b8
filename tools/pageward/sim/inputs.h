// Inputs of `pageward sim` other than scenarios: what other programs did.
#pragma once

#include <set>
#include <string>

#include "tools/pageward/report/run.h"
#include "tools/pageward/sim/settings.h"

namespace pageward::tool {

/// What is to be run, and under which settings: one run for each of `points`.
struct SimRequest {
  std::string input;  ///< The name of a scenario, or a path.
  std::vector<Settings> points;
  sim::CostModel costs;
  Progress* progress = nullptr;  ///< Told of how far it is; may be absent.
  /// Axes that somebody gave a value. For others an input may know better than the standard.
  std::set<std::string, std::less<>> given{};
  std::string hide{};  ///< A HideRule, for events of a kernel; empty for the standard.
};

/// Replays a trace that `pageward record` made. Fills in everything of a report but its command and
/// version. Throws Failure if it is no trace or cut off.
Report RunTraceFile(const SimRequest& request);

/// Replays what `perf script` or `trace-cmd report` told of the kernel's page allocator.
Report RunImportFile(const SimRequest& request);

}  // namespace pageward::tool
