#include "tools/pageward/import/import_report.h"

#include <fmt/format.h>

#include "runtime/core/units.h"

namespace pageward::tool {

namespace {

constexpr double kMiB = 1 << 20;

double MiBOf(std::uint64_t pages) {
  return static_cast<double>(pages << kFrameBytesLog2) / kMiB;
}

void AddCounts(const TraceSummary& trace, const ReplaySummary& replay, Run* run) {
  const KmemCounts& pages = trace.pages;
  const LineCounts& lines = trace.lines;
  const Count counts[] = {
      {"trace-allocations", pages.allocations, "allocations in the trace"},
      {"trace-failed", pages.failed_allocations, "of them, those that failed in the traced kernel"},
      {"trace-frees", pages.frees, "frees in the trace"},
      {"trace-partial-frees", pages.partial_frees, "of them, those of a part of one allocation"},
      {"trace-unmatched-frees", pages.unmatched_frees,
       "frees of pages whose allocation is not in the trace; left out"},
      {"trace-oversized-frees", pages.oversized_frees, "frees of more than one allocation"},
      {"trace-repeated-frees", pages.repeated_frees,
       "frees that the kernel told of twice: by themselves and in a batch"},
      {"trace-reallocations", pages.reallocations,
       "allocations of pages whose free is not in the trace; they are freed first"},
      {"trace-misaligned", pages.misaligned, "events whose page is no multiple of their size"},
      {"trace-fallbacks", pages.fallbacks,
       "allocations of the traced kernel from pageblocks of another migratetype"},
      {"trace-fragmenting-fallbacks", pages.fragmenting_fallbacks,
       "of them, those that the kernel calls fragmenting"},
      {"trace-claims", pages.ownership_changes, "of them, those that changed the pageblock's type"},
      {"trace-other-events", lines.other_events, "lines of other events, left out"},
      {"trace-unreadable", lines.unreadable + lines.too_long,
       "lines that begin as page events and do not go on so, or are too long"},
      {"replay-hidden", replay.counts.hidden, "allocations that were taken as hidden"},
      {"replay-failed", replay.counts.failed, "allocations that failed here"},
      {"replay-failed-hidden", replay.counts.failed_hidden, "of them, those to be hidden"},
      {"replay-fallbacks", replay.fallbacks,
       "allocations here from pageblocks of another migratetype"},
  };
  run->counts.insert(run->counts.end(), std::begin(counts), std::end(counts));
}

void AddRemarks(const TraceSummary& trace, const ReplaySummary& replay, Run* run) {
  const auto remark = [run](std::uint64_t times, std::string text) {
    if (times > 0) {
      run->remarks.push_back(std::move(text));
    }
  };
  const KmemCounts& pages = trace.pages;
  const LineCounts& lines = trace.lines;
  remark(pages.unmatched_frees,
         fmt::format("{} of {} frees are of pages that were allocated before the trace began, or "
                     "in a part that is lost; they are left out",
                     pages.unmatched_frees, pages.frees));
  remark(pages.reallocations,
         fmt::format("{} pages were allocated again without a free in between: events are missing",
                     pages.reallocations));
  remark(lines.lost_notices,
         fmt::format("the tracer says {} times that it lost events, {} in all as far as it counted",
                     lines.lost_notices, lines.lost_events));
  remark(lines.is_cut_off ? 1 : 0, "the last line is cut off; it is left out");
  remark(pages.numeric_flags,
         fmt::format("{} allocations have their flags as a number, read as kernels from 5.0 on "
                     "mean it",
                     pages.numeric_flags));
  remark(pages.unknown_flags,
         fmt::format("{} allocations have flags that are not known here", pages.unknown_flags));
  remark(pages.events_without_cpu,
         fmt::format("{} events name no processor and happen on processor 0",
                     pages.events_without_cpu));
  remark(pages.cpus > replay.cpus ? 1 : 0,
         fmt::format("the trace has {} processors and the simulation {}: some share one",
                     pages.cpus, replay.cpus));
  remark(replay.counts.failed,
         fmt::format("{} allocations failed here and not in the trace: RAM is too small or "
                     "fragmented",
                     replay.counts.failed));
  remark(replay.counts.unclearable,
         fmt::format("{} hidden pages could not be cleared for want of a window",
                     replay.counts.unclearable));
  remark(replay.counts.unsplit,
         fmt::format("{} times a hidden block could not be split, and was kept as a whole",
                     replay.counts.unsplit));
  remark(replay.counts.hidden == 0 ? 1 : 0,
         "no allocation was hidden: another --hide is needed for a comparison");
}

}  // namespace

void AddToRun(const TraceSummary& trace, const ReplaySummary& replay, Run* run) {
  AddCounts(trace, replay, run);
  run->quantities.push_back(Quantity{"trace-peak", MiBOf(trace.pages.peak_pages), "MiB"});
  run->quantities.push_back(Quantity{"hidden-peak", MiBOf(replay.counts.peak_hidden_pages), "MiB"});
  AddRemarks(trace, replay, run);
}

void DescribeImport(const TraceSummary& trace, const HideRule& rule, Report* report) {
  report->question = "What would it have cost the traced kernel to hide some of its memory?";
  report->modelled = {
      fmt::format("{} events of {}, in their order and each on its processor: allocations of the "
                  "same size and migratetype, and their frees",
                  trace.lines.events,
                  trace.lines.style == TraceStyle::kPerf ? "perf script" : "trace-cmd report"),
      fmt::format("allocations that fit --hide {} are out of the direct map for as long as they "
                  "live",
                  rule.text()),
      "__GFP_ZERO: memory in the direct map is cleared there, hidden memory through windows",
      "allocations without __GFP_DIRECT_RECLAIM may neither convert nor compact",
  };
  report->not_modelled = {
      "memory that was allocated before the trace began: the simulated kernel starts empty",
      "where the traced kernel put a page, and its reclaim and migration, but for the allocations "
      "and frees that they led to",
      "what was read or written, except for __GFP_ZERO",
      "page tables of the traced kernel: they are allocations like any other, and --ptp is about "
      "the simulated ones",
      "which process ran: one stands for all, so that no window is closed by a switch",
      "time: events follow each other at once",
  };
}

}  // namespace pageward::tool
