// `pageward sim FILE`: a recorded program on the simulated kernel, once under each policy.
#include <fmt/format.h>

#include <chrono>
#include <span>

#include "runtime/trace/mirror_report.h"
#include "runtime/trace/run_mirror.h"
#include "runtime/trace/trace_reader.h"
#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/files.h"
#include "tools/pageward/command/sizes.h"
#include "tools/pageward/sim/inputs.h"
#include "tools/pageward/sim/scenario.h"
#include "tools/pageward/sim/session.h"

namespace pageward::tool {
namespace {

using extent::RunOutcome;
using trace::MirrorFigures;
using trace::RunMirror;
using trace::TraceEvent;
using trace::TraceReader;

// For the pictures of views and refills: the beginning of a run.
constexpr std::size_t kKeptEvents = 128;

constexpr double kFramesInMiB = 256;

constexpr std::string_view kCompared[] = {"conversion", "ptp",         "batching",
                                          "window",     "stale-views", "leaf"};
constexpr AxisDefault kBaseline[] = {
    {"conversion", "grouped"},      {"ptp", "reserve"}, {"batching", "on"}, {"window", "mermap"},
    {"stale-views", "flush-first"}, {"leaf", "1G"}};

// One run of the whole trace, and how each event ended.
struct Replay {
  FinishedRun finished;
  MirrorFigures figures;
  std::vector<bool> refused;
};

double Seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

void AddFigures(Session& session, const TraceReader& reader, const RunMirror& mirror,
                double replay_s) {
  const MirrorFigures& figures = mirror.figures();
  for (unsigned i = 0; i < extent::kRunEventKindCount; ++i) {
    const auto kind = static_cast<extent::RunEventKind>(i);
    session.AddQuantity(fmt::format("requests-{}", trace::NameOf(kind)),
                        static_cast<double>(figures.events[i]), "requests");
  }
  session.AddQuantity("requests-refused", static_cast<double>(figures.refused), "requests");
  session.AddQuantity("requests-over-limit", static_cast<double>(figures.over_limit), "requests");
  session.AddQuantity("threads", figures.threads, "threads");
  session.AddQuantity("memory-most", static_cast<double>(figures.frames_most) / kFramesInMiB,
                      "MiB");
  session.AddQuantity("recorded-time", Seconds(reader.end().time_ns), "s");
  session.AddQuantity("replay-time", replay_s, "s");
  session.AddQuantity("replay-speedup", Seconds(reader.end().time_ns) / replay_s, "times");
}

void AddRemarks(Session& session, const TraceReader& reader, const RunMirror& mirror) {
  if (reader.end().ending == trace::TraceEnding::kCut) {
    session.AddRemark("the program was killed or left without a word: the trace ends where it did");
  }
  if (mirror.figures().over_limit > 0) {
    session.AddRemark(fmt::format(
        "{} requests were refused since the program may hold {}, half of --ram; it did not see "
        "them refused",
        mirror.figures().over_limit, TypedSize(mirror.limit().bytes())));
  }
}

Replay ReplayAt(const Settings& point, const TraceReader& reader, const SimRequest& request) {
  Session session(point, Watch{kKeptEvents, reader.events(), request.progress});
  const LazyMemory pages(reader.facts().zone_frames * sizeof(std::uint32_t));
  RunMirror mirror(session.simulation(), session.process(),
                   std::span(pages.range().begin.AsPointer<std::uint32_t>(),
                             static_cast<std::size_t>(reader.facts().zone_frames)));
  session.Need(mirror.Begin(), "the tables of views");
  session.Begin();
  Replay replay;
  replay.refused.reserve(reader.events());
  const auto begun = std::chrono::steady_clock::now();
  reader.ForEach([&](const TraceEvent& event) {
    replay.refused.push_back(mirror.Apply(event) == RunOutcome::kRefused);
    session.Step();
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  if (mirror.figures().broken > 0) {
    throw Failure(fmt::format(
        "{}: the simulated kernel ran out of memory although the program held less than half of "
        "it; --ram {} is too small for this",
        request.input, TypedSize(point.config.kernel.ram_bytes)));
  }
  replay.figures = mirror.figures();
  AddFigures(session, reader, mirror, took.count());
  AddRemarks(session, reader, mirror);
  replay.finished = session.Finish(request.costs);
  if (replay.finished.run.name.empty()) {
    replay.finished.run.name = "replay";
  }
  return replay;
}

// With RAM of one size, policies may only differ in what they cost.
void CheckAlike(const std::vector<Replay>& replays) {
  for (const Replay& replay : replays) {
    const Replay& first = replays.front();
    if (ValueOf(replay.finished.run, "ram") == ValueOf(first.finished.run, "ram") &&
        (replay.refused != first.refused || replay.figures != first.figures)) {
      throw Failure(fmt::format("'{}' and '{}' do not succeed and fail at the same requests",
                                first.finished.run.name, replay.finished.run.name));
    }
  }
}

Report ReportOf(const TraceReader& reader, std::vector<Replay> replays, const SimRequest& request) {
  Report report;
  report.title = fmt::format("{}, replayed", reader.facts().program_name());
  report.question =
      "What would it cost to keep the heap of this program out of the kernel's direct map?";
  report.modelled = {
      "each frame of the heap is a page of guest memory: hidden, mapped by one process",
      "a run that is allocated is touched at once, page by page; one that is freed is a hole that "
      "is punched",
      "threads run on processors of their own as far as there are any"};
  report.not_modelled = {"which pages the program really touched, and when",
                         "memory of the program that is not its heap", "waiting, and contention"};
  std::vector<FinishedRun> runs;
  for (Replay& replay : replays) {
    runs.push_back(std::move(replay.finished));
  }
  Compare(runs, kCompared, kBaseline, request.costs, &report);
  for (FinishedRun& run : runs) {
    report.runs.push_back(std::move(run.run));
  }
  return report;
}

}  // namespace

Report RunTraceFile(const SimRequest& request) {
  const std::string bytes = ReadFile(request.input);
  TraceReader reader;
  if (const trace::TraceFault fault = reader.Open(std::as_bytes(std::span(bytes)));
      fault != trace::TraceFault::kNone) {
    throw Failure(fmt::format("'{}' {}", request.input, NameOf(fault)));
  }
  std::vector<Replay> replays;
  for (const Settings& point : request.points) {
    replays.push_back(ReplayAt(point, reader, request));
  }
  CheckAlike(replays);
  return ReportOf(reader, std::move(replays), request);
}

}  // namespace pageward::tool
