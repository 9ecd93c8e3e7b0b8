// Runs on the real system: the page allocator and the private zone below are taken for granted.
#include "runtime/extent/run_allocator.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

#include "tests/support/extent/run_zone.h"
#include "tests/support/memory_probe.h"

namespace pageward::extent {
namespace {

using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::TryRead;
using testing_support::TryWrite;
using Zone = testing_support::RunZone;

constexpr std::uint64_t kZoneBytes = Zone::kBytes;
constexpr std::uint64_t kPage = kFrameBytes;

class RunAllocatorTest : public testing::Test {
 protected:
  ~RunAllocatorTest() override { zone_.frames().CheckInvariantsAtRest(); }

  VirtRange Allocate(std::uint64_t bytes, std::uint64_t alignment = kPage) {
    const Result<VirtRange> run = runs_.Allocate(bytes, alignment);
    EXPECT_TRUE(run.ok());
    return *run;
  }
  static VirtRange Part(VirtRange of, std::uint64_t offset, std::uint64_t bytes) {
    return VirtRange{of.begin + offset, bytes};
  }
  static bool IsUsable(VirtRange range) {
    return TryWrite(range.begin) == Access::kOk && TryWrite(range.end() - 1) == Access::kOk;
  }
  static bool IsGone(VirtRange range) {
    for (std::uint64_t at = 0; at < range.bytes; at += kPage) {
      if (TryRead(range.begin + at) == Access::kOk || TryWrite(range.begin + at) == Access::kOk) {
        return false;
      }
    }
    return true;
  }
  static bool ReadsZero(VirtRange range) {
    for (std::uint64_t at = 0; at < range.bytes; at += kPage) {
      if (*(range.begin + at).AsPointer<volatile char>() != 0) {
        return false;
      }
    }
    return true;
  }

