// The leaves of a frame table in the zone that it describes.
#include "runtime/space/leaf_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <optional>

#include "runtime/arch/cpu.h"
#include "runtime/keys/gate.h"
#include "tests/support/memory_probe.h"
#include "tests/support/open_metadata.h"
#include "tests/support/process_keys.h"
#include "tests/support/space/keyed_zone.h"

namespace pageward::space {
namespace {

using frame::Mobility;
using frame::Request;
using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::KeyedZone;
using testing_support::TryRead;
using testing_support::TryWrite;

constexpr std::uint64_t kZoneBytes = std::uint64_t{128} << 20;
constexpr arch::Pkey kKey(6);
const Request kSmall = Request::Mapped(Mobility::kUnmovable);

class LeafPagesTest : public testing::Test {
 protected:
  LeafPagesTest() {
    os_.set_fakes_keys(true);
    zone_.emplace(os_, keys_, kZoneBytes);
    EXPECT_TRUE(pool().UseKey(kKey).ok());
  }
  ~LeafPagesTest() override { zone_->CheckInvariants(); }

  TablePool& pool() { return zone_->leaf_pool(); }
  frame::PageAllocator& frames() { return zone_->frames(); }
  static FrameRange Whole(FrameNumber first) {
    return FrameRange{first, FrameCount(kPageblockFrames)};
  }
  void LeaveFour() {
    while (pool().cached() > 4) {
      ASSERT_TRUE(pool().Take().ok());
    }
  }

  FaultyOs os_;
  keys::KeyBroker keys_{os_, keys::KeyUse::kIfPresent};
  std::optional<KeyedZone> zone_;
};

// The first allocation needs a leaf, the leaf a keyed pageblock, and the pageblock a zone.
TEST_F(LeafPagesTest, TheFirstFrameFindsALeafThatHasTheKey) {
  EXPECT_EQ(frames().counters().managed_frames, FrameCount(0));
  const Result<FrameNumber> frame = frames().Allocate(Order(0), kSmall);
  ASSERT_TRUE(frame.ok());
  const std::optional<FrameNumber> leaf = zone_->LeafOf(frame->block());
  ASSERT_TRUE(leaf);
  EXPECT_TRUE(pool().Owns(*leaf));
  EXPECT_EQ(os_.KeyAt(zone_->AddressOf(*leaf)), kKey);
  EXPECT_EQ(frames().counters().leaves, 1u);
  EXPECT_EQ(pool().cached(), std::size_t{kPageblockFrames} - 1);
}

// Spec: T90
TEST_F(LeafPagesTest, ALeafIsZeroWhateverThePageHeldBefore) {
  ASSERT_TRUE(pool().Prepare().ok());
  frame::FrameLeaf* leaf = zone_->leaves().Allocate(BlockNumber(7));
  ASSERT_NE(leaf, nullptr);
  std::memset(leaf, 0x5a, sizeof(*leaf));
  zone_->leaves().Free(BlockNumber(7), leaf);
  frame::FrameLeaf* again = zone_->leaves().Allocate(BlockNumber(8));
  ASSERT_EQ(again, leaf) << "last in, first out";
  EXPECT_TRUE(std::all_of(std::begin(again->records), std::end(again->records),
                          [](std::uint64_t record) { return record == 0; }));
  zone_->leaves().Free(BlockNumber(8), again);
}

// Spec: T83, T94
TEST_F(LeafPagesTest, SplitsTakeTwoOfTheFourThatAreSetAsideAndThenFailCleanly) {
  const auto blocks = zone_->TakeAllPageblocks();
  LeaveFour();
  EXPECT_TRUE(frames().SplitRun(Whole(blocks[0]), FrameCount(1)).ok());
  EXPECT_TRUE(frames().SplitRun(Whole(blocks[1]), FrameCount(1)).ok());
  EXPECT_EQ(frames().SplitRun(Whole(blocks[2]), FrameCount(1)).error(), Error::kNoMemory);
  EXPECT_EQ(pool().cached(), 2u);
  EXPECT_EQ(*frames().RunContaining(blocks[2]), Whole(blocks[2]));
  // What needs no leaf goes on.
  EXPECT_TRUE(frames().SplitRun({blocks[0] + FrameCount(1), FrameCount(511)}, FrameCount(9)).ok());
}

TEST_F(LeafPagesTest, WhoMayNotBlockNeverWaitsForARefill) {
  ASSERT_TRUE(frames().Allocate(kPageblockOrder, kSmall).ok());
  LeaveFour();
  const auto pages = std::array{*pool().TakeForSplit(), *pool().TakeForSplit()};
  const Request request = kSmall.With(frame::RequestFlag::kMayNotBlock);
  EXPECT_EQ(frames().Allocate(Order(0), request).error(), Error::kNoMemory);
  EXPECT_EQ(pool().counters().refills[0], 1u);
  EXPECT_TRUE(frames().Allocate(Order(0), kSmall).ok());
  EXPECT_EQ(pool().counters().refills[0], 2u);
  pool().Put(pages[0]);
  pool().Put(pages[1]);
}

TEST_F(LeafPagesTest, LeavesGoBackToTheCacheWithTheirPageblocks) {
  const FrameNumber frame = *frames().Allocate(Order(0), kSmall);
  const std::size_t cached = pool().cached();
  const FrameNumber leaf = *zone_->LeafOf(frame.block());
  EXPECT_FALSE(frames().TrimLeaf(frame.block())) << "it is in use";
  frames().Free(frame, Order(0));
  EXPECT_TRUE(frames().TrimLeaf(frame.block()));
  EXPECT_EQ(pool().cached(), cached + 1);
  EXPECT_EQ(*pool().Take(), leaf);
  pool().Put(leaf);
}

TEST_F(LeafPagesTest, AnAllocatorWhoseLeavesRunOutFindsThemAgainWhenThereIsRoom) {
  const auto blocks = zone_->TakeAllPageblocks();
  LeaveFour();
  ASSERT_TRUE(frames().SplitRun(Whole(blocks[0]), FrameCount(8)).ok());
  ASSERT_TRUE(frames().SplitRun(Whole(blocks[1]), FrameCount(8)).ok());
  ASSERT_FALSE(frames().SplitRun(Whole(blocks[2]), FrameCount(8)).ok());
  frames().Free(blocks[3], kPageblockOrder);
  EXPECT_TRUE(frames().SplitRun(Whole(blocks[2]), FrameCount(8)).ok());
  EXPECT_EQ(pool().counters().refills[0], 2u);
  EXPECT_EQ(pool().deepest(), 1u);
}

TEST_F(LeafPagesTest, WithoutKeysLeavesWorkAllTheSame) {
  FaultyOs os;
  KeyedZone zone(os, testing_support::ProcessKeys(keys::KeyUse::kNever), kZoneBytes);
  const FrameNumber frame = *zone.frames().Allocate(Order(3), kSmall);
  EXPECT_TRUE(zone.leaf_pool().Owns(*zone.LeafOf(frame.block())));
  zone.CheckInvariants();
}

using LeafPagesDeathTest = LeafPagesTest;

TEST_F(LeafPagesDeathTest, WhatIsNoLeafIsRefused) {
  frame::FrameLeaf elsewhere = {};
  EXPECT_DEATH(zone_->leaves().Free(BlockNumber(0), &elsewhere), "foreign frame");
}

// --- With keys that act -------------------------------------------------------------------------

class ClosedLeafPagesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!arch::HasOspke()) {
      GTEST_SKIP() << "no protection keys on this machine";
    }
  }
  void TearDown() override {
    if (keys::IsMetadataClosed()) {
      testing_support::OpenMetadata(os_);
    }
  }

  FaultyOs os_;
};

