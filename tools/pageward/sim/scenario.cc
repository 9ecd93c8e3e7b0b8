#include "tools/pageward/sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/sizes.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

constexpr std::string_view kModelled[] = {
    "page tables as x86-64 has them, walked by a software MMU with TLBs that keep stale entries",
    "the page allocator, conversions, refills and splits, each decision as the code makes it",
    "what primitives cost: a constant each, in the table of docs/sim.md",
};
constexpr std::string_view kNotModelled[] = {
    "time: nothing here waits, and processors do not contend for locks or memory",
    "caches and memory bandwidth, but for the constants of clearing and copying a frame",
};

bool IsIn(std::string_view axis, std::span<const std::string_view> axes) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

bool IsBaseline(const Run& run, std::span<const AxisDefault> baseline) {
  return std::all_of(baseline.begin(), baseline.end(), [&](const AxisDefault& wanted) {
    return ValueOf(run, wanted.first) == wanted.second;
  });
}

// Whether the two differ only where they may.
bool IsComparable(const Run& run, const Run& with, std::span<const std::string_view> compared) {
  return std::all_of(run.settings.begin(), run.settings.end(), [&](const Setting& setting) {
    return IsIn(setting.name, compared) || ValueOf(with, setting.name) == setting.value;
  });
}

const FinishedRun* BaselineOf(const FinishedRun& run, const std::vector<FinishedRun>& runs,
                              std::span<const std::string_view> compared,
                              std::span<const AxisDefault> baseline) {
  if (compared.empty()) {
    return &runs.front();
  }
  for (const FinishedRun& candidate : runs) {
    if (IsBaseline(candidate.run, baseline) && IsComparable(run.run, candidate.run, compared)) {
      return &candidate;
    }
  }
  // Nobody ran what it is usually measured by: the first that can be compared serves.
  for (const FinishedRun& candidate : runs) {
    if (IsComparable(run.run, candidate.run, compared)) {
      return &candidate;
    }
  }
  return nullptr;
}

void CheckRoom(const Scenario& scenario, const Settings& point) {
  const sim::KernelConfig& kernel = point.config.kernel;
  if (const std::uint64_t least = scenario.least_ram(point); kernel.ram_bytes < least) {
    throw Failure(fmt::format("--ram: {} is too small for {}: it takes at least {} here",
                              TypedSize(kernel.ram_bytes), scenario.name, TypedSize(least)));
  }
  if (kernel.machine.cpus < scenario.least_cpus) {
    throw Failure(fmt::format("--cpus: {} takes at least {}", scenario.name, scenario.least_cpus));
  }
}

FinishedRun RunAt(const Scenario& scenario, const Settings& point, const sim::CostModel& costs,
                  Progress* progress) {
  const std::uint64_t steps = scenario.steps == nullptr ? 0 : scenario.steps(point);
  Session session(point, Watch{scenario.events, steps, progress});
  scenario.run(session);
  return session.Finish(costs);
}

}  // namespace

std::string_view ValueOf(const Run& run, std::string_view axis) {
  for (const Setting& setting : run.settings) {
    if (setting.name == axis) {
      return setting.value;
    }
  }
  return {};
}

const Scenario* FindScenario(std::string_view name) {
  for (const Scenario* scenario : Scenarios()) {
    if (scenario->name == name) {
      return scenario;
    }
  }
  return nullptr;
}

void Compare(const std::vector<FinishedRun>& runs, std::span<const std::string_view> compared,
             std::span<const AxisDefault> baseline, const sim::CostModel& costs, Report* report) {
  for (const FinishedRun& run : runs) {
    const FinishedRun* with = BaselineOf(run, runs, compared, baseline);
    if (with == nullptr || with == &run || costs.Cycles(with->counts) == 0) {
      continue;
    }
    report->comparisons.push_back(Comparison{run.run.name, with->run.name,
                                             BandOf(costs.RatioBand(run.counts, with->counts))});
  }
}

Report RunScenario(const Scenario& scenario, std::vector<Settings> points,
                   const sim::CostModel& costs, Progress* progress) {
  for (Settings& point : points) {
    if (scenario.adjust != nullptr) {
      scenario.adjust(&point);
    }
    CheckRoom(scenario, point);  // Of all, before the first of them takes its time.
  }
  std::vector<FinishedRun> runs;
  for (const Settings& point : points) {
    runs.push_back(RunAt(scenario, point, costs, progress));
    if (runs.back().run.name.empty()) {
      runs.back().run.name = scenario.name;
    }
  }
  Report report;
  report.title = scenario.name;
  report.question = scenario.question;
  report.modelled.emplace_back(scenario.what);
  report.modelled.insert(report.modelled.end(), std::begin(kModelled), std::end(kModelled));
  report.not_modelled.assign(scenario.not_modelled.begin(), scenario.not_modelled.end());
  report.not_modelled.insert(report.not_modelled.end(), std::begin(kNotModelled),
                             std::end(kNotModelled));
  if (scenario.ratios == Ratios::kOfCycles) {
    Compare(runs, scenario.compared, scenario.baseline, costs, &report);
  }
  if (scenario.conclude != nullptr) {
    scenario.conclude(runs, costs, &report);
  }
  for (FinishedRun& run : runs) {
    report.runs.push_back(std::move(run.run));
  }
  return report;
}

}  // namespace pageward::tool
