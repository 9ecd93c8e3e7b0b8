#include "runtime/sim/direct_map.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using ptable::SetDirectMapTo;
using ptable::SetMemoryTo;
using testing_support::ConfigOf;
using testing_support::TestKernel;

constexpr std::uint64_t kGiB = TestKernel::kGiB;
constexpr std::uint32_t kFramesPerGiB = 1u << 18;

FrameRange Frames(std::uint32_t begin, std::uint32_t count) {
  return FrameRange{FrameNumber(begin), FrameCount(count)};
}

class DirectMapTest : public testing::Test {
 protected:
  DirectMap& map() { return kernel_->direct_map(); }

  TestKernel kernel_{ConfigOf(4 * kGiB)};
};

TEST_F(DirectMapTest, IsMadeOfLeavesAsLargeAsTheyCanBe) {
  const ptable::LeafCounts leaves = map().CountLeaves();
  // The first gigabyte has been split around the tables that were made first.
  EXPECT_EQ(leaves.at[2], 3u);
  EXPECT_EQ(leaves.at[1], 512u);
  EXPECT_EQ(leaves.at[0], 0u);
  EXPECT_EQ(map().AddressOf(FrameNumber(1)), kDirectMapBase + kFrameBytes);
  EXPECT_EQ(kernel_.ReadHome(FrameNumber(kFramesPerGiB)), 0u);
}

// Spec: T12
TEST_F(DirectMapTest, AtTheStartEveryBlockIsMappedAndOnlyTheTablesHaveSplitAnything) {
  EXPECT_EQ(map().splits(), 0u);
  const auto counters = kernel_->frames().counters();
  EXPECT_EQ(counters.free_frames[frame::Visibility::kUnmapped], FrameCount(0));
  EXPECT_EQ(counters.conversions[frame::Visibility::kUnmapped], 0u);
  for (std::uint32_t block = 0; block < 4 * 512; ++block) {
    ASSERT_TRUE(map().IsPresent(FirstFrameOf(BlockNumber(block)))) << block;
  }
}

// Spec: T119
TEST_F(DirectMapTest, AChangeActsOnExactlyItsFramesAndIsUndoneByItsInverse) {
  const struct {
    ptable::PermissionChange change;
    ptable::PermissionChange inverse;
  } pairs[] = {{SetMemoryTo::kReadOnly, SetMemoryTo::kReadWrite},
               {SetMemoryTo::kExecute, SetMemoryTo::kNoExecute},
               {SetMemoryTo::Key(arch::Pkey(5)), SetMemoryTo::Key(arch::kDefaultPkey)},
               {SetDirectMapTo::kInvalid, SetDirectMapTo::kDefault},
               {SetDirectMapTo::kInvalid, SetDirectMapTo::kValid}};
  const FrameRange frames = Frames(kFramesPerGiB + 511, 514);
  const ptable::Permissions before = map().PermissionsOf(frames.begin);
  for (const auto& pair : pairs) {
    ASSERT_TRUE(map().Change(frames, pair.change, FlushWhen::kNow).ok());
    for (const FrameNumber inside :
         {frames.begin, frames.begin + FrameCount(200), frames.end() - FrameCount(1)}) {
      EXPECT_EQ(map().PermissionsOf(inside), pair.change.AppliedTo(before));
    }
    EXPECT_EQ(map().PermissionsOf(frames.begin - FrameCount(1)), before);
    EXPECT_EQ(map().PermissionsOf(frames.end()), before);
    ASSERT_TRUE(map().Change(frames, pair.inverse, FlushWhen::kNow).ok());
    EXPECT_EQ(map().PermissionsOf(frames.begin), before);
  }
  kernel_->CheckInvariants();
}

TEST_F(DirectMapTest, APageblockOfALargeLeafTakesOneTableAndOneFlush) {
  kernel_.TakeCounts();
  const auto changed =
      map().Change(Frames(2 * kFramesPerGiB, 512), SetDirectMapTo::kInvalid, FlushWhen::kNow);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->leaves.at[1], 1u);
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Tally::kSplit], 1u);
  EXPECT_EQ(counts[Tally::kTablePageTaken], 1u);
  EXPECT_EQ(counts[Tally::kFlushEvent], 1u);
  EXPECT_EQ(counts[Primitive::kPageFlush], 4u) << "one instruction on each processor";
  EXPECT_EQ(counts[Tally::kPresenceChange], 1u);
}

