// Runs: any number of frames, that grow, split and merge.
#include <gtest/gtest.h>

#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::TestZone;

constexpr std::uint32_t kBlocks = 8;
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);

class RunTest : public testing::Test {
 protected:
  ~RunTest() override { allocator_.CheckInvariantsAtRest(); }

  FrameRange AllocateRun(std::uint32_t frames, unsigned alignment = 0,
                         const Request& request = kMovable) {
    const Result<FrameRange> run =
        allocator_.AllocateRun(FrameCount(frames), Order(alignment), request);
    EXPECT_TRUE(run.ok());
    return *run;
  }
  static FrameRange Range(FrameNumber begin, std::uint32_t frames) {
    return FrameRange{begin, FrameCount(frames)};
  }
  FrameCount FreeFrames() { return allocator_.counters().free_frames[Visibility::kMapped]; }

  TestZone zone_{kBlocks};
  PageAllocator& allocator_ = zone_.allocator();
};

TEST_F(RunTest, HasExactlyTheFramesThatWereAskedFor) {
  for (const std::uint32_t frames : {1u, 3u, 511u, 512u, 513u, 1500u, 4095u, 4096u}) {
    const FrameRange run = AllocateRun(frames);
    EXPECT_EQ(run.count, FrameCount(frames));
    EXPECT_EQ(FreeFrames(), FrameCount(kBlocks * 512 - frames));
    EXPECT_EQ(allocator_.RunContaining(run.end() - FrameCount(1)), run);
    EXPECT_EQ(frames < kBlocks * 512, allocator_.IsFree(run.end()));
    allocator_.FreeRun(run);
    EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kMapped], kBlocks);
  }
}

TEST_F(RunTest, BeginsAtAMultipleOfItsAlignment) {
  allocator_.Allocate(Order(0), kMovable).value();
  for (const unsigned alignment : {0u, 4u, 9u, 11u}) {
    const FrameRange run = AllocateRun(3, alignment);
    EXPECT_EQ(run.begin.value % (1u << alignment), 0u);
    allocator_.FreeRun(run);
  }
}

TEST_F(RunTest, NoneOrTooManyFramesAreInvalid) {
  EXPECT_EQ(allocator_.AllocateRun(FrameCount(0), Order(0), kMovable).error(), Error::kInvalid);
  EXPECT_EQ(allocator_.AllocateRun(FrameCount((1u << 28) + 1), Order(0), kMovable).error(),
            Error::kInvalid);
  EXPECT_EQ(allocator_.AllocateRun(FrameCount(1u << 28), Order(0), kMovable).error(),
            Error::kNoFrames);
}

TEST_F(RunTest, GrowsByExactlyTheFramesThatFollow) {
  const FrameRange run = AllocateRun(3);
  ASSERT_TRUE(allocator_.GrowRun(run, FrameCount(1000)).ok());
  EXPECT_EQ(allocator_.RunContaining(run.begin), Range(run.begin, 1003));
  EXPECT_EQ(FreeFrames(), FrameCount(kBlocks * 512 - 1003));
  EXPECT_TRUE(allocator_.IsFree(run.begin + FrameCount(1003)));
  allocator_.FreeRun(Range(run.begin, 1003));
  EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kMapped], kBlocks);
}

TEST_F(RunTest, GrowsToTheEndOfTheZoneAndNotBeyond) {
  const FrameRange run = AllocateRun(3);
  const std::uint32_t left = kBlocks * 512 - 3;
  EXPECT_EQ(allocator_.GrowRun(run, FrameCount(left + 1)).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.GrowRun(run, FrameCount(~0u)).error(), Error::kNoFrames);
  ASSERT_TRUE(allocator_.GrowRun(run, FrameCount(left)).ok());
  EXPECT_EQ(FreeFrames(), FrameCount(0));
}

TEST_F(RunTest, GrowingByNothingIsNothing) {
  const FrameRange run = AllocateRun(kBlocks * 512);
  EXPECT_TRUE(allocator_.GrowRun(run, FrameCount(0)).ok());
}

TEST_F(RunTest, DoesNotGrowIntoWhatIsTaken) {
  const FrameRange run = AllocateRun(8);
  ASSERT_TRUE(allocator_.SplitRun(run, FrameCount(4)).ok());
  ASSERT_TRUE(allocator_.SplitRun(Range(run.begin + FrameCount(4), 4), FrameCount(2)).ok());
  allocator_.FreeRun(Range(run.begin + FrameCount(4), 2));
  const Counters before = allocator_.counters();
  EXPECT_EQ(allocator_.GrowRun(Range(run.begin, 4), FrameCount(3)).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.counters(), before);
  EXPECT_TRUE(allocator_.GrowRun(Range(run.begin, 4), FrameCount(2)).ok());
}

