// Excerpts of what tools printed about real kernels: all events of some pages, and all of larger
// blocks, while a program touched 24 MiB twice and wrote a file. What they hold was counted by a
// script of a few lines that shares nothing with what is tested.
#include <gtest/gtest.h>

#include "tools/pageward/import/hide_rule.h"
#include "tools/pageward/import/kmem_file.h"
#include "tools/pageward/import/kmem_matcher.h"

namespace pageward::tool {
namespace {

struct Sample {
  const char* file;
  TraceStyle style;
  std::uint64_t allocations;
  std::uint64_t frees;
  std::uint64_t batched;
  std::uint64_t unmatched;
  std::uint64_t pages_left;
  std::uint64_t hidden;
};

class RealTracesTest : public testing::TestWithParam<Sample> {};

TEST_P(RealTracesTest, EveryLineIsUnderstoodAndEveryFreeFindsItsAllocation) {
  const Sample& sample = GetParam();
  std::string path = PAGEWARD_SAMPLES "/";
  path += sample.file;
  const KmemFile file(path);
  NoKeeper none;
  KmemMatcher matcher(none);
  const HideRule rule(HideRule::kStandard);
  std::uint64_t hidden = 0;
  const LineCounts lines = file.Read(
      [&](const KmemEvent& event) {
        matcher.Take(event);
        hidden += event.kind == KmemKind::kAllocated && rule.Hides(event) ? 1u : 0u;
      },
      {});
  EXPECT_EQ(lines.style, sample.style);
  EXPECT_EQ(lines.events, sample.allocations + sample.frees + sample.batched);
  EXPECT_EQ(lines.unreadable + lines.too_long + lines.other_events, 0u);
  EXPECT_FALSE(lines.is_cut_off);
  const KmemCounts& counts = matcher.counts();
  EXPECT_EQ(counts.allocations, sample.allocations);
  EXPECT_EQ(counts.frees, sample.frees);
  EXPECT_EQ(counts.repeated_frees, sample.batched);
  EXPECT_EQ(counts.unmatched_frees, sample.unmatched);
  EXPECT_EQ(counts.reallocations + counts.oversized_frees + counts.misaligned, 0u);
  EXPECT_EQ(counts.unknown_flags + counts.events_without_cpu, 0u);
  EXPECT_EQ(counts.cpus, 2u);
  EXPECT_EQ(matcher.ledger().pages(), sample.pages_left);
  EXPECT_EQ(hidden, sample.hidden);
}

INSTANTIATE_TEST_SUITE_P(Kernels, RealTracesTest,
                         testing::Values(Sample{"linux-6.1.perf.txt", TraceStyle::kPerf, 78, 60, 31,
                                                2, 32, 67},
                                         Sample{"linux-6.12.trace-cmd.txt", TraceStyle::kTraceCmd,
                                                62, 60, 36, 0, 9, 53}));

}  // namespace
}  // namespace pageward::tool
