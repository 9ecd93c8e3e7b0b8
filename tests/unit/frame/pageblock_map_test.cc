#include "runtime/frame/pageblock_map.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/frame/free_lists.h"
#include "tests/support/frame/fake_converter.h"

namespace pageward::frame {
namespace {

constexpr BlockNumber kBlock{2};
constexpr BlockRange kOnly{kBlock, 1};

class PageblockMapTest : public testing::Test {
 protected:
  PageblockMapTest() { map_.Manage(BlockRange{BlockNumber(1), 3}, Mobility::kMovable); }

  void Convert(Freetype type, OwnerLists* owner) {
    map_.BeginConversion(kOnly);
    map_.SetFreetype(kOnly, type, owner);
    map_.EndConversion(kOnly);
  }

  std::vector<BlockRecord> records_ = std::vector<BlockRecord>(4);
  PageblockMap map_{records_};
};

using PageblockMapDeathTest = PageblockMapTest;

TEST_F(PageblockMapTest, OnlyWhatWasBroughtInIsManaged) {
  EXPECT_FALSE(map_.IsManaged(BlockNumber(0)));
  EXPECT_TRUE(map_.IsManaged(BlockNumber(1)));
  EXPECT_TRUE(map_.IsManaged(BlockNumber(3)));
  EXPECT_FALSE(map_.IsManaged(BlockNumber(4)));
  EXPECT_EQ(map_.FreetypeOf(kBlock), Freetype::Mapped(Mobility::kMovable));
}

// Spec: T11
TEST_F(PageblockMapTest, AnotherMobilityLeavesEverythingElseUntouched) {
  map_.Skip(kBlock);
  map_.Isolate(kBlock);
  const BlockFlags before = map_.FlagsOf(kBlock);
  map_.SetMobility(kOnly, Mobility::kReclaimable);
  EXPECT_EQ(map_.FlagsOf(kBlock), before.WithMobility(Mobility::kReclaimable));
  EXPECT_TRUE(map_.FlagsOf(kBlock).is_skipped());
  EXPECT_TRUE(map_.FlagsOf(kBlock).is_isolated());
  EXPECT_TRUE(map_.FreetypeOf(kBlock).IsMapped());
}

TEST_F(PageblockMapTest, MobilityChangesInTheWholeRangeAndNowhereElse) {
  map_.SetMobility(BlockRange{BlockNumber(1), 2}, Mobility::kUnmovable);
  EXPECT_EQ(map_.FreetypeOf(BlockNumber(1)).mobility, Mobility::kUnmovable);
  EXPECT_EQ(map_.FreetypeOf(BlockNumber(2)).mobility, Mobility::kUnmovable);
  EXPECT_EQ(map_.FreetypeOf(BlockNumber(3)).mobility, Mobility::kMovable);
  EXPECT_FALSE(map_.IsManaged(BlockNumber(0)));
}

TEST_F(PageblockMapTest, IsolationComesAndGoesWithoutATrace) {
  map_.Skip(kBlock);
  const BlockFlags before = map_.FlagsOf(kBlock);
  map_.Isolate(kBlock);
  EXPECT_EQ(map_.isolated_count(), 1u);
  map_.Unisolate(kBlock);
  EXPECT_EQ(map_.FlagsOf(kBlock), before);
  EXPECT_EQ(map_.isolated_count(), 0u);
}

TEST_F(PageblockMapTest, SkipMarksComeAndGo) {
  map_.Skip(kBlock);
  EXPECT_TRUE(map_.FlagsOf(kBlock).is_skipped());
  map_.Unskip(kBlock);
  EXPECT_EQ(map_.FlagsOf(kBlock), BlockFlags::Managed());
}

TEST_F(PageblockMapTest, AConversionChangesFreetypeAndOwner) {
  OwnerLists owner(OwnerId(5));
  Convert(Freetype::Keyed(OwnerId(5)), &owner);
  EXPECT_EQ(map_.FreetypeOf(kBlock), Freetype::Keyed(OwnerId(5)));
  EXPECT_EQ(map_.OwnerOf(kBlock), &owner);
  Convert(Freetype::Unmapped(), nullptr);
  EXPECT_EQ(map_.FreetypeOf(kBlock), Freetype::Unmapped());
  EXPECT_EQ(map_.OwnerOf(kBlock), nullptr);
  EXPECT_FALSE(map_.FlagsOf(kBlock).is_converting());
}

TEST_F(PageblockMapTest, CountsFreeFrames) {
  map_.AddFree(kBlock, FrameCount(300));
  map_.AddFree(kBlock, FrameCount(12));
  map_.RemoveFree(kBlock, FrameCount(300));
  EXPECT_EQ(map_.free_frames(kBlock), FrameCount(12));
}

TEST_F(PageblockMapDeathTest, VisibilityChangesOnlyDuringAConversion) {
  EXPECT_DEATH(map_.SetFreetype(kOnly, Freetype::Unmapped(), nullptr), "wrong freetype: 0x2 ");
}

// Spec: T33
TEST_F(PageblockMapDeathTest, ATypeWithoutListsIsRefused) {
  map_.BeginConversion(kOnly);
  EXPECT_DEATH(map_.SetFreetype(kOnly, Freetype::Unmapped().With(Mobility::kMovable), nullptr),
               "wrong freetype: 0x2 ");
  EXPECT_DEATH(map_.SetFreetype(kOnly, Freetype::Keyed(OwnerId(5)), nullptr),
               "wrong freetype: 0x2 ");
}

}  // namespace
}  // namespace pageward::frame
