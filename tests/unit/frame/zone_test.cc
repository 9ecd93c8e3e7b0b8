#include "runtime/frame/zone.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/frame/fake_converter.h"
#include "tests/support/frame/fake_leaf_source.h"

namespace pageward::frame {
namespace {

using testing_support::FakeLeafSource;

constexpr std::uint32_t kBlocks = 8;
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);
constexpr Request kReclaimable = Request::Mapped(Mobility::kReclaimable);

class ZoneTest : public testing::Test {
 protected:
  ZoneTest() { zone_.AddBlocks(BlockRange{BlockNumber(0), kBlocks}, Mobility::kMovable); }
  ~ZoneTest() override { zone_.CheckInvariants(); }

  static RunShape Shape(std::uint32_t frames) {
    return *RunShape::Of(FrameCount(frames), Order(0));
  }
  static FrameNumber At(std::uint32_t block, std::uint32_t index) {
    return FirstFrameOf(BlockNumber(block)) + FrameCount(index);
  }

  FrameRange Allocate(std::uint32_t frames, const Request& request) {
    const Result<FrameRange> cut = zone_.Cut(Shape(frames), request, SearchScope::kAllFallback);
    EXPECT_TRUE(cut.ok());
    zone_.MakeRun(*cut, request.freetype().mobility);
    zone_.CheckInvariants();
    return *cut;
  }
  void Free(FrameRange run) {
    zone_.FreeRun(run);
    zone_.CheckInvariants();
  }
  // Frees all of a run but the given part of it.
  void FreeAllBut(FrameRange run, std::uint32_t begin, std::uint32_t frames) {
    const FrameRange kept{run.begin + FrameCount(begin), FrameCount(frames)};
    if (begin > 0) {
      ASSERT_TRUE(zone_.SplitRun(run, FrameCount(begin)).ok());
      Free(FrameRange{run.begin, FrameCount(begin)});
    }
    const FrameRange rest{kept.begin, run.end() - kept.begin};
    if (kept.end() < run.end()) {
      ASSERT_TRUE(zone_.SplitRun(rest, kept.count).ok());
      Free(FrameRange{kept.end(), run.end() - kept.end()});
    }
  }
  Freetype TypeOf(std::uint32_t block) { return blocks_.FreetypeOf(BlockNumber(block)); }
  FrameCount FreeOf(const Request& request) {
    return zone_.lists().Find(request.freetype(), request.owner())->free_frames();
  }

  std::vector<BlockRecord> records_ = std::vector<BlockRecord>(kBlocks + 1);
  FakeLeafSource leaves_;
  FrameTable table_{records_, leaves_};
  PageblockMap blocks_{records_};
  Zone zone_{table_, blocks_};
};

using ZoneDeathTest = ZoneTest;

TEST(RunShapeTest, ABlockIsLargeEnoughForLengthAndAlignment) {
  EXPECT_EQ(RunShape::Of(FrameCount(1), Order(0))->order, Order(0));
  EXPECT_EQ(RunShape::Of(FrameCount(5), Order(0))->order, Order(3));
  EXPECT_EQ(RunShape::Of(FrameCount(5), Order(9))->order, Order(9));
  EXPECT_EQ(RunShape::Of(FrameCount(1u << 18), Order(0))->top_blocks, 1u);
  EXPECT_EQ(RunShape::Of(FrameCount(513), Order(0))->pageblocks(), 2u);
}

TEST(RunShapeTest, BeyondTheLargestOrderSeveralTopBlocksAreNeeded) {
  const auto shape = RunShape::Of(FrameCount((1u << 19) + 1), Order(4));
  EXPECT_EQ(shape->order, kMaxOrder);
  EXPECT_EQ(shape->top_blocks, 3u);
}

TEST(RunShapeTest, NothingAndMoreThanAnyZoneHaveNoShape) {
  EXPECT_FALSE(RunShape::Of(FrameCount(0), Order(0)).has_value());
  EXPECT_TRUE(RunShape::Of(FrameCount(1u << 28), Order(0)).has_value());
  EXPECT_FALSE(RunShape::Of(FrameCount((1u << 28) + 1), Order(0)).has_value());
}

// Spec: T12
TEST_F(ZoneTest, AtTheStartAllIsMappedAndWhole) {
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    EXPECT_EQ(TypeOf(block), Freetype::Mapped(Mobility::kMovable));
  }
  EXPECT_EQ(FreeOf(Request::Unmapped()), FrameCount(0));
  EXPECT_EQ(zone_.lists().free_blocks(Visibility::kMapped), kBlocks);
  EXPECT_EQ(leaves_.requests(), 0u);
  EXPECT_EQ(records_[kBlocks].flags, 0u) << "the record of a block that is not in the zone";
}