TEST_F(RunTest, DoesNotGrowIntoOtherVisibilities) {
  const FrameRange run = AllocateRun(512);
  const FrameRange hidden = AllocateRun(512, 9, Request::Unmapped());
  ASSERT_EQ(hidden.begin, run.end()) << "the test needs neighbours";
  allocator_.FreeRun(hidden);
  EXPECT_EQ(allocator_.GrowRun(run, FrameCount(1)).error(), Error::kNoFrames);
}

TEST_F(RunTest, DoesNotGrowIntoIsolatedBlocks) {
  const FrameRange run = AllocateRun(512);
  ASSERT_TRUE(allocator_.Isolate(run.end().block()).ok());
  EXPECT_EQ(allocator_.GrowRun(run, FrameCount(1)).error(), Error::kNoFrames);
}

TEST_F(RunTest, GrowingWithoutALeafFailsAndChangesNothing) {
  const FrameRange run = AllocateRun(512);
  zone_.leaves().FailAfter(0);
  const Counters before = allocator_.counters();
  EXPECT_EQ(allocator_.GrowRun(run, FrameCount(5)).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.counters(), before);
  EXPECT_TRUE(allocator_.GrowRun(run, FrameCount(512)).ok()) << "ends between pageblocks";
}

TEST_F(RunTest, SplitsAtEveryFrame) {
  for (const std::uint32_t first : {1u, 256u, 511u, 512u, 513u, 1535u}) {
    const FrameRange run = AllocateRun(1536);
    ASSERT_TRUE(allocator_.SplitRun(run, FrameCount(first)).ok());
    const FrameRange head = Range(run.begin, first);
    const FrameRange tail = Range(run.begin + FrameCount(first), 1536 - first);
    EXPECT_EQ(allocator_.RunContaining(head.end() - FrameCount(1)), head);
    EXPECT_EQ(allocator_.RunContaining(tail.begin), tail);
    allocator_.FreeRun(head);
    EXPECT_EQ(FreeFrames(), FrameCount(kBlocks * 512) - tail.count);
    allocator_.FreeRun(tail);
  }
}

TEST_F(RunTest, SplittingWithoutALeafFailsAndChangesNothing) {
  const FrameRange run = AllocateRun(1024);
  zone_.leaves().FailAfter(0);
  EXPECT_EQ(allocator_.SplitRun(run, FrameCount(1)).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.RunContaining(run.begin), run);
  EXPECT_TRUE(allocator_.SplitRun(run, FrameCount(512)).ok()) << "between pageblocks";
}

TEST_F(RunTest, MergesWhatWasSplit) {
  const FrameRange run = AllocateRun(1000);
  ASSERT_TRUE(allocator_.SplitRun(run, FrameCount(700)).ok());
  ASSERT_TRUE(
      allocator_.MergeRuns(Range(run.begin, 700), Range(run.begin + FrameCount(700), 300)).ok());
  EXPECT_EQ(allocator_.RunContaining(run.end() - FrameCount(1)), run);
  allocator_.FreeRun(run);
  EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kMapped], kBlocks);
}

TEST_F(RunTest, RunsOfDifferentMobilityMergeAndAreFreedTogether) {
  const FrameRange all = AllocateRun(kBlocks * 512);
  ASSERT_TRUE(allocator_.SplitRun(all, FrameCount(1024)).ok());
  allocator_.FreeRun(Range(all.begin, 1024));
  const FrameRange first = AllocateRun(512, 9, kUnmovable);
  const FrameRange second = AllocateRun(512, 9, kMovable);
  ASSERT_TRUE(allocator_.MergeRuns(first, second).ok());
  allocator_.FreeRun(Range(first.begin, 1024));
  EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kMapped], 2u);
}

TEST_F(RunTest, RunsOfDifferentVisibilityDoNotMerge) {
  const FrameRange run = AllocateRun(512);
  const FrameRange hidden = AllocateRun(512, 9, Request::Unmapped());
  ASSERT_EQ(hidden.begin, run.end()) << "the test needs neighbours";
  EXPECT_EQ(allocator_.MergeRuns(run, hidden).error(), Error::kInvalid);
  EXPECT_EQ(allocator_.RunContaining(hidden.begin), hidden);
}

