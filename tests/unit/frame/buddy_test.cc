#include "runtime/frame/buddy.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/frame/parts.h"

namespace pageward::frame {
namespace {

using testing_support::Parts;

using Blocks = std::vector<std::pair<std::uint32_t, unsigned>>;

Blocks AlignedBlocksOf(std::uint32_t begin, std::uint32_t frames, Order largest) {
  Blocks blocks;
  ForEachAlignedBlock(
      FrameRange{FrameNumber(begin), FrameCount(frames)}, largest,
      [&](FrameNumber head, Order order) { blocks.emplace_back(head.value, order.value()); });
  return blocks;
}

TEST(ForEachAlignedBlockTest, DividesARangeIntoTheFewestAlignedBlocks) {
  EXPECT_EQ(AlignedBlocksOf(5, 0, kMaxOrder), Blocks{});
  EXPECT_EQ(AlignedBlocksOf(5, 1, kMaxOrder), (Blocks{{5, 0}}));
  EXPECT_EQ(AlignedBlocksOf(5, 11, kMaxOrder), (Blocks{{5, 0}, {6, 1}, {8, 3}}));
  EXPECT_EQ(AlignedBlocksOf(0, 13, kMaxOrder), (Blocks{{0, 3}, {8, 2}, {12, 0}}));
}

TEST(ForEachAlignedBlockTest, NoBlockIsLargerThanTheLargest) {
  EXPECT_EQ(AlignedBlocksOf(0, 1u << 19, kMaxOrder), (Blocks{{0, 18}, {1u << 18, 18}}));
  EXPECT_EQ(AlignedBlocksOf(512, 1536, kPageblockOrder), (Blocks{{512, 9}, {1024, 9}, {1536, 9}}));
}

class BuddyTest : public testing::Test {
 protected:
  ~BuddyTest() override { parts_.CheckInvariants(); }

  Order OrderAt(FrameNumber head) {
    const FrameRecord record = parts_.table.Load(head);
    EXPECT_EQ(record.state(), FrameState::kFree);
    return record.order();
  }
  void SetMobility(std::uint32_t block, Mobility mobility) {
    parts_.blocks.SetMobility(BlockRange{BlockNumber(block), 1}, mobility);
  }
  Freetype TypeOf(std::uint32_t block) { return parts_.blocks.FreetypeOf(BlockNumber(block)); }
  const ListSet& ListsOf(Mobility mobility) {
    return *parts_.lists.Find(Freetype::Mapped(mobility), nullptr);
  }