// Spec: T90
TEST_F(ClosedLeafPagesTest, TakingALeafAndZeroingItNeedTheGate) {
  keys::KeyBroker& keys = testing_support::ProcessKeys(keys::KeyUse::kIfPresent);
  const arch::Pkey key = *keys.KeyFor(keys::KeyBroker::Purpose::kMetadata);
  KeyedZone zone(os_, keys, kZoneBytes);
  ASSERT_TRUE(zone.leaf_pool().Prepare().ok());
  ASSERT_TRUE(keys::CloseMetadata(os_, key).ok());
  ASSERT_TRUE(zone.leaf_pool().UseKey(key).ok());
  frame::FrameLeaf* leaf = nullptr;
  {
    const keys::Gate gate;
    leaf = zone.leaves().Allocate(BlockNumber(3));
  }
  ASSERT_NE(leaf, nullptr);
  EXPECT_EQ(TryRead(VirtAddr::Of(leaf)), Access::kOk);
  EXPECT_EQ(TryWrite(VirtAddr::Of(leaf)), Access::kKeyDenied);
}

using ClosedLeafPagesDeathTest = ClosedLeafPagesTest;

// Spec: T90
TEST_F(ClosedLeafPagesDeathTest, OutsideTheGateNoLeafIsZeroed) {
  keys::KeyBroker& keys = testing_support::ProcessKeys(keys::KeyUse::kIfPresent);
  const arch::Pkey key = *keys.KeyFor(keys::KeyBroker::Purpose::kMetadata);
  KeyedZone zone(os_, keys, kZoneBytes);
  ASSERT_TRUE(zone.leaf_pool().Prepare().ok());
  ASSERT_TRUE(keys::CloseMetadata(os_, key).ok());
  ASSERT_TRUE(zone.leaf_pool().UseKey(key).ok());
  EXPECT_DEATH(static_cast<void>(zone.leaves().Allocate(BlockNumber(4))), "");
}

}  // namespace
}  // namespace pageward::space
