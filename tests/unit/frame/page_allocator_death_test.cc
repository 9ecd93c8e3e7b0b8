// What the allocator dies of, and that it does so before anything has changed.
#include <gtest/gtest.h>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::AttachedLists;
using testing_support::TestZone;

constexpr std::uint32_t kBlocks = 4;
constexpr Order kOrder0{0};
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);

class PageAllocatorDeathTest : public testing::Test {
 protected:
  ~PageAllocatorDeathTest() override {
    EXPECT_EQ(allocator_.counters(), before_) << "a structure changed before the death";
    allocator_.CheckInvariantsAtRest();
  }

  static FrameRange Range(std::uint32_t begin, std::uint32_t frames) {
    return FrameRange{FrameNumber(begin), FrameCount(frames)};
  }

  TestZone zone_{kBlocks + 1, TestZone::Start::kNoBlocks};
  PageAllocator& allocator_ = zone_.allocator();
  // Pageblock 0: runs of 8 (at 0) and 8 (at 8), then a free frame that was allocated once (16).
  // All deaths happen in children, so this process never sees a change.
  Counters before_ = [this] {
    allocator_.AddBlocks(BlockRange{BlockNumber(0), kBlocks});
    const FrameRange run = *allocator_.AllocateRun(FrameCount(17), kOrder0, kMovable);
    EXPECT_EQ(run, Range(0, 17));
    EXPECT_TRUE(allocator_.SplitRun(run, FrameCount(8)).ok());
    EXPECT_TRUE(allocator_.SplitRun(Range(8, 9), FrameCount(8)).ok());
    allocator_.FreeRun(Range(16, 1));
    return allocator_.counters();
  }();
};

// Spec: U20
TEST_F(PageAllocatorDeathTest, ADoubleFreeDies) {
  EXPECT_DEATH(allocator_.Free(FrameNumber(16), kOrder0), "double free: frames 0x10\\+0x1 lie in");
  EXPECT_DEATH(allocator_.FreeRun(Range(16, 1)), "double free: frames 0x10\\+0x1 lie in");
  EXPECT_DEATH(allocator_.FreeRun(Range(512, 512)), "double free: frames 0x200\\+0x200 lie in");
  EXPECT_DEATH(
      {
        allocator_.FreeRun(Range(0, 8));
        allocator_.FreeRun(Range(0, 8));
      },
      "double free: frames 0x0\\+0x8 lie in");
}

// Spec: U20
TEST_F(PageAllocatorDeathTest, ADoubleFreeThroughThreadListsDies) {
  EXPECT_DEATH(
      {
        AttachedLists lists(allocator_);
        allocator_.Free(FrameNumber(8), Order(3), *lists);
        allocator_.Free(FrameNumber(8), Order(3), *lists);
      },
      "double free: frames 0x8\\+0x8 lie in");
  EXPECT_DEATH(
      {
        AttachedLists lists(allocator_);
        allocator_.Free(FrameNumber(8), Order(3), *lists);
        allocator_.FreeRun(Range(8, 8));
      },
      "double free: frames 0x8\\+0x8 lie in");
}

// Spec: U20
TEST_F(PageAllocatorDeathTest, AForeignFrameDies) {
  const char* const kOutside =
      "foreign frame: frames 0x[0-9a-f]+\\+0x[0-9a-f]+ are not in the zone";
  // In the table, but not in the zone; behind the table; and with an end behind it.
  EXPECT_DEATH(allocator_.Free(FrameNumber(kBlocks * 512), kOrder0), kOutside);
  EXPECT_DEATH(allocator_.Free(FrameNumber(1u << 20), kOrder0), kOutside);
  EXPECT_DEATH(allocator_.FreeRun(Range(0, ~0u)), kOutside);
  EXPECT_DEATH(
      {
        AttachedLists lists(allocator_);
        allocator_.Free(FrameNumber(1u << 20), kOrder0, *lists);
      },
      kOutside);
  EXPECT_DEATH(allocator_.FreeRun(Range(0, 0)), "foreign frame");
}

// Spec: U20
TEST_F(PageAllocatorDeathTest, FreeingPartOfARunOrMoreThanItDies) {
  EXPECT_DEATH(allocator_.FreeRun(Range(0, 7)), "run mismatch: frames 0x0\\+0x7 are not the run");
  EXPECT_DEATH(allocator_.FreeRun(Range(0, 16)), "run mismatch: frames 0x0\\+0x10 are not the run");
  EXPECT_DEATH(allocator_.FreeRun(Range(4, 4)), "run mismatch: .* the run 0x0\\+0x8");
  EXPECT_DEATH(allocator_.Free(FrameNumber(8), Order(2)), "run mismatch: .* the run 0x8\\+0x8");
}

// Spec: U20
TEST_F(PageAllocatorDeathTest, SplittingWhatIsNoRunDies) {
  EXPECT_DEATH(static_cast<void>(allocator_.SplitRun(Range(4, 4), FrameCount(2))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.SplitRun(Range(16, 4), FrameCount(2))), "double free");
  EXPECT_DEATH(static_cast<void>(allocator_.SplitRun(Range(0, 8), FrameCount(0))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.SplitRun(Range(0, 8), FrameCount(8))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.SplitRun(Range(0, 8), FrameCount(9))), "run mismatch");
}

// Spec: U20
TEST_F(PageAllocatorDeathTest, MergingWhatOverlapsOrIsNoRunDies) {
  EXPECT_DEATH(static_cast<void>(allocator_.MergeRuns(Range(0, 8), Range(0, 8))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.MergeRuns(Range(8, 8), Range(0, 8))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.MergeRuns(Range(0, 8), Range(4, 8))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.MergeRuns(Range(0, 9), Range(8, 8))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.MergeRuns(Range(8, 8), Range(16, 1))), "double free");
}

TEST_F(PageAllocatorDeathTest, GrowingWhatIsNoRunDies) {
  EXPECT_DEATH(static_cast<void>(allocator_.GrowRun(Range(8, 4), FrameCount(1))), "run mismatch");
  EXPECT_DEATH(static_cast<void>(allocator_.GrowRun(Range(16, 1), FrameCount(1))), "double free");
}

// Spec: T40
TEST_F(PageAllocatorDeathTest, UnknownFlagsDieOnEveryWayIn) {
  const Request request(kMovable.freetype(), nullptr, RequestFlags(1u << 9));
  EXPECT_DEATH(static_cast<void>(allocator_.Allocate(kOrder0, request)), "unknown flags: 0x200 ");
  EXPECT_DEATH(static_cast<void>(allocator_.AllocateRun(FrameCount(1), kOrder0, request)),
               "unknown flags: 0x200 ");
  EXPECT_DEATH(
      {
        AttachedLists lists(allocator_);
        // Also with a frame at hand, which would be served without any look at the lists.
        allocator_.Free(*allocator_.Allocate(kOrder0, kMovable, *lists), kOrder0, *lists);
        static_cast<void>(allocator_.Allocate(kOrder0, request, *lists));
      },
      "unknown flags: 0x200 ");
}

TEST_F(PageAllocatorDeathTest, AddingBlocksTwiceDies) {
  EXPECT_DEATH(allocator_.AddBlocks(BlockRange{BlockNumber(3), 1}), "run mismatch: 0x3 ");
  EXPECT_DEATH(allocator_.AddBlocks(BlockRange{BlockNumber(kBlocks + 1), 1}),
               "foreign frame: 0x5 ");
}

}  // namespace
}  // namespace pageward::frame
