// A process with much memory is forked, while page tables are protected in one way or another.
#include <fmt/format.h>

#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

void RunFork(Session& session) {
  const VirtRange range{kUserBase, session.settings().size_bytes};
  session.Need(session.process().AddArea(sim::Area{.range = range}), "the memory of the parent");
  session.Need(session.process().Populate(range), "filling the memory of the parent");
  session.Begin();
  session.Need(session.simulation().ForkProcess(session.process()), "forking");
  session.Step();
}

PublishedFigure Figure(std::string what, std::string expected, double ratio, bool holds) {
  return PublishedFigure{std::move(what), std::move(expected), fmt::format("{:.3f} x", ratio),
                         holds};
}

// The benchmark mails of the kpkeys series, on arm64: fork of 1 GiB took 221 % longer with two
// switches for each write, and 3 % in batches.
void Conclude(const std::vector<FinishedRun>& runs, const sim::CostModel& costs, Report* report) {
  for (const FinishedRun& run : runs) {
    for (const FinishedRun& plain : runs) {
      if (ValueOf(plain.run, "ptp") != "none" || ValueOf(run.run, "ptp") != "reserve" ||
          ValueOf(plain.run, "size") != ValueOf(run.run, "size") ||
          ValueOf(plain.run, "ram") != ValueOf(run.run, "ram")) {
        continue;
      }
      const double ratio = costs.Cycles(run.counts) / costs.Cycles(plain.counts);
      report->published.push_back(ValueOf(run.run, "batching") == "off"
                                      ? Figure("two register writes for each write to a table",
                                               "2 x or more (3.2 x)", ratio, ratio >= 2.0)
                                      : Figure("one pair for a batch of writes",
                                               "less than 1.10 x (1.03 x)", ratio, ratio < 1.10));
    }
  }
}

constexpr AxisDefault kDefaults[] = {
    {"ptp", "none,reserve"}, {"batching", "all"}, {"ram", "4G"}, {"size", "1G"}};
constexpr std::string_view kCompared[] = {"ptp", "batching"};
constexpr AxisDefault kBaseline[] = {{"ptp", "none"}};
constexpr std::string_view kNotModelled[] = {
    "what else a fork does: descriptors, signals, the scheduler"};

}  // namespace

constinit const Scenario kFork{
    .name = "fork",
    .question = "What does it cost a fork that page tables are write-protected?",
    .what = "a process whose memory is all there is forked once: every entry is written twice",
    .defaults = kDefaults,
    .least_ram = RamForMappedPages,
    .run = RunFork,
    .compared = kCompared,
    .baseline = kBaseline,
    .conclude = Conclude,
    .not_modelled = kNotModelled,
};

}  // namespace pageward::tool
