// A guest's memory, written for the first time.
#include <fmt/format.h>

#include "runtime/sim/page_cache.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

using sim::CachedFile;
using sim::FileKind;
using sim::FillTag;

void RunPopulate(Session& session) {
  std::vector<std::uint32_t> pages(PagesOf(session.settings()));
  CachedFile guest(session.simulation(), CachedFile::Memory{pages}, FileKind::kGuest);
  session.Need(session.process().mm_local().PrepareViews(), "the tables of views");
  // What was running before has the direct map cached, on every processor.
  for (std::uint32_t cpu = 0; cpu < session.simulation().machine().cpu_count(); ++cpu) {
    session.cpu(cpu).Read(sim::kDirectMapBase);
  }
  session.Begin();
  for (std::uint32_t page = 0; page < pages.size(); ++page) {
    session.Need(guest.Write(session.process(), page, FillTag{page + 1}), "writing the guest");
    session.Step();
  }
}

const FinishedRun* Find(const std::vector<FinishedRun>& runs, std::string_view conversion,
                        const FinishedRun* like) {
  for (const FinishedRun& run : runs) {
    bool is_alike = ValueOf(run.run, "conversion") == conversion;
    for (const Setting& setting : run.run.settings) {
      is_alike = is_alike && (setting.name == "conversion" || like == nullptr ||
                              ValueOf(like->run, setting.name) == setting.value);
    }
    if (is_alike) {
      return &run;
    }
  }
  return nullptr;
}

// The cover letter of the page_alloc-unmapped series says 70 %, and within noise of no flush.
void Conclude(const std::vector<FinishedRun>& runs, const sim::CostModel& costs, Report* report) {
  const FinishedRun* const grouped = Find(runs, "grouped", nullptr);
  if (grouped == nullptr) {
    return;
  }
  if (const FinishedRun* const adhoc = Find(runs, "adhoc", grouped); adhoc != nullptr) {
    const double saved = 1 - costs.Cycles(grouped->counts) / costs.Cycles(adhoc->counts);
    report->published.push_back(PublishedFigure{
        "grouped conversion takes off ad-hoc's cycles", "60 to 80 % (published: about 70 %)",
        fmt::format("{:.1f} %", saved * 100), saved >= 0.60 && saved <= 0.80});
  }
  if (const FinishedRun* const skip = Find(runs, "skip-flush", grouped); skip != nullptr) {
    const sim::CostBand ratio = costs.RatioBand(grouped->counts, skip->counts);
    report->comparisons.push_back(Comparison{grouped->run.name, skip->run.name, BandOf(ratio)});
    report->published.push_back(PublishedFigure{"grouped conversion beside no flush at all",
                                                "within 5 % (published: within noise)",
                                                fmt::format("{:+.1f} %", (ratio.nominal - 1) * 100),
                                                ratio.nominal >= 0.95 && ratio.nominal <= 1.05});
  }
}

// The series knows no keys on tables, so the standard here has none.
constexpr AxisDefault kDefaults[] = {{"ptp", "none"}};
constexpr std::string_view kCompared[] = {"conversion"};
constexpr AxisDefault kBaseline[] = {{"conversion", "adhoc"}};
constexpr std::string_view kNotModelled[] = {
    "the hypervisor's side: the guest's memory is written by system calls, as an image is loaded"};

}  // namespace

constinit const Scenario kPopulate{
    .name = "populate",
    .question = "What does it cost to fill a guest's memory that is not in the direct map?",
    .what = "a file of guest memory is written page by page: hidden frame, window, page cache",
    .defaults = kDefaults,
    .least_ram = RamForPages,
    .steps = [](const Settings& settings) -> std::uint64_t { return PagesOf(settings); },
    .run = RunPopulate,
    .compared = kCompared,
    .baseline = kBaseline,
    .conclude = Conclude,
    .not_modelled = kNotModelled,
};

}  // namespace pageward::tool