TEST_F(DirectMapTest, AFlushReachesEachLeafOfARangeOfLargeAndSmallOnes) {
  const FrameRange both = Frames(kFramesPerGiB, 2 * kPageblockFrames);
  const FrameRange one = Frames(kFramesPerGiB + kPageblockFrames + 7, 1);
  for (const ptable::PermissionChange& change :
       {SetDirectMapTo::kInvalid, SetDirectMapTo::kDefault}) {
    ASSERT_TRUE(map().Change(one, change, FlushWhen::kNow).ok());
  }
  ASSERT_EQ(map().LeafLevelOf(both.begin), 1u);
  ASSERT_EQ(map().LeafLevelOf(one.begin), 0u);
  for (FrameNumber frame = both.begin; frame < both.end(); ++frame.value) {
    ASSERT_TRUE(kernel_.ReadHome(frame, 1).has_value()) << frame.value;
  }
  ASSERT_TRUE(map().Change(both, SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
  for (FrameNumber frame = both.begin; frame < both.end(); ++frame.value) {
    ASSERT_FALSE(kernel_.ReadHome(frame, 1).has_value()) << frame.value;
  }
}

TEST_F(DirectMapTest, PuttingBackFlushesNothing) {
  const FrameRange block = Frames(2 * kFramesPerGiB, 512);
  ASSERT_TRUE(map().Change(block, SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
  kernel_.TakeCounts();
  ASSERT_TRUE(map().Change(block, SetDirectMapTo::kValid, FlushWhen::kNow).ok());
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Tally::kFlushEvent], 0u);
  EXPECT_EQ(counts[Tally::kSplit], 0u);
}

// Spec: T39
TEST_F(DirectMapTest, LargeLeavesOnlyBecomeFewer) {
  const auto large = [&] { return map().CountLeaves().at[2] + map().CountLeaves().at[1]; };
  std::uint64_t huge_before = map().CountLeaves().at[2];
  for (std::uint32_t i = 1; i < 20; ++i) {
    const FrameRange frames = Frames(i * 40'009, 1 + i % 3);
    ASSERT_TRUE(map().Change(frames, SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
    const std::uint64_t after_split = large();
    ASSERT_TRUE(map().Change(frames, SetDirectMapTo::kDefault, FlushWhen::kNow).ok());
    EXPECT_EQ(large(), after_split) << "what is split stays split";
    EXPECT_LE(map().CountLeaves().at[2], huge_before);
    huge_before = map().CountLeaves().at[2];
  }
  kernel_->CheckInvariants();
}

TEST_F(DirectMapTest, AChangeWithoutTablePagesChangesNothing) {
  const FrameRange frames = Frames(3 * kFramesPerGiB + 5, 1);
  for (std::uint64_t granted = 0; granted < 2; ++granted) {
    kernel_.faults().FailAfter(FaultPoint::kTablePage, granted);
    EXPECT_FALSE(map().Change(frames, SetDirectMapTo::kInvalid, FlushWhen::kNow).ok()) << granted;
    EXPECT_TRUE(map().IsPresent(frames.begin));
    kernel_->CheckInvariants();
  }
  EXPECT_TRUE(map().Change(frames, SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
}

TEST_F(DirectMapTest, AMapThatCannotChangeSaysSo) {
  KernelConfig config = ConfigOf(kGiB);
  config.tables.policy = PtpPolicy::kNone;
  config.direct_map.can_change = false;
  TestKernel fixed(config);
  EXPECT_EQ(fixed->direct_map()
                .Change(Frames(1024, 512), SetDirectMapTo::kInvalid, FlushWhen::kNow)
                .error(),
            Error::kUnsupported);
}

// Spec: T98
TEST_F(DirectMapTest, BySmallLeavesNothingIsEverSplit) {
  KernelConfig config = ConfigOf(kGiB);
  config.direct_map.largest_leaf = 0;
  TestKernel small(config);
  const std::uint64_t cached = small->tables().cached();
  ASSERT_TRUE(
      small->direct_map().Change(Frames(5000, 3), SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
  EXPECT_EQ(small->direct_map().splits(), 0u);
  EXPECT_EQ(small->tables().cached(), cached);
  EXPECT_FALSE(small->direct_map().IsPresent(FrameNumber(5001)));
  small->CheckInvariants();
}

TEST_F(DirectMapTest, ThreadsThatSplitTheSameLeafShareTheWork) {
  std::vector<std::thread> threads;
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    threads.emplace_back([&, cpu] {
      const OnCpu on_cpu(kernel_.cpu(cpu));
      for (std::uint32_t i = 0; i < 100; ++i) {
        const FrameRange frame = Frames(2 * kFramesPerGiB + cpu + 4 * i, 1);
        ASSERT_TRUE(map().Change(frame, SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
        ASSERT_FALSE(map().IsPresent(frame.begin));
        ASSERT_TRUE(map().Change(frame, SetDirectMapTo::kDefault, FlushWhen::kNow).ok());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(map().splits(), 2u);
  kernel_->CheckInvariants();
}

}  // namespace
}  // namespace pageward::sim