  Parts parts_{8};
  Buddy& buddy_ = parts_.buddy;
};

using BuddyDeathTest = BuddyTest;

TEST_F(BuddyTest, FreedBuddiesMergeUpToTheLargestBlock) {
  for (std::uint32_t frame = 0; frame < kPageblockFrames; ++frame) {
    parts_.Free(Parts::At(1, frame), 1);
    parts_.CheckInvariants();
  }
  EXPECT_EQ(OrderAt(Parts::At(1, 0)), kPageblockOrder);
  EXPECT_EQ(parts_.lists.free_blocks(Visibility::kMapped), 1u);
}

TEST_F(BuddyTest, AFreedFrameMergesWithBuddiesOfEveryOrderAtOnce) {
  parts_.Free(Parts::At(1, 1), 511);
  EXPECT_EQ(OrderAt(Parts::At(1, 256)), Order(8));
  parts_.Free(Parts::At(1, 0), 1);
  EXPECT_EQ(OrderAt(Parts::At(1, 0)), kPageblockOrder);
}

TEST_F(BuddyTest, NeighboursThatAreNoBuddiesStayApart) {
  parts_.Free(Parts::At(1, 1), 1);
  parts_.Free(Parts::At(1, 2), 1);
  EXPECT_EQ(OrderAt(Parts::At(1, 1)), Order(0));
  EXPECT_EQ(OrderAt(Parts::At(1, 2)), Order(0));
}

TEST_F(BuddyTest, TheLastBlockOfAZoneHasNoBuddyBehindIt) {
  Parts odd(3);
  odd.Free(Parts::At(2, 0), kPageblockFrames);
  EXPECT_EQ(odd.table.Load(Parts::At(2, 0)).order(), kPageblockOrder);
  odd.CheckInvariants();
}

TEST_F(BuddyTest, TakingABlockLeavesItsFramesInHand) {
  parts_.Free(Parts::At(2, 0), 2 * kPageblockFrames);
  EXPECT_EQ(buddy_.Take(Parts::At(2, 0)), Order(10));
  EXPECT_TRUE(parts_.table.Load(Parts::At(2, 0)).IsBody());
  EXPECT_EQ(parts_.lists.free_frames(Visibility::kMapped), FrameCount(0));
}

TEST_F(BuddyTest, TheRestOfABlockGoesBackInParts) {
  parts_.Free(Parts::At(2, 0), 2 * kPageblockFrames);
  buddy_.Take(Parts::At(2, 0));
  ASSERT_TRUE(parts_.table.EnsureRecord(Parts::At(2, 3)));
  buddy_.FreeRest(FrameRange{Parts::At(2, 3), FrameCount(2 * kPageblockFrames - 3)});
  EXPECT_EQ(OrderAt(Parts::At(2, 3)), Order(0));
  EXPECT_EQ(OrderAt(Parts::At(2, 4)), Order(2));
  EXPECT_EQ(OrderAt(Parts::At(2, 256)), Order(8));
  EXPECT_EQ(OrderAt(Parts::At(3, 0)), kPageblockOrder);
  EXPECT_EQ(parts_.lists.free_frames(Visibility::kMapped), FrameCount(1021));
}

// Spec: T7
TEST_F(BuddyTest, BlocksOfDifferentVisibilityNeverMerge) {
  parts_.Convert(BlockNumber(1), Freetype::Unmapped(), nullptr);
  parts_.Convert(BlockNumber(6), Freetype::Unmapped(), nullptr);
  parts_.Convert(BlockNumber(7), Freetype::Unmapped(), nullptr);
  for (std::uint32_t block = 0; block < 8; ++block) {
    parts_.Free(Parts::At(block, 0), kPageblockFrames);
    parts_.CheckInvariants();
  }
  EXPECT_EQ(OrderAt(Parts::At(0, 0)), kPageblockOrder);
  EXPECT_EQ(OrderAt(Parts::At(1, 0)), kPageblockOrder);
  // One order up: 4 and 5 are mapped, 6 and 7 unmapped.
  EXPECT_EQ(OrderAt(Parts::At(4, 0)), Order(10));
  EXPECT_EQ(OrderAt(Parts::At(6, 0)), Order(10));
}

TEST_F(BuddyTest, BlocksOfDifferentOwnersNeverMerge) {
  OwnerLists first(OwnerId(1));
  OwnerLists second(OwnerId(2));
  parts_.lists.Register(first);
  parts_.lists.Register(second);
  parts_.Convert(BlockNumber(0), Freetype::Keyed(OwnerId(1)), &first);
  parts_.Convert(BlockNumber(1), Freetype::Keyed(OwnerId(2)), &second);
  parts_.Free(Parts::At(0, 0), kPageblockFrames);
  parts_.Free(Parts::At(1, 0), kPageblockFrames);
  EXPECT_EQ(OrderAt(Parts::At(0, 0)), kPageblockOrder);
  EXPECT_EQ(OrderAt(Parts::At(1, 0)), kPageblockOrder);
  parts_.CheckInvariants();
  buddy_.Take(Parts::At(0, 0));
  buddy_.Take(Parts::At(1, 0));
  parts_.Convert(BlockNumber(0), Freetype::Unmapped(), nullptr);
  parts_.Convert(BlockNumber(1), Freetype::Unmapped(), nullptr);
  ASSERT_TRUE(parts_.lists.Unregister(first).ok());
  ASSERT_TRUE(parts_.lists.Unregister(second).ok());
}

// Spec: T8
TEST_F(BuddyTest, BlocksOfDifferentMobilityMergeAndTakeThatOfTheFreedOne) {
  SetMobility(4, Mobility::kUnmovable);
  parts_.Free(Parts::At(5, 0), kPageblockFrames);
  parts_.Free(Parts::At(6, 0), 2 * kPageblockFrames);
  parts_.Free(Parts::At(4, 0), kPageblockFrames);
  EXPECT_EQ(OrderAt(Parts::At(4, 0)), Order(11));
  for (std::uint32_t block = 4; block < 8; ++block) {
    EXPECT_EQ(TypeOf(block), Freetype::Mapped(Mobility::kUnmovable));
  }
  EXPECT_EQ(ListsOf(Mobility::kUnmovable).count(Order(11)), 1u);
  EXPECT_EQ(ListsOf(Mobility::kMovable).free_frames(), FrameCount(0));
}

// Spec: T8
TEST_F(BuddyTest, ARunOverPageblocksOfDifferentMobilityIsFreedAsOneBlock) {
  SetMobility(5, Mobility::kReclaimable);
  parts_.Free(Parts::At(4, 0), 2 * kPageblockFrames);
  EXPECT_EQ(OrderAt(Parts::At(4, 0)), Order(10));
  EXPECT_EQ(TypeOf(5), Freetype::Mapped(Mobility::kMovable));
}

TEST_F(BuddyTest, MovingFreeFramesMovesAllOfThemAndNothingElse) {
  parts_.Free(Parts::At(1, 8), 5);
  parts_.Free(Parts::At(1, 500), 12);
  parts_.Free(Parts::At(2, 3), 1);
  buddy_.MoveFreeFrames(BlockNumber(1), Freetype::Mapped(Mobility::kUnmovable));
  EXPECT_EQ(ListsOf(Mobility::kUnmovable).free_frames(), FrameCount(17));
  EXPECT_EQ(ListsOf(Mobility::kMovable).free_frames(), FrameCount(1));
  EXPECT_EQ(TypeOf(1), Freetype::Mapped(Mobility::kUnmovable));
  EXPECT_EQ(TypeOf(2), Freetype::Mapped(Mobility::kMovable));
}

// Spec: T10
TEST_F(BuddyDeathTest, MovingFreeFramesToAnotherVisibilityIsReported) {
  parts_.Free(Parts::At(1, 8), 5);
  EXPECT_DEATH(buddy_.MoveFreeFrames(BlockNumber(1), Freetype::Unmapped()), "wrong freetype: 0x1 ");
  EXPECT_DEATH(buddy_.MoveFreeFrames(BlockNumber(1), Freetype::Keyed(OwnerId(3))),
               "wrong freetype: 0x1 ");
}

// Spec: T9
TEST_F(BuddyTest, IsolationTakesABlockOutOfALargerOneAndBack) {
  parts_.blocks.Skip(BlockNumber(2));
  parts_.Free(Parts::At(0, 0), 8 * kPageblockFrames);
  const BlockFlags before = parts_.blocks.FlagsOf(BlockNumber(2));
  buddy_.Isolate(BlockNumber(2));
  parts_.CheckInvariants();
  EXPECT_EQ(parts_.lists.isolated_frames(), kPageblockOrder.frames());
  EXPECT_EQ(parts_.lists.free_blocks(Visibility::kMapped), 7u);
  EXPECT_EQ(OrderAt(Parts::At(3, 0)), kPageblockOrder);
  buddy_.Unisolate(BlockNumber(2));
  EXPECT_EQ(OrderAt(Parts::At(0, 0)), Order(12));
  EXPECT_EQ(parts_.blocks.FlagsOf(BlockNumber(2)), before);
}

TEST_F(BuddyTest, IsolationMovesThePartsOfABrokenBlock) {
  parts_.Free(Parts::At(2, 7), 1);
  parts_.Free(Parts::At(2, 64), 64);
  buddy_.Isolate(BlockNumber(2));
  EXPECT_EQ(parts_.lists.isolated_frames(), FrameCount(65));
  EXPECT_EQ(ListsOf(Mobility::kMovable).free_frames(), FrameCount(0));
  parts_.CheckInvariants();
  buddy_.Unisolate(BlockNumber(2));
  EXPECT_EQ(ListsOf(Mobility::kMovable).free_frames(), FrameCount(65));
}

TEST_F(BuddyTest, WhatIsFreedInAnIsolatedBlockStaysApart) {
  buddy_.Isolate(BlockNumber(2));
  parts_.Free(Parts::At(0, 0), 8 * kPageblockFrames);
  parts_.CheckInvariants();
  EXPECT_EQ(OrderAt(Parts::At(2, 0)), kPageblockOrder);
  EXPECT_EQ(OrderAt(Parts::At(3, 0)), kPageblockOrder);
  EXPECT_EQ(OrderAt(Parts::At(0, 0)), Order(10));
  EXPECT_EQ(parts_.lists.isolated_frames(), kPageblockOrder.frames());
}

TEST_F(BuddyDeathTest, TheWalkFindsBuddiesThatShouldHaveMerged) {
  parts_.lists.Put(Parts::At(2, 0), kPageblockOrder);
  parts_.lists.Put(Parts::At(3, 0), kPageblockOrder);
  EXPECT_DEATH(buddy_.CheckInvariants(BlockRange{BlockNumber(0), 8}),
               "invariant broken: 0x400 .*F2");
  parts_.lists.Remove(Parts::At(3, 0), kPageblockOrder);
}

TEST_F(BuddyDeathTest, TheWalkFindsAFreeBlockOverTwoFreetypes) {
  parts_.Free(Parts::At(2, 0), 2 * kPageblockFrames);
  SetMobility(3, Mobility::kUnmovable);
  EXPECT_DEATH(buddy_.CheckInvariants(BlockRange{BlockNumber(0), 8}), "invariant broken: 0x3 .*F2");
  SetMobility(3, Mobility::kMovable);
}

TEST_F(BuddyDeathTest, TheWalkFindsAWrongCountOfFreeFrames) {
  parts_.Free(Parts::At(2, 1), 1);
  parts_.blocks.AddFree(BlockNumber(2), FrameCount(1));
  EXPECT_DEATH(buddy_.CheckInvariants(BlockRange{BlockNumber(0), 8}), "invariant broken: 0x2 .*F5");
  parts_.blocks.RemoveFree(BlockNumber(2), FrameCount(1));
}

}  // namespace
}  // namespace pageward::frame