  FaultyOs os_;
  Zone zone_{os_, {}};
  RunAllocator& runs_ = zone_.runs();
};

using RunAllocatorDeathTest = RunAllocatorTest;

TEST_F(RunAllocatorTest, RunsOfEveryLengthAreUsableZeroedAndAligned) {
  std::map<VirtAddr, VirtRange> seen;
  for (const std::uint64_t pages : {1u, 2u, 3u, 5u, 17u, 511u, 512u, 513u, 1025u, 5000u}) {
    for (const std::uint64_t alignment : {kPage, 4 * kPage, kPageblockBytes}) {
      const VirtRange run = Allocate(pages * kPage, alignment);
      EXPECT_EQ(run.bytes, pages * kPage);
      EXPECT_EQ(run.begin.value() % alignment, 0u);
      EXPECT_TRUE(ReadsZero(run));
      EXPECT_TRUE(IsUsable(run));
      seen[run.begin] = run;
    }
  }
  VirtAddr end;
  for (const auto& [begin, run] : seen) {
    EXPECT_GE(begin, end) << "runs overlap";
    end = run.end();
    runs_.Free(run);
  }
  EXPECT_EQ(runs_.counters().used_bytes, 0u);
}

TEST_F(RunAllocatorTest, AlignmentsReachAGigabyte) {
  for (unsigned log2 = 12; log2 <= 30; ++log2) {
    const VirtRange run = Allocate(3 * kPage, std::uint64_t{1} << log2);
    EXPECT_EQ(run.begin.value() % (std::uint64_t{1} << log2), 0u) << log2;
    runs_.Free(run);
  }
  EXPECT_EQ(runs_.Allocate(kPage, std::uint64_t{1} << 31).error(), Error::kNoAddressSpace);
}

TEST_F(RunAllocatorTest, RequestsBeyondAGigabyteAreRunsLikeOthers) {
  const VirtRange run = Allocate((std::uint64_t{5} << 29) + kPage);
  EXPECT_TRUE(IsUsable(run));
  runs_.Free(run);
  EXPECT_TRUE(IsGone(Part(run, std::uint64_t{5} << 29, kPage)));
  EXPECT_EQ(runs_.Allocate(2 * kZoneBytes, kPage).error(), Error::kNoAddressSpace);
}

// Spec: U19
TEST_F(RunAllocatorTest, AFreedRunIsGoneAndZeroWhenItComesBack) {
  const VirtRange run = Allocate(5 * kPage);
  for (std::uint64_t at = 0; at < run.bytes; at += kPage) {
    *(run.begin + at).AsPointer<char>() = 's';
  }
  runs_.Free(run);
  EXPECT_TRUE(IsGone(run));
  const VirtRange again = Allocate(5 * kPage);
  ASSERT_EQ(again, run) << "the smallest block that fits is the one just freed";
  EXPECT_TRUE(ReadsZero(again));
  EXPECT_TRUE(IsUsable(again));
}

TEST_F(RunAllocatorTest, SmallRunsAreOpenedTogetherWithWhatIsFreeBehindThem) {
  const VirtRange block = Allocate(64 * kPage, 64 * kPage);
  runs_.Free(block);
  const std::uint64_t before = zone_.zone().counters().other_calls;
  for (std::uint64_t i = 0; i < 16; ++i) {
    const VirtRange run = Allocate(kPage);
    EXPECT_EQ(run.begin, block.begin + i * kPage);
    EXPECT_TRUE(IsUsable(run));
  }
  EXPECT_EQ(zone_.zone().counters().other_calls, before + 1);
  EXPECT_TRUE(IsGone(Part(block, 16 * kPage, 48 * kPage)));
  EXPECT_EQ(zone_.zone().counters().gone_bytes, 48 * kPage);
}

TEST_F(RunAllocatorTest, WhatIsInUseBehindARunIsNotOpenedWithIt) {
  const VirtRange block = Allocate(16 * kPage, 16 * kPage);
  ASSERT_TRUE(runs_.TrySplit(block, 4 * kPage));
  const VirtRange rest = Part(block, 4 * kPage, 12 * kPage);
  *rest.begin.AsPointer<char>() = 'k';
  runs_.Free(Part(block, 0, 4 * kPage));
  const VirtRange run = Allocate(2 * kPage);
  EXPECT_EQ(run.begin, block.begin);
  EXPECT_EQ(*rest.begin.AsPointer<char>(), 'k');
  EXPECT_EQ(runs_.RunContaining(rest.begin), rest);
}

TEST_F(RunAllocatorTest, LargeRunsStayAwayFromSmallOnes) {
  std::vector<VirtRange> small;
  std::vector<VirtRange> large;
  for (int i = 0; i < 40; ++i) {
    small.push_back(Allocate(3 * kPage));
    large.push_back(Allocate(2 * kPageblockBytes));
  }
  for (const VirtRange run : small) {
    EXPECT_LT(run.begin, large.front().begin);
  }
  EXPECT_EQ(zone_.frames().counters().fallbacks(), 0u);
}

TEST_F(RunAllocatorTest, AtTheEndOfTheZoneEachKindTakesFromTheOther) {
  Zone tight(os_, {}, std::uint64_t{128} << 20);
  std::vector<VirtRange> runs;
  for (Result<VirtRange> run = tight.runs().Allocate(kPage, kPage); run.ok();
       run = tight.runs().Allocate(kPageblockBytes / 4, kPage)) {
    runs.push_back(*run);
  }
  const VirtRange freed = runs[runs.size() / 2];
  tight.runs().Free(freed);
  EXPECT_TRUE(tight.runs().Allocate(kPage, kPage).ok());
  EXPECT_EQ(tight.runs().Allocate(kPageblockBytes, kPage).error(), Error::kNoAddressSpace);
  // Nothing was lost on the way: everything freed, the whole zone is one run again.
  for (const VirtRange run : runs) {
    if (run != freed) {
      tight.runs().Free(run);
    }
  }
  EXPECT_TRUE(tight.runs().Allocate(std::uint64_t{64} << 20, kPage).ok());
}

TEST_F(RunAllocatorTest, AnAddressThatIsFreeCanBeTakenBehindARun) {
  const VirtRange run = Allocate(4 * kPage, 16 * kPage);
  ASSERT_TRUE(runs_.TryAllocateAt(run.end(), 2 * kPage));
  const VirtRange more = Part(run, run.bytes, 2 * kPage);
  EXPECT_TRUE(ReadsZero(more));
  EXPECT_TRUE(IsUsable(more));
  EXPECT_EQ(runs_.RunContaining(more.begin), more);
  EXPECT_EQ(runs_.counters().grown_in_place, 1u);
  EXPECT_FALSE(runs_.TryAllocateAt(more.begin, kPage)) << "it is taken now";
  EXPECT_FALSE(runs_.TryAllocateAt(zone_.zone().range().end(), kPage)) << "outside the zone";
  EXPECT_FALSE(runs_.TryAllocateAt(zone_.zone().range().end() - kPage, 2 * kPage));
  EXPECT_TRUE(runs_.TryMerge(run, more));
  runs_.Free(Part(run, 0, 6 * kPage));
}

// Spec: U20
TEST_F(RunAllocatorTest, RunsAreCutAndJoinedAtEveryPage) {
  constexpr std::uint64_t kPages = 1030;  // Across pageblocks, and not a power of two.
  VirtRange run = Allocate(kPages * kPage);
  for (const std::uint64_t first : {1u, 2u, 511u, 512u, 513u, 1029u}) {
    ASSERT_TRUE(runs_.TrySplit(run, first * kPage)) << first;
    const VirtRange low = Part(run, 0, first * kPage);
    const VirtRange high = Part(run, first * kPage, run.bytes - first * kPage);
    EXPECT_EQ(runs_.RunContaining(low.begin), low);
    EXPECT_EQ(runs_.RunContaining(high.end() - 1), high);
    ASSERT_TRUE(runs_.TryMerge(low, high)) << first;
    EXPECT_EQ(runs_.RunContaining(run.begin), run);
  }
  ASSERT_TRUE(runs_.TrySplit(run, 512 * kPage));
  runs_.Free(Part(run, 0, 512 * kPage));
  EXPECT_TRUE(IsGone(Part(run, 0, 512 * kPage)));
  EXPECT_TRUE(IsUsable(Part(run, 512 * kPage, 518 * kPage)));
  runs_.Free(Part(run, 512 * kPage, 518 * kPage));
}

// Spec: U19
TEST_F(RunAllocatorTest, APartCanGoAndComeBackWithinItsRun) {
  const VirtRange run = Allocate(8 * kPage);
  *run.begin.AsPointer<char>() = 'a';
  *(run.begin + 3 * kPage).AsPointer<char>() = 'b';
  const VirtRange part = Part(run, 2 * kPage, 3 * kPage);
  runs_.Decommit(part);
  EXPECT_TRUE(IsGone(part));
  EXPECT_EQ(*run.begin.AsPointer<char>(), 'a');
  ASSERT_TRUE(runs_.Commit(part).ok());
  EXPECT_TRUE(ReadsZero(part));
  EXPECT_TRUE(IsUsable(part));
  runs_.Free(run);
}

TEST_F(RunAllocatorTest, FreedWholePageblocksGoBackToTheSystem) {
  const VirtRange run = Allocate(8 * kPageblockBytes);
  for (std::uint64_t at = 0; at < run.bytes; at += kPage) {
    *(run.begin + at).AsPointer<char>() = 1;
  }
  runs_.Free(run);
  const space::PrivateZoneCounters counters = zone_.zone().counters();
  EXPECT_EQ(counters.gone_bytes, 8 * kPageblockBytes);
  EXPECT_EQ(counters.purged_bytes_total, 0u);
  EXPECT_TRUE(IsGone(run));
}

// --- Batches of small freed runs -----------------------------------------------------------------

class BatchedRunsTest : public RunAllocatorTest {
 protected:
  ~BatchedRunsTest() override {
    runs_.CloseFreedRuns();
    batched_.frames().CheckInvariantsAtRest();
  }

