#include "runtime/sim/execmem.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::TestSimulation;

class ExecmemCacheTest : public testing::Test {
 protected:
  void TearDown() override {
    cache_.CheckInvariants();
    simulation_->CheckInvariants();
  }
  ptable::Outcome Fetch(VirtAddr at) {
    return simulation_.cpu().Translate(
        at, ptable::Access{ptable::AccessKind::kFetch, ptable::AccessMode::kSupervisor});
  }

  TestSimulation simulation_;
  ExecmemCache cache_{simulation_.kernel(), simulation_->kmap()};
};

// Spec: T122
TEST_F(ExecmemCacheTest, CodeIsExecutableAndNotWritableAndTheRestTraps) {
  const VirtRange code = *cache_.Allocate(3 * kFrameBytes);
  EXPECT_TRUE(Fetch(code.begin).IsTranslated());
  EXPECT_EQ(simulation_.cpu().Write(code.begin, 1).outcome.code().value(), 0x3u);
  EXPECT_EQ(simulation_.cpu().Read(code.begin).word, SimRam::PatternOf(ExecmemCache::kTrap));
  ASSERT_TRUE(cache_.Write(code.begin, FillTag{7}).ok());
  EXPECT_EQ(simulation_.cpu().Read(code.begin).word, SimRam::PatternOf(FillTag{7}));
  EXPECT_EQ(simulation_.cpu().Read(code.end()).word, SimRam::PatternOf(ExecmemCache::kTrap))
      << "nobody's";
  EXPECT_EQ(simulation_.kernel().direct_map().table().Find(code.begin).level, 1u)
      << "one large leaf, also after writing";
}

// Spec: T122
TEST_F(ExecmemCacheTest, TheDirectMapFollows) {
  const VirtRange code = *cache_.Allocate(kFrameBytes);
  const FrameNumber frame = *cache_.FrameAt(code.begin);
  EXPECT_FALSE(simulation_.kernel().direct_map().IsPresent(frame));
  // A second block, which goes when it is free again; the first stays.
  const VirtRange all = *cache_.Allocate(kPageblockBytes);
  const FrameNumber other = *cache_.FrameAt(all.begin);
  EXPECT_EQ(cache_.block_count(), 2u);
  ASSERT_TRUE(cache_.Free(all).ok());
  EXPECT_EQ(cache_.block_count(), 1u);
  EXPECT_TRUE(simulation_.kernel().direct_map().IsPresent(other));
  EXPECT_TRUE(simulation_.kernel().ram().IsZero(other)) << "nobody's code is left";
  EXPECT_FALSE(Fetch(all.begin).IsTranslated());
  ASSERT_TRUE(cache_.Free(code).ok());
  EXPECT_EQ(cache_.block_count(), 1u);
}

// Spec: T122
TEST_F(ExecmemCacheTest, RoomIsCarvedFromTheFirstPlaceThatFitsAndUsedAgain) {
  const VirtRange one = *cache_.Allocate(2 * kFrameBytes);
  const VirtRange two = *cache_.Allocate(1);
  EXPECT_EQ(two.begin, one.end());
  EXPECT_EQ(two.bytes, kFrameBytes);
  ASSERT_TRUE(cache_.Write(one.begin, FillTag{7}).ok());
  ASSERT_TRUE(cache_.Free(one).ok());
  EXPECT_EQ(simulation_.cpu().Read(one.begin).word, SimRam::PatternOf(ExecmemCache::kTrap));
  EXPECT_EQ(cache_.Allocate(kFrameBytes)->begin, one.begin);
  EXPECT_EQ(cache_.used_pages(), 2u);
}

// Spec: T122
TEST_F(ExecmemCacheTest, NoBlockIsMadeWhileALaterOneHasRoom) {
  ASSERT_TRUE(cache_.Allocate(kPageblockBytes).ok());
  const VirtRange second = *cache_.Allocate(kPageblockBytes);
  const VirtRange third = *cache_.Allocate(kFrameBytes);
  ASSERT_TRUE(cache_.Free(second).ok());
  ASSERT_EQ(cache_.block_count(), 2u);
  const Result<VirtRange> next = cache_.Allocate(kFrameBytes);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next->begin, third.end());
  EXPECT_EQ(cache_.block_count(), 2u);
}

TEST_F(ExecmemCacheTest, AReturnThatFailsStaysTakenAndIsTriedAgain) {
  const VirtRange code = *cache_.Allocate(4 * kFrameBytes);
  ASSERT_TRUE(cache_.Write(code.begin + 2 * kFrameBytes, FillTag{7}).ok());
  simulation_.faults().FailAfter(FaultPoint::kCodeReturn, 2);
  ASSERT_TRUE(cache_.Free(code).ok());
  EXPECT_EQ(cache_.pending_pages(), 1u);
  EXPECT_EQ(cache_.Allocate(4 * kFrameBytes)->begin, code.end() - kFrameBytes)
      << "not where something is left";
  EXPECT_EQ(cache_.Free(VirtRange{code.begin + 2 * kFrameBytes, kFrameBytes}).error(),
            Error::kInvalid)
      << "it is not the caller's any more";
  EXPECT_EQ(cache_.RetryReturns(), 1u);
  EXPECT_EQ(cache_.pending_pages(), 0u);
  EXPECT_EQ(simulation_.cpu().Read(code.begin + 2 * kFrameBytes).word,
            SimRam::PatternOf(ExecmemCache::kTrap));
}

TEST_F(ExecmemCacheTest, NonsenseIsRefused) {
  EXPECT_EQ(cache_.Allocate(0).error(), Error::kInvalid);
  EXPECT_EQ(cache_.Allocate(kPageblockBytes + 1).error(), Error::kInvalid);
  EXPECT_EQ(cache_.Write(kExecmem.begin, FillTag{1}).error(), Error::kInvalid);
  EXPECT_EQ(cache_.Free(VirtRange{kExecmem.begin, kFrameBytes}).error(), Error::kInvalid);
  const VirtRange code = *cache_.Allocate(kFrameBytes);
  EXPECT_EQ(cache_.Free(VirtRange{code.begin, 2 * kFrameBytes}).error(), Error::kInvalid);
}

TEST_F(ExecmemCacheTest, ABlockThatCannotBeMadeLeavesTheDirectMapAsItWas) {
  simulation_.kernel().DrainLists();
  const auto live = simulation_.kernel().frames().counters().live_frames;
  for (std::uint64_t granted = 0; granted < 1; ++granted) {
    simulation_.faults().FailAfter(FaultPoint::kTablePage, granted);
    EXPECT_FALSE(cache_.Allocate(kFrameBytes).ok());
    simulation_.faults().Stop();
    EXPECT_EQ(cache_.block_count(), 0u);
    simulation_.kernel().DrainLists();
    EXPECT_EQ(simulation_.kernel().frames().counters().live_frames, live);
  }
  EXPECT_TRUE(cache_.Allocate(kFrameBytes).ok());
}

TEST_F(ExecmemCacheTest, WhenAllBlocksAreFullThereIsNoRoom) {
  std::vector<VirtRange> all;
  for (std::size_t i = 0; i < ExecmemCache::kMostBlocks; ++i) {
    all.push_back(*cache_.Allocate(kPageblockBytes));
  }
  EXPECT_EQ(cache_.Allocate(1).error(), Error::kLimit);
  for (const VirtRange range : all) {
    ASSERT_TRUE(cache_.Free(range).ok());
  }
  EXPECT_EQ(cache_.block_count(), 1u);
}

}  // namespace
}  // namespace pageward::sim