TEST_F(ZoneTest, ACutLeavesTheRestOnTheLists) {
  const FrameRange run = Allocate(700, kMovable);
  EXPECT_EQ(run.count, FrameCount(700));
  EXPECT_EQ(zone_.held_frames(), FrameCount(700));
  EXPECT_EQ(FreeOf(kMovable), FrameCount(kBlocks * 512 - 700));
  // Only the pageblock that it ends in was broken up.
  EXPECT_EQ(table_.leaf_count(), 1u);
  Free(run);
  EXPECT_EQ(zone_.lists().free_blocks(Visibility::kMapped), kBlocks);
}

TEST_F(ZoneTest, WithoutALeafNothingChanges) {
  leaves_.FailAfter(0);
  EXPECT_EQ(zone_.Cut(Shape(5), kMovable, SearchScope::kAllFallback).error(), Error::kNoMemory);
  EXPECT_EQ(zone_.Cut(Shape(5), kUnmovable, SearchScope::kAllFallback).error(), Error::kNoMemory);
  EXPECT_EQ(zone_.BeginConversion(Shape(5), Freetype::Unmapped()).error(), Error::kNoMemory);
  zone_.CheckInvariants();
  EXPECT_EQ(zone_.lists().free_blocks(Visibility::kMapped), kBlocks);
  EXPECT_EQ(TypeOf(0), Freetype::Mapped(Mobility::kMovable));
  EXPECT_EQ(zone_.search_counters().claims, 0u);
  Free(Allocate(1024, kMovable));
}

// Spec: T18
TEST_F(ZoneTest, ARequestOfAnotherMobilityClaimsOneWholePageblock) {
  blocks_.Skip(BlockNumber(0));
  const BlockFlags before = blocks_.FlagsOf(BlockNumber(0));
  const FrameRange run = Allocate(3, kUnmovable);
  ASSERT_EQ(run.begin.block(), BlockNumber(0));
  EXPECT_EQ(blocks_.FlagsOf(BlockNumber(0)), before.WithMobility(Mobility::kUnmovable));
  EXPECT_EQ(FreeOf(kUnmovable), FrameCount(509));
  EXPECT_EQ(FreeOf(kMovable), FrameCount((kBlocks - 1) * 512));
  EXPECT_EQ(zone_.search_counters().claims, 1u);
  Free(run);
}

TEST_F(ZoneTest, TheSmallestBlockThatCanBeClaimedIs) {
  // Leaves pageblock 1 as a block of order 9; all else is larger.
  const FrameRange run = Allocate(kPageblockFrames, kMovable);
  EXPECT_EQ(Allocate(1, kUnmovable).begin.block(), BlockNumber(run.begin.block().value ^ 1));
}

TEST_F(ZoneTest, OwnListsAreAllThatANarrowSearchLooksAt) {
  EXPECT_EQ(zone_.Cut(Shape(1), kUnmovable, SearchScope::kOwnLists).error(), Error::kNoFrames);
  EXPECT_EQ(zone_.search_counters().claims, 0u);
}

// Takes all frames but `free_frames` at the start of pageblock 0, where `movable` more are in a
// movable run and the rest of it in an unmovable one.
class PartClaimTest : public ZoneTest {
 protected:
  void FillBut(std::uint32_t free_frames, std::uint32_t movable) {
    const FrameRange all = Allocate(kBlocks * 512, kMovable);
    ASSERT_TRUE(zone_.SplitRun(all, FrameCount(512)).ok());
    Free(FrameRange{At(0, 0), FrameCount(512)});
    Allocate(movable, kMovable);
    // While the pageblock is movable, take unmovable frames from it without claiming it.
    const Result<FrameRange> cut =
        zone_.Cut(Shape(512 - movable - free_frames), kMovable, SearchScope::kOwnLists);
    ASSERT_TRUE(cut.ok());
    zone_.MakeRun(*cut, Mobility::kUnmovable);
    ASSERT_EQ(zone_.lists().free_frames(Visibility::kMapped), FrameCount(free_frames));
  }
};

// Spec: T17
TEST_F(PartClaimTest, AMovablePageblockThatIsHalfFreeOrCompatibleIsClaimed) {
  FillBut(128, 256);
  Allocate(1, kUnmovable);
  EXPECT_EQ(TypeOf(0), Freetype::Mapped(Mobility::kUnmovable));
  EXPECT_EQ(FreeOf(kUnmovable), FrameCount(127));
  EXPECT_EQ(zone_.search_counters().claims, 1u);
  EXPECT_EQ(zone_.search_counters().steals, 0u);
}