  Zone batched_{os_, {.closes_in_batches = true}};
  RunAllocator& runs_ = batched_.runs();
};

using BatchedRunsDeathTest = BatchedRunsTest;

TEST_F(BatchedRunsTest, NeighboursGoWithOneSystemCall) {
  std::vector<VirtRange> runs;
  for (std::uint64_t i = 0; i < 12; ++i) {
    runs.push_back(*runs_.Allocate(2 * kPage, kPage));
    ASSERT_EQ(runs[i].begin, runs[0].begin + 2 * i * kPage);
  }
  for (const VirtRange run : runs) {
    runs_.Free(run);
  }
  EXPECT_EQ(runs_.counters().closing_bytes, 24 * kPage);
  EXPECT_EQ(runs_.counters().used_bytes, 0u);
  const std::uint32_t calls = os_.faults().all_calls();
  runs_.CloseFreedRuns();
  EXPECT_EQ(os_.faults().all_calls() - calls, 1u);
  EXPECT_EQ(runs_.counters().closing_bytes, 0u);
  for (const VirtRange run : runs) {
    EXPECT_TRUE(IsGone(run));
  }
}

TEST_F(BatchedRunsTest, AFewWaitAndTheRestGoes) {
  std::vector<VirtRange> runs;
  for (int i = 0; i < 400; ++i) {
    runs.push_back(*runs_.Allocate(kPage, kPage));
  }
  for (const VirtRange run : runs) {
    runs_.Free(run);
  }
  EXPECT_LE(runs_.counters().closing_bytes, ClosingRuns::kMost * kPage);
  for (std::size_t i = 0; i + ClosingRuns::kMost < runs.size(); ++i) {
    EXPECT_TRUE(IsGone(runs[i])) << i;
  }
}

TEST_F(BatchedRunsTest, LargeRunsDoNotWait) {
  const VirtRange run = *runs_.Allocate(16 * kPage, kPage);
  runs_.Free(run);
  EXPECT_EQ(runs_.counters().closing_bytes, 0u);
  EXPECT_TRUE(IsGone(run));
}

TEST_F(BatchedRunsTest, ReuseCostsNoSystemCallAndKeepsWhatTheRunHeld) {
  const VirtRange run = *runs_.Allocate(3 * kPage, kPage);
  *run.begin.AsPointer<char>() = 'x';
  runs_.Free(run);
  const std::uint32_t calls = os_.faults().all_calls();
  EXPECT_EQ(runs_.TryReuse(2 * kPage, kPage), std::nullopt);
  EXPECT_EQ(runs_.TryReuse(3 * kPage, kPage), run);
  EXPECT_EQ(runs_.TryReuse(3 * kPage, kPage), std::nullopt);
  EXPECT_EQ(os_.faults().all_calls(), calls);
  EXPECT_EQ(*run.begin.AsPointer<char>(), 'x');
  EXPECT_EQ(runs_.counters().reused_runs, 1u);
  EXPECT_EQ(runs_.counters().used_bytes, 3 * kPage);
  runs_.Free(run);
}

// Spec: U19
TEST_F(BatchedRunsTest, WhatIsAllocatedIsZeroThoughRunsWait) {
  const VirtRange run = *runs_.Allocate(3 * kPage, kPage);
  *run.begin.AsPointer<char>() = 'x';
  runs_.Free(run);
  const VirtRange zeroed = *runs_.Allocate(3 * kPage, kPage);
  EXPECT_NE(zeroed, run);
  EXPECT_TRUE(ReadsZero(zeroed));
  runs_.Free(zeroed);
}

TEST_F(BatchedRunsTest, WhatWaitsServesWhenNothingElseIsLeft) {
  // Walks are linear in the zone: not after each of thousands of steps.
  Zone tight(os_, {.closes_in_batches = true}, std::uint64_t{64} << 20);
  tight.frames().set_walk_interval(64);
  std::size_t all = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<VirtRange> runs;
    for (Result<VirtRange> run = tight.runs().Allocate(15 * kPage, kPage); run.ok();
         run = tight.runs().Allocate(15 * kPage, kPage)) {
      runs.push_back(*run);
    }
    all = round == 0 ? runs.size() : all;
    EXPECT_EQ(runs.size(), all) << round;
    for (const VirtRange run : runs) {
      tight.runs().Free(run);
    }
  }
}

// Spec: U20
TEST_F(BatchedRunsDeathTest, FreeingWhatWaitsIsADoubleFree) {
  const VirtRange run = *runs_.Allocate(2 * kPage, kPage);
  runs_.Free(run);
  EXPECT_EQ(runs_.RunContaining(run.begin), std::nullopt);
  EXPECT_DEATH(runs_.Free(run), "double free: 0x");
}

// --- The quarantine ------------------------------------------------------------------------------

class QuarantinedRunsTest : public RunAllocatorTest {
 protected:
  Zone strict_{os_, {.quarantine_bytes = 64 * kPage, .opens_ahead = false}};
};

using QuarantinedRunsDeathTest = QuarantinedRunsTest;

// Spec: U18
TEST_F(QuarantinedRunsTest, AFreedRunStaysGoneWhileItWaits) {
  RunAllocator& runs = strict_.runs();
  const VirtRange run = *runs.Allocate(8 * kPage, kPage);
  runs.Free(run);
  EXPECT_EQ(runs.counters().quarantined_bytes, 8 * kPage);
  EXPECT_EQ(runs.RunContaining(run.begin), std::nullopt);
  for (int i = 0; i < 6; ++i) {
    const VirtRange other = *runs.Allocate(8 * kPage, kPage);
    EXPECT_NE(other, run);
    EXPECT_TRUE(IsGone(run));
    runs.Free(other);
  }
  runs.FlushQuarantine();
  EXPECT_EQ(runs.counters().quarantined_bytes, 0u);
  EXPECT_TRUE(IsGone(run));
}

// Spec: U18
TEST_F(QuarantinedRunsTest, NothingIsOpenedAhead) {
  RunAllocator& runs = strict_.runs();
  const VirtRange block = *runs.Allocate(64 * kPage, 64 * kPage);
  runs.Free(block);
  runs.FlushQuarantine();
  const VirtRange run = *runs.Allocate(kPage, kPage);
  ASSERT_EQ(run.begin, block.begin);
  EXPECT_TRUE(IsGone(Part(block, kPage, 63 * kPage)));
}

TEST_F(QuarantinedRunsTest, WhatWaitsServesWhenNothingElseIsLeft) {
  Zone tight(os_, {.quarantine_bytes = std::uint64_t{256} << 20, .opens_ahead = false},
             std::uint64_t{128} << 20);
  for (int i = 0; i < 4; ++i) {
    const Result<VirtRange> run = tight.runs().Allocate(std::uint64_t{64} << 20, kPage);
    ASSERT_TRUE(run.ok()) << i;
    tight.runs().Free(*run);
  }
}

// Spec: U20
TEST_F(QuarantinedRunsDeathTest, FreeingWhatWaitsIsADoubleFree) {
  RunAllocator& runs = strict_.runs();
  const VirtRange run = *runs.Allocate(2 * kPage, kPage);
  runs.Free(run);
  EXPECT_DEATH(runs.Free(run), "double free: 0x");
}

// --- Wrong runs ----------------------------------------------------------------------------------

// Spec: U20
TEST_F(RunAllocatorDeathTest, WhatIsNoRunIsNotFreed) {
  const VirtRange run = Allocate(4 * kPage);
  const VirtRange other = Allocate(2 * kPage);
  EXPECT_DEATH(runs_.Free(Part(run, 0, 2 * kPage)), "run mismatch: 0x");
  EXPECT_DEATH(runs_.Free(Part(run, kPage, 2 * kPage)), "run mismatch: 0x");
  EXPECT_DEATH(runs_.Free(Part(run, 0, 5 * kPage)), "run mismatch: 0x");
  EXPECT_DEATH(runs_.Free(Part(run, 1, kPage)), "run mismatch: 0x");
  EXPECT_DEATH(runs_.Free(VirtRange{VirtAddr(0x1000), kPage}), "foreign pointer: 0x1000 ");
  runs_.Free(other);
  EXPECT_DEATH(runs_.Free(other), "double free: 0x");
}

// Spec: U20
TEST_F(RunAllocatorDeathTest, WhatIsNoRunIsNeitherCutNorJoined) {
  const VirtRange run = Allocate(4 * kPage);
  const VirtRange other = Allocate(4 * kPage);
  EXPECT_DEATH(static_cast<void>(runs_.TrySplit(run, 4 * kPage)), "run mismatch: ");
  EXPECT_DEATH(static_cast<void>(runs_.TrySplit(Part(run, 0, 2 * kPage), kPage)), "run mismatch: ");
  EXPECT_DEATH(static_cast<void>(runs_.TryMerge(other, run)), "run mismatch: ");
  EXPECT_DEATH(static_cast<void>(runs_.TryMerge(run, Part(run, 2 * kPage, 2 * kPage))),
               "run mismatch: ");
}

// --- Running out ---------------------------------------------------------------------------------

// Spec: U38
TEST_F(RunAllocatorTest, EachSystemCallOfAnAllocationCanFailAndNothingIsLost) {
  for (const std::uint64_t bytes : {3 * kPage, 2 * kPageblockBytes}) {
    for (std::uint32_t step = 0;; ++step) {
      Zone fresh(os_, {});
      // Half of the allocations below open what was closed by a free.
      const VirtRange first = *fresh.runs().Allocate(bytes, kPage);
      fresh.runs().Free(first);
      const std::uint32_t before = os_.faults().all_calls();
      os_.faults().FailNthCall(step, Error::kNoMemory);
      const Result<VirtRange> run = fresh.runs().Allocate(bytes, kPage);
      const std::uint32_t calls = os_.faults().all_calls() - before;
      os_.faults().StopFailing();
      fresh.frames().CheckInvariantsAtRest();
      if (!run.ok()) {
        EXPECT_EQ(run.error(), Error::kNoMemory);
        EXPECT_EQ(fresh.runs().counters().used_bytes, 0u);
        EXPECT_EQ(fresh.frames().counters().live_frames, FrameCount(0));
        EXPECT_TRUE(IsGone(first)) << step;
        ASSERT_TRUE(fresh.runs().Allocate(bytes, kPage).ok()) << step;
      }
      if (step >= calls) {
        EXPECT_GT(step, 0u);
        break;
      }
    }
  }
}

// Spec: U38
TEST_F(RunAllocatorTest, GrowingTheZoneCanFailAtEachStep) {
  for (std::uint32_t step = 0; step < 8; ++step) {
    Zone fresh(os_, {});
    os_.faults().FailNthCall(step, Error::kTooManyMappings);
    const Result<VirtRange> run = fresh.runs().Allocate(kPage, kPage);
    os_.faults().StopFailing();
    if (run.ok()) {
      fresh.runs().Free(*run);
    } else {
      EXPECT_EQ(run.error(), Error::kTooManyMappings);
    }
    ASSERT_TRUE(fresh.runs().Allocate(kPage, kPage).ok()) << step;
    fresh.frames().CheckInvariantsAtRest();
  }
}

// Spec: U38
TEST_F(RunAllocatorTest, WithoutLeavesThereAreWholePageblocksOnly) {
  zone_.leaves().FailAfter(0);
  EXPECT_EQ(runs_.Allocate(3 * kPage, kPage).error(), Error::kNoMemory);
  const VirtRange blocks = Allocate(2 * kPageblockBytes);
  EXPECT_FALSE(runs_.TrySplit(blocks, kPage));
  EXPECT_EQ(runs_.RunContaining(blocks.begin), blocks);
  EXPECT_TRUE(runs_.TrySplit(blocks, kPageblockBytes));
  zone_.leaves().StopFailing();
  EXPECT_TRUE(runs_.Allocate(3 * kPage, kPage).ok());
}

}  // namespace
}  // namespace pageward::extent
