#include "runtime/frame/free_lists.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/frame/parts.h"

namespace pageward::frame {
namespace {

using testing_support::Parts;

constexpr Order kOrder0{0};

class FreeListsTest : public testing::Test {
 protected:
  ~FreeListsTest() override { parts_.CheckInvariants(); }

  // Frames with even numbers, so that none has a free buddy.
  FrameNumber Even(std::uint32_t n) {
    const FrameNumber frame = Parts::At(1, 2 * n);
    EXPECT_TRUE(parts_.table.EnsureRecord(frame));
    return frame;
  }
  const ListSet& MovableLists() {
    return *parts_.lists.Find(Freetype::Mapped(Mobility::kMovable), nullptr);
  }
  BlockRecord& RecordOf(std::uint32_t block) { return parts_.records[block]; }

  Parts parts_{6};
  FreeLists& lists_ = parts_.lists;
};

using FreeListsDeathTest = FreeListsTest;

TEST_F(FreeListsTest, GivesTheBlockThatWasPutLast) {
  EXPECT_EQ(MovableLists().First(kOrder0), std::nullopt);
  for (std::uint32_t n = 0; n < 3; ++n) {
    lists_.Put(Even(n), kOrder0);
    EXPECT_EQ(MovableLists().First(kOrder0), Even(n));
  }
  EXPECT_EQ(MovableLists().count(kOrder0), 3u);
}

TEST_F(FreeListsTest, BlocksLeaveFromAnyPlace) {
  for (std::uint32_t n = 0; n < 4; ++n) {
    lists_.Put(Even(n), kOrder0);
  }
  lists_.Remove(Even(1), kOrder0);
  parts_.CheckInvariants();
  lists_.Remove(Even(3), kOrder0);
  parts_.CheckInvariants();
  lists_.Remove(Even(0), kOrder0);
  EXPECT_EQ(MovableLists().First(kOrder0), Even(2));
  lists_.Remove(Even(2), kOrder0);
  EXPECT_EQ(MovableLists().count(kOrder0), 0u);
  EXPECT_TRUE(parts_.table.Load(Even(2)).IsBody());
}

TEST_F(FreeListsTest, FindsTheSmallestOrderThatIsLargeEnough) {
  EXPECT_EQ(MovableLists().SmallestFrom(kOrder0), std::nullopt);
  lists_.Put(Even(1), Order(1));
  lists_.Put(Parts::At(2, 0), Order(10));
  EXPECT_EQ(MovableLists().SmallestFrom(kOrder0), Order(1));
  EXPECT_EQ(MovableLists().SmallestFrom(Order(1)), Order(1));
  EXPECT_EQ(MovableLists().SmallestFrom(Order(2)), Order(10));
  EXPECT_EQ(MovableLists().SmallestFrom(Order(11)), std::nullopt);
}

TEST_F(FreeListsTest, TheListFollowsFromThePageblock) {
  OwnerLists owner(OwnerId(5));
  lists_.Register(owner);
  parts_.Convert(BlockNumber(3), Freetype::Unmapped(), nullptr);
  parts_.Convert(BlockNumber(4), Freetype::Keyed(OwnerId(5)), &owner);
  lists_.Put(Parts::At(2, 0), kPageblockOrder);
  lists_.Put(Parts::At(3, 0), kPageblockOrder);
  lists_.Put(Parts::At(4, 0), kPageblockOrder);
  EXPECT_EQ(MovableLists().First(kPageblockOrder), Parts::At(2, 0));
  EXPECT_EQ(lists_.Find(Freetype::Unmapped(), nullptr)->First(kPageblockOrder), Parts::At(3, 0));
  EXPECT_EQ(lists_.Find(Freetype::Keyed(OwnerId(5)), &owner)->First(kPageblockOrder),
            Parts::At(4, 0));
  EXPECT_EQ(owner.free_frames(), kPageblockOrder.frames());
  lists_.Remove(Parts::At(4, 0), kPageblockOrder);
  EXPECT_TRUE(lists_.Unregister(owner).ok());
  parts_.Convert(BlockNumber(4), Freetype::Unmapped(), nullptr);
}

// Spec: T16
TEST_F(FreeListsTest, AFreetypeWithoutListsIsFoundToHaveNone) {
  EXPECT_EQ(lists_.Find(Freetype::Unmapped().With(Mobility::kMovable), nullptr), nullptr);
}

TEST_F(FreeListsTest, CountsFramesAndWholePageblocksByVisibility) {
  parts_.Convert(BlockNumber(5), Freetype::Unmapped(), nullptr);
  lists_.Put(Parts::At(2, 0), Order(10));
  lists_.Put(Even(0), kOrder0);
  lists_.Put(Parts::At(5, 0), kPageblockOrder);
  EXPECT_EQ(lists_.free_frames(Visibility::kMapped), FrameCount(1025));
  EXPECT_EQ(lists_.free_blocks(Visibility::kMapped), 2u);
  EXPECT_EQ(lists_.free_frames(Visibility::kUnmapped), FrameCount(512));
  EXPECT_EQ(lists_.free_blocks(Visibility::kUnmapped), 1u);
  lists_.Remove(Parts::At(2, 0), Order(10));
  EXPECT_EQ(lists_.free_frames(Visibility::kMapped), FrameCount(1));
  EXPECT_EQ(lists_.free_blocks(Visibility::kMapped), 0u);
}

TEST_F(FreeListsTest, IsolatedFramesCountForThemselves) {
  parts_.blocks.Isolate(BlockNumber(2));
  lists_.Put(Parts::At(2, 0), kPageblockOrder);
  EXPECT_EQ(lists_.isolated_frames(), kPageblockOrder.frames());
  EXPECT_EQ(lists_.free_frames(Visibility::kMapped), FrameCount(0));
  EXPECT_EQ(lists_.free_blocks(Visibility::kMapped), 0u);
  EXPECT_EQ(MovableLists().First(kPageblockOrder), std::nullopt);
}

TEST_F(FreeListsTest, AnOwnerWithPageblocksStaysRegistered) {
  OwnerLists first(OwnerId(1));
  OwnerLists second(OwnerId(2));
  OwnerLists third(OwnerId(3));
  lists_.Register(first);
  lists_.Register(second);
  lists_.Register(third);
  lists_.NoteGained(&second, 1);
  EXPECT_EQ(lists_.Unregister(second).error(), Error::kInUse);
  EXPECT_TRUE(second.IsRegistered());
  lists_.NoteLost(&second, 1);
  EXPECT_TRUE(lists_.Unregister(second).ok());
  EXPECT_TRUE(lists_.Unregister(third).ok());
  EXPECT_TRUE(lists_.Unregister(first).ok());
  EXPECT_FALSE(first.IsRegistered());
}

TEST_F(FreeListsDeathTest, AnOwnerThatIsDestroyedWhileRegisteredDies) {
  EXPECT_DEATH(
      {
        OwnerLists owner(OwnerId(9));
        lists_.Register(owner);
      },
      "assertion failed: 0x9 ");
}

TEST_F(FreeListsDeathTest, TakingABlockOfAnotherOrderDies) {
  lists_.Put(Even(0), kOrder0);
  EXPECT_DEATH(lists_.Remove(Even(0), Order(1)), "invariant broken: 0x200 .*F10");
}

TEST_F(FreeListsDeathTest, TakingWhatIsNotFreeDies) {
  EXPECT_DEATH(lists_.Remove(Even(0), kOrder0), "invariant broken: 0x200 .*F10");
}

// Somebody wrote to the links: unlinking would write wherever they point.
TEST_F(FreeListsDeathTest, TakingABlockThatItsNeighboursDoNotKnowDies) {
  lists_.Put(Even(0), kOrder0);
  lists_.Put(Even(1), kOrder0);
  RecordOf(1).leaf->records[2] = FrameRecord::Free(kOrder0, Even(1), Even(1)).word();
  EXPECT_DEATH(lists_.Remove(Even(1), kOrder0), "invariant broken: 0x202 .*F10");
  RecordOf(1).leaf->records[2] = FrameRecord::Free(kOrder0, FrameNumber(1u << 27), Even(0)).word();
  EXPECT_DEATH(lists_.Remove(Even(1), kOrder0), "invariant broken: 0x202 .*F10");
  RecordOf(1).leaf->records[2] = FrameRecord::Free(kOrder0, Even(0), Even(0)).word();
}

TEST_F(FreeListsDeathTest, AConvertingPageblockHasNoLists) {
  parts_.blocks.BeginConversion(BlockRange{BlockNumber(2), 1});
  EXPECT_DEATH(lists_.Put(Parts::At(2, 0), kPageblockOrder), "wrong freetype: 0x400 ");
}

// Spec: T5
TEST_F(FreeListsDeathTest, TheWalkFindsABlockOnTheListOfAnotherFreetype) {
  lists_.Put(Even(0), kOrder0);
  parts_.blocks.SetMobility(BlockRange{BlockNumber(1), 1}, Mobility::kUnmovable);
  EXPECT_DEATH(lists_.CheckInvariants(), "invariant broken: 0x200 .*F2");
  parts_.blocks.SetMobility(BlockRange{BlockNumber(1), 1}, Mobility::kMovable);
}

TEST_F(FreeListsDeathTest, TheWalkFindsABrokenCircle) {
  lists_.Put(Even(0), kOrder0);
  lists_.Put(Even(1), kOrder0);
  lists_.Put(Even(2), kOrder0);
  const std::uint64_t right = RecordOf(1).leaf->records[2];
  RecordOf(1).leaf->records[2] = FrameRecord::Free(kOrder0, Even(2), Even(2)).word();
  EXPECT_DEATH(lists_.CheckInvariants(), "invariant broken: .*F10");
  RecordOf(1).leaf->records[2] = right;
}

}  // namespace
}  // namespace pageward::frame