// Spec: T17
TEST_F(PartClaimTest, AMovablePageblockThatIsMostlyMovableOnlyLendsFrames) {
  FillBut(64, 320);
  Allocate(1, kUnmovable);
  EXPECT_EQ(TypeOf(0), Freetype::Mapped(Mobility::kMovable));
  EXPECT_EQ(FreeOf(kUnmovable), FrameCount(0));
  EXPECT_EQ(FreeOf(kMovable), FrameCount(63));
  EXPECT_EQ(zone_.search_counters().claims, 0u);
  EXPECT_EQ(zone_.search_counters().steals, 1u);
}

// Leaves `free_frames` in an unmovable pageblock half of which is movable: enough to claim it for
// a movable request that tries.
class MovableClaimTest : public ZoneTest {
 protected:
  void FillBut(std::uint32_t free_frames) {
    const FrameRange all = Allocate(kBlocks * 512, kMovable);
    ASSERT_TRUE(zone_.SplitRun(all, FrameCount(512)).ok());
    Free(FrameRange{At(0, 0), FrameCount(512)});
    Allocate(256 - free_frames, kUnmovable);
    const Result<FrameRange> cut = zone_.Cut(Shape(256), kUnmovable, SearchScope::kOwnLists);
    ASSERT_TRUE(cut.ok());
    zone_.MakeRun(*cut, Mobility::kMovable);
    ASSERT_EQ(FreeOf(kUnmovable), FrameCount(free_frames));
    ASSERT_EQ(zone_.search_counters().claims, 1u);
  }
};

// Spec: T15
TEST_F(MovableClaimTest, SmallBlocksAreNotWorthClaimingForWhatMoves) {
  FillBut(8);
  Allocate(2, kMovable);
  EXPECT_EQ(TypeOf(0), Freetype::Mapped(Mobility::kUnmovable));
  EXPECT_EQ(zone_.search_counters().claims, 1u);
  EXPECT_EQ(zone_.search_counters().steals, 1u);
}

TEST_F(MovableClaimTest, LargeBlocksAre) {
  FillBut(16);
  Allocate(2, kMovable);
  EXPECT_EQ(TypeOf(0), Freetype::Mapped(Mobility::kMovable));
  EXPECT_EQ(zone_.search_counters().claims, 2u);
}

// Spec: T14
TEST_F(ZoneTest, ASearchNeverCrossesVisibilities) {
  const Result<Conversion> begun =
      zone_.BeginConversion(Shape(kBlocks * 512), Freetype::Unmapped());
  ASSERT_TRUE(begun.ok());
  zone_.FreeInHand(zone_.Commit(*begun, Freetype::Unmapped(), nullptr));
  for (const Request& request : {kMovable, kUnmovable, kReclaimable}) {
    EXPECT_EQ(zone_.Cut(Shape(1), request, SearchScope::kAllFallback).error(), Error::kNoFrames);
  }
  const Result<Conversion> back = zone_.BeginReturn(Freetype::Unmapped(), nullptr);
  ASSERT_TRUE(back.ok());
  zone_.FreeInHand(zone_.Commit(*back, Freetype::Mapped(Mobility::kMovable), nullptr));
  EXPECT_EQ(zone_.Cut(Shape(1), Request::Unmapped(), SearchScope::kAllFallback).error(),
            Error::kNoFrames);
}

TEST_F(ZoneTest, BlocksUnderConversionAreOnNoList) {
  const Result<Conversion> begun = zone_.BeginConversion(Shape(1), Freetype::Unmapped());
  ASSERT_TRUE(begun.ok());
  zone_.CheckInvariants();
  EXPECT_EQ(begun->blocks.count, 1u);
  EXPECT_EQ(begun->from, Freetype::Mapped(Mobility::kMovable));
  EXPECT_EQ(zone_.converting_frames(), FrameCount(512));
  EXPECT_EQ(FreeOf(kMovable), FrameCount((kBlocks - 1) * 512));
  EXPECT_EQ(zone_.Isolate(begun->blocks.begin).error(), Error::kInUse);
  zone_.Abort(*begun);
  EXPECT_EQ(zone_.converting_frames(), FrameCount(0));
  EXPECT_EQ(FreeOf(kMovable), FrameCount(kBlocks * 512));
  EXPECT_EQ(zone_.lists().Find(kMovable.freetype(), nullptr)->count(Order(12)), 1u);
}

