// What is told of an imported trace: what it had, what became of it, and what it can't say.
#pragma once

#include <cstdint>

#include "tools/pageward/import/hide_rule.h"
#include "tools/pageward/import/kmem_file.h"
#include "tools/pageward/import/kmem_matcher.h"
#include "tools/pageward/import/kmem_replay.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// A trace as it is before anything is simulated.
struct TraceSummary {
  LineCounts lines;
  KmemCounts pages;
};

/// One run of it.
struct ReplaySummary {
  ReplayCounts counts;
  std::uint64_t fallbacks = 0;  ///< Of the simulated allocator.
  std::uint32_t cpus = 0;
};

/// Adds counts, quantities and remarks about the trace to a run.
void AddToRun(const TraceSummary& trace, const ReplaySummary& replay, Run* run);

/// Says what is asked, what is done for it, and what is not.
void DescribeImport(const TraceSummary& trace, const HideRule& rule, Report* report);

}  // namespace pageward::tool