TEST_F(RunTest, ARunAcrossAnIsolatedBlockIsFreedAroundIt) {
  const FrameRange run = AllocateRun(kBlocks * 512);
  ASSERT_TRUE(allocator_.Isolate(BlockNumber(3)).ok());
  allocator_.FreeRun(run);
  EXPECT_EQ(FreeFrames(), FrameCount((kBlocks - 1) * 512));
  EXPECT_EQ(allocator_.counters().isolated_frames, FrameCount(512));
}

// Spec: T28
TEST_F(RunTest, WholePageblocksLeaveNoRemainder) {
  const FrameRange run = AllocateRun(3 * 512, 9, Request::Unmapped());
  const Counters counters = allocator_.counters();
  EXPECT_EQ(counters.free_frames[Visibility::kUnmapped], FrameCount(0));
  EXPECT_EQ(counters.converted_blocks, 3u);
  allocator_.FreeRun(run);
}

TEST_F(RunTest, AHiddenRunConvertsAsManyPageblocksAsItTouches) {
  const FrameRange run = AllocateRun(2 * 512 + 1, 0, Request::Unmapped());
  const Counters counters = allocator_.counters();
  EXPECT_EQ(counters.converted_blocks, 3u);
  EXPECT_EQ(counters.flushes, 1u);
  EXPECT_EQ(counters.free_frames[Visibility::kUnmapped], FrameCount(511));
  allocator_.FreeRun(run);
  EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kUnmapped], 3u);
}

class GiantRunTest : public RunTest {
 protected:
  static constexpr std::uint32_t kTop = 1u << 18;

  GiantRunTest() { giant_.allocator().set_walk_interval(8); }

  // 4 GiB.
  TestZone giant_{4 * kTop / 512};
};

TEST_F(GiantRunTest, TakesNeighbouringBlocksOfTheLargestOrder) {
  PageAllocator& allocator = giant_.allocator();
  const auto run = allocator.AllocateRun(FrameCount(2 * kTop + 5), Order(3), kMovable);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->begin.value % kTop, 0u);
  EXPECT_EQ(allocator.counters().free_frames[Visibility::kMapped], FrameCount(2 * kTop - 5));
  EXPECT_EQ(allocator.RunContaining(run->end() - FrameCount(1)), *run);
  EXPECT_TRUE(allocator.IsFree(run->end()));
  allocator.FreeRun(*run);
  EXPECT_EQ(allocator.counters().free_blocks[Visibility::kMapped], 4 * kTop / 512);
  allocator.CheckInvariantsAtRest();
}

TEST_F(GiantRunTest, BlocksThatAreNoNeighboursAreNotEnough) {
  PageAllocator& allocator = giant_.allocator();
  const FrameNumber first = *allocator.Allocate(kMaxOrder, kMovable);
  const FrameNumber second = *allocator.Allocate(kMaxOrder, kMovable);
  const FrameNumber third = *allocator.Allocate(kMaxOrder, kMovable);
  ASSERT_EQ(third.value % (2 * kTop), first.value % (2 * kTop));
  allocator.Free(first, kMaxOrder);
  allocator.Free(third, kMaxOrder);
  EXPECT_EQ(allocator.AllocateRun(FrameCount(3 * kTop), Order(0), kMovable).error(),
            Error::kNoFrames);
  allocator.Free(second, kMaxOrder);
  EXPECT_TRUE(allocator.AllocateRun(FrameCount(4 * kTop), Order(0), kMovable).ok());
}

TEST_F(GiantRunTest, AnotherMobilityClaimsAllOfThem) {
  PageAllocator& allocator = giant_.allocator();
  const auto run = allocator.AllocateRun(FrameCount(kTop + 1), Order(0), kUnmovable);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(giant_.TypeOf(run->begin), kUnmovable.freetype());
  EXPECT_EQ(giant_.TypeOf(run->end()), kUnmovable.freetype());
  EXPECT_EQ(giant_.TypeOf(run->end() + FrameCount(512)), kMovable.freetype());
  allocator.FreeRun(*run);
}

TEST_F(GiantRunTest, HiddenOnesAreConvertedInOneRange) {
  PageAllocator& allocator = giant_.allocator();
  const auto run = allocator.AllocateRun(FrameCount(kTop + 1), Order(0), Request::Unmapped());
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(allocator.counters().flushes, 1u);
  EXPECT_EQ(allocator.counters().converted_blocks, kTop / 512 + 1);
  allocator.FreeRun(*run);
}

}  // namespace
}  // namespace pageward::frame
