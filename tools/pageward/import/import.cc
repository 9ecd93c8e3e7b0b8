// Replays the page events of a real kernel on the simulated one.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/ptable/cpu_set.h"
#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/progress.h"
#include "tools/pageward/command/sizes.h"
#include "tools/pageward/import/hide_rule.h"
#include "tools/pageward/import/import_report.h"
#include "tools/pageward/import/kmem_file.h"
#include "tools/pageward/import/kmem_replay.h"
#include "tools/pageward/sim/inputs.h"
#include "tools/pageward/sim/scenario.h"
#include "tools/pageward/sim/session.h"

namespace pageward::tool {
namespace {

constexpr std::string_view kCompared[] = {"conversion", "ptp",         "batching",
                                          "window",     "stale-views", "leaf"};
constexpr AxisDefault kBaseline[] = {{"conversion", "adhoc"}};
// For views, and for the diagram of a refill; a trace has more than anybody looks at.
constexpr std::size_t kKeptEvents = 512;

KmemFile::Tell TellOf(Progress* progress, std::string what) {
  if (progress == nullptr) {
    return {};
  }
  return [progress, what = std::move(what)](std::uint64_t done, std::uint64_t total) {
    progress->Tell(what, done, total);
  };
}

// Reads all of the trace once, to know how large it is before anything is simulated.
TraceSummary Survey(const KmemFile& file, Progress* progress) {
  NoKeeper none;
  KmemMatcher matcher(none);
  TraceSummary summary;
  summary.lines =
      file.Read([&](const KmemEvent& event) { matcher.Take(event); }, TellOf(progress, "reading"));
  summary.pages = matcher.counts();
  if (summary.pages.allocations == summary.pages.failed_allocations) {
    throw Failure(InOneLine(fmt::format(
        "{}: no allocation of pages in {} lines, of which {} are other events; it takes the text "
        "of kmem:mm_page_alloc and kmem:mm_page_free from perf script or trace-cmd report",
        file.path(), summary.lines.lines, summary.lines.other_events + summary.pages.frees)));
  }
  return summary;
}

std::uint64_t BytesOf(std::uint64_t pages) {
  return pages << kFrameBytesLog2;
}

// What the trace holds at a time, a quarter more, since it began with memory in use and none of
// that is known, and room for tables. In whole gigabytes, so that all of the direct map is large.
std::uint64_t RoomyRam(std::uint64_t peak_bytes) {
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  constexpr std::uint64_t kMost = 1024 * kGiB;
  return std::min(AlignUp<std::uint64_t>(peak_bytes + peak_bytes / 4 + kGiB / 8, kGiB), kMost);
}

void SetValue(std::string_view name, std::string value, Settings* point) {
  for (Setting& setting : point->values) {
    if (setting.name == name) {
      setting.value = std::move(value);
      return;
    }
  }
}

// Gives a point what only the trace knows, where nobody chose it, and takes from it what means
// nothing here.
void Adjust(const SimRequest& request, const TraceSummary& trace, Settings* point) {
  sim::KernelConfig& kernel = point->config.kernel;
  const std::uint64_t peak_bytes = BytesOf(trace.pages.peak_pages);
  if (!request.given.contains("ram")) {
    kernel.ram_bytes = RoomyRam(peak_bytes);
    SetValue("ram", TypedSize(kernel.ram_bytes), point);
  }
  if (kernel.ram_bytes <= peak_bytes) {
    throw Failure(fmt::format("--ram: {} is too small for this trace: it holds {} KiB at a time",
                              TypedSize(kernel.ram_bytes), peak_bytes / 1024));
  }
  if (!request.given.contains("cpus")) {
    kernel.machine.cpus = std::min<std::uint32_t>(trace.pages.cpus, ptable::CpuSet::kMaxCpus);
    SetValue("cpus", fmt::format("{}", kernel.machine.cpus), point);
  }
  std::erase_if(point->values, [](const Setting& setting) {
    return setting.name == "size" || setting.name == "seed";
  });
}

FinishedRun RunAt(const Settings& point, const KmemFile& file, const HideRule& rule,
                  const TraceSummary& trace, const SimRequest& request) {
  Session session(point, Watch{kKeptEvents, trace.lines.events, request.progress});
  KmemReplay replay(session.simulation(), session.process(), rule);
  KmemMatcher matcher(replay);
  session.Need(session.process().mm_local().PrepareViews(), "the tables of views");
  const std::uint64_t fallbacks = session.kernel().frames().counters().fallbacks();
  session.Begin();
  const LineCounts lines = file.Read(
      [&](const KmemEvent& event) {
        matcher.Take(event);
        session.Step();
      },
      {});
  if (lines != trace.lines) {
    throw Failure(InOneLine(fmt::format("{}: has changed while it was read", file.path())));
  }
  ReplaySummary summary;
  summary.counts = replay.counts();
  summary.fallbacks = session.kernel().frames().counters().fallbacks() - fallbacks;
  summary.cpus = point.config.kernel.machine.cpus;
  FinishedRun finished = session.Finish(request.costs);
  finished.run.settings.push_back(Setting{"hide", rule.text()});
  AddToRun(trace, summary, &finished.run);
  if (finished.run.name.empty()) {
    finished.run.name = "import";
  }
  return finished;
}

}  // namespace

Report RunImportFile(const SimRequest& request) {
  const HideRule rule(request.hide.empty() ? HideRule::kStandard : std::string_view(request.hide));
  const KmemFile file(request.input);
  const TraceSummary trace = Survey(file, request.progress);
  std::vector<Settings> points = request.points;
  for (Settings& point : points) {
    Adjust(request, trace, &point);
  }
  std::vector<FinishedRun> runs;
  for (const Settings& point : points) {
    runs.push_back(RunAt(point, file, rule, trace, request));
  }
  Report report;
  report.title = "import";
  DescribeImport(trace, rule, &report);
  Compare(runs, kCompared, kBaseline, request.costs, &report);
  for (FinishedRun& run : runs) {
    report.runs.push_back(std::move(run.run));
  }
  return report;
}

}  // namespace pageward::tool