// Spec: T33
TEST_F(ZoneTest, AConversionPrefersAPageblockOfTheSameMobility) {
  Free(Allocate(1, kUnmovable));
  const FrameRange movable = Allocate(kPageblockFrames, kMovable);
  // The frames of pageblock 0 are unmovable now, all others movable.
  ASSERT_EQ(FreeOf(kUnmovable).value % kPageblockFrames, 0u);
  const Result<Conversion> begun = zone_.BeginConversion(Shape(1), Freetype::Unmapped());
  ASSERT_TRUE(begun.ok());
  EXPECT_EQ(begun->from, Freetype::Mapped(Mobility::kUnmovable));
  zone_.Abort(*begun);
  Free(movable);
}

TEST_F(ZoneTest, AnAbortedConversionKeepsTheOldMobility) {
  const Result<Conversion> begun = zone_.BeginConversion(Shape(1), Freetype::Unmapped());
  ASSERT_TRUE(begun.ok());
  zone_.Abort(*begun);
  EXPECT_EQ(TypeOf(begun->blocks.begin.value), Freetype::Mapped(Mobility::kMovable));
}

// Spec: T9
TEST_F(ZoneTest, IsolationIsRefusedTwiceAndOutsideTheZone) {
  EXPECT_TRUE(zone_.Isolate(BlockNumber(3)).ok());
  EXPECT_EQ(zone_.Isolate(BlockNumber(3)).error(), Error::kInUse);
  EXPECT_EQ(zone_.Isolate(BlockNumber(kBlocks)).error(), Error::kInvalid);
  EXPECT_EQ(zone_.Unisolate(BlockNumber(2)).error(), Error::kInvalid);
  zone_.CheckInvariants();
  EXPECT_TRUE(zone_.Unisolate(BlockNumber(3)).ok());
  EXPECT_EQ(zone_.lists().free_blocks(Visibility::kMapped), kBlocks);
}

TEST_F(ZoneDeathTest, AddingBlocksTwiceOrOutsideTheTableDies) {
  EXPECT_DEATH(zone_.AddBlocks(BlockRange{BlockNumber(kBlocks - 1), 2}, Mobility::kMovable),
               "run mismatch: 0x7 ");
  EXPECT_DEATH(zone_.AddBlocks(BlockRange{BlockNumber(kBlocks), 2}, Mobility::kMovable),
               "foreign frame: 0x8 ");
  EXPECT_DEATH(zone_.AddBlocks(BlockRange{BlockNumber(2), ~0u}, Mobility::kMovable),
               "foreign frame: 0x2 ");
}

TEST_F(ZoneDeathTest, TheWalkFindsAGapBetweenPieces) {
  const FrameRange run = Allocate(3, kMovable);
  const std::uint64_t right = records_[run.begin.block().value].first_record;
  records_[run.begin.block().value].first_record =
      FrameRecord::Run(FrameCount(2), Mobility::kMovable).word();
  EXPECT_DEATH(zone_.CheckInvariants(), "invariant broken: 0x2 .*F1");
  records_[run.begin.block().value].first_record = right;
}

TEST_F(ZoneDeathTest, TheWalkFindsARunOverTwoVisibilities) {
  Allocate(1024, kMovable);
  const std::uint32_t right = records_[1].flags;
  records_[1].flags = BlockFlags(right).WithFreetype(Freetype::Unmapped()).word();
  EXPECT_DEATH(zone_.CheckInvariants(), "invariant broken: 0x1 .*F7");
  records_[1].flags = BlockFlags(right).WithConverting(true).word();
  EXPECT_DEATH(zone_.CheckInvariants(), "invariant broken: 0x1 .*F8");
  records_[1].flags = right;
}

TEST_F(ZoneDeathTest, TheWalkFindsAnOwnerThatShouldNotBeThere) {
  OwnerLists owner(OwnerId(4));
  Allocate(1024, kMovable);
  records_[1].owner = &owner;
  EXPECT_DEATH(zone_.CheckInvariants(), "invariant broken: 0x1 .*F9");
  records_[1].owner = nullptr;
}

TEST_F(ZoneDeathTest, TheWalkFindsFramesThatAreCountedTwice) {
  zone_.NoteListed(FrameCount(1));
  EXPECT_DEATH(zone_.CheckInvariants(), "invariant broken: .*F12");
  // Put right what the test broke, through a frame that really is listed.
  const Result<FrameRange> cut = zone_.Cut(Shape(1), kMovable, SearchScope::kOwnLists);
  ASSERT_TRUE(cut.ok());
  table_.Store(cut->begin,
               FrameRecord::Listed(ListLabel(Order(0), ThreadListsId{0}), FrameNumber(0)));
}

}  // namespace
}  // namespace pageward::frame
