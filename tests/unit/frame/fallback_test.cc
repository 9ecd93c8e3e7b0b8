#include "runtime/frame/fallback.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/frame/parts.h"

namespace pageward::frame {
namespace {

using testing_support::Parts;

constexpr Freetype kUnmovable = Freetype::Mapped(Mobility::kUnmovable);
constexpr Freetype kMovable = Freetype::Mapped(Mobility::kMovable);
constexpr Freetype kReclaimable = Freetype::Mapped(Mobility::kReclaimable);

class FallbackTest : public testing::Test {
 protected:
  ~FallbackTest() override { parts_.CheckInvariants(); }

  void FreeIn(std::uint32_t block, std::uint32_t index, std::uint32_t frames) {
    parts_.Free(Parts::At(block, index), frames);
  }
  void SetMobility(std::uint32_t block, Mobility mobility) {
    parts_.blocks.SetMobility(BlockRange{BlockNumber(block), 1}, mobility);
  }
  FallbackResult Find(Order order, Freetype wanted, FallbackUse use) {
    return FindFallback(parts_.lists, order, wanted, use);
  }
  void Allocate(std::uint32_t block, std::uint32_t index, std::uint32_t frames, Mobility mobility) {
    const FrameNumber head = Parts::At(block, index);
    ASSERT_TRUE(parts_.table.EnsureRecord(head));
    parts_.table.Store(head, FrameRecord::Run(FrameCount(frames), mobility));
  }

  Parts parts_{8};
};

// Spec: T15
TEST_F(FallbackTest, HasThreeOutcomes) {
  FreeIn(1, 0, 4);
  const FallbackResult found = Find(Order(2), kUnmovable, FallbackUse::kClaim);
  EXPECT_EQ(found.outcome, FallbackOutcome::kFound);
  EXPECT_EQ(found.type, kMovable);
  EXPECT_EQ(Find(Order(3), kUnmovable, FallbackUse::kClaim).outcome, FallbackOutcome::kEmpty);
  SetMobility(2, Mobility::kUnmovable);
  FreeIn(2, 0, 4);
  EXPECT_EQ(Find(Order(2), kMovable, FallbackUse::kClaim).outcome,
            FallbackOutcome::kNotWorthClaiming);
}

TEST_F(FallbackTest, StealingIsNeverBelowAnybodysWorth) {
  SetMobility(2, Mobility::kUnmovable);
  FreeIn(2, 0, 4);
  EXPECT_EQ(Find(Order(2), kMovable, FallbackUse::kSteal).type, kUnmovable);
}

TEST_F(FallbackTest, SmallBlocksAreWorthClaimingForWhatStays) {
  EXPECT_TRUE(IsWorthClaiming(Order(0), Mobility::kUnmovable));
  EXPECT_TRUE(IsWorthClaiming(Order(0), Mobility::kReclaimable));
  EXPECT_FALSE(IsWorthClaiming(Order(3), Mobility::kMovable));
  EXPECT_TRUE(IsWorthClaiming(Order(4), Mobility::kMovable));
}

TEST_F(FallbackTest, TheBestMobilityIsTriedFirst) {
  FreeIn(1, 0, 4);
  SetMobility(2, Mobility::kReclaimable);
  FreeIn(2, 0, 4);
  EXPECT_EQ(Find(Order(2), kUnmovable, FallbackUse::kSteal).type, kReclaimable);
  SetMobility(3, Mobility::kUnmovable);
  FreeIn(3, 0, 4);
  EXPECT_EQ(Find(Order(2), kMovable, FallbackUse::kSteal).type, kReclaimable);
  EXPECT_EQ(Find(Order(2), kReclaimable, FallbackUse::kSteal).type, kUnmovable);
}

TEST_F(FallbackTest, NobodyFallsBackToItself) {
  for (std::size_t mobility = 0; mobility < kMobilityCount; ++mobility) {
    for (const Mobility other : kFallbacks[mobility]) {
      EXPECT_NE(static_cast<std::size_t>(other), mobility);
    }
    EXPECT_NE(kFallbacks[mobility][0], kFallbacks[mobility][1]);
  }
}

// Spec: T14, T16
TEST_F(FallbackTest, NeverCrossesVisibilities) {
  parts_.Convert(BlockNumber(4), Freetype::Unmapped(), nullptr);
  FreeIn(4, 0, kPageblockFrames);
  EXPECT_EQ(Find(kPageblockOrder, kUnmovable, FallbackUse::kClaim).outcome,
            FallbackOutcome::kEmpty);
  FreeIn(1, 0, kPageblockFrames);
  for (const FallbackUse use : {FallbackUse::kClaim, FallbackUse::kSteal}) {
    // Unmapped memory of the other mobilities has no lists, which is no error.
    EXPECT_EQ(Find(kPageblockOrder, Freetype::Unmapped(), use).outcome, FallbackOutcome::kEmpty);
    EXPECT_EQ(Find(kPageblockOrder, Freetype::Keyed(OwnerId(1)), use).outcome,
              FallbackOutcome::kEmpty);
  }
}

TEST_F(FallbackTest, UsageCountsFreeAndMovableFrames) {
  Allocate(1, 100, 412 + 100, Mobility::kMovable);  // Reaches 100 frames into pageblock 2.
  FreeIn(1, 0, 100);
  Allocate(2, 100, 12, Mobility::kUnmovable);
  FreeIn(2, 112, 16);
  Allocate(2, 128, 384, Mobility::kMovable);
  const BlockUsage usage = UsageOf(parts_.table, parts_.blocks, BlockNumber(2));
  EXPECT_EQ(usage.free, FrameCount(16));
  EXPECT_EQ(usage.movable, FrameCount(484));
}

TEST_F(FallbackTest, FramesInThreadListsAreOfTheirPageblocksMobility) {
  for (const std::uint32_t block : {1u, 2u}) {
    parts_.table.Store(
        Parts::At(block, 0),
        FrameRecord::Listed(ListLabel(kPageblockOrder, ThreadListsId{1}), FrameNumber(0)));
  }
  SetMobility(2, Mobility::kUnmovable);
  EXPECT_EQ(UsageOf(parts_.table, parts_.blocks, BlockNumber(1)).movable, FrameCount(512));
  EXPECT_EQ(UsageOf(parts_.table, parts_.blocks, BlockNumber(2)).movable, FrameCount(0));
}

BlockUsage Usage(std::uint32_t free, std::uint32_t movable) {
  return BlockUsage{FrameCount(free), FrameCount(movable)};
}

// Spec: T17
TEST_F(FallbackTest, HalfOfAPageblockFreeOrCompatibleIsEnoughToClaimIt) {
  // Of a movable block, all that is not movable is compatible with what stays.
  EXPECT_TRUE(MayClaim(Mobility::kUnmovable, Mobility::kMovable, Usage(256, 256)));
  EXPECT_FALSE(MayClaim(Mobility::kUnmovable, Mobility::kMovable, Usage(255, 257)));
  EXPECT_TRUE(MayClaim(Mobility::kUnmovable, Mobility::kMovable, Usage(100, 256)));
  EXPECT_FALSE(MayClaim(Mobility::kReclaimable, Mobility::kMovable, Usage(100, 257)));
  // Of other blocks nothing is known to be.
  EXPECT_TRUE(MayClaim(Mobility::kUnmovable, Mobility::kReclaimable, Usage(256, 0)));
  EXPECT_FALSE(MayClaim(Mobility::kUnmovable, Mobility::kReclaimable, Usage(255, 0)));
  // Movable frames are compatible with movable requests anywhere.
  EXPECT_TRUE(MayClaim(Mobility::kMovable, Mobility::kUnmovable, Usage(100, 156)));
  EXPECT_FALSE(MayClaim(Mobility::kMovable, Mobility::kUnmovable, Usage(100, 155)));
}

std::vector<Freetype> SourcesOf(Freetype wanted) {
  const ConversionSources sources(wanted);
  return {sources.begin(), sources.end()};
}

// Spec: T33
TEST_F(FallbackTest, HiddenMemoryIsMadeOfItsOwnMobilityFirst) {
  EXPECT_EQ(SourcesOf(Freetype::Unmapped()),
            (std::vector<Freetype>{kUnmovable, kReclaimable, kMovable}));
}

TEST_F(FallbackTest, KeyedMemoryAlsoComesFromUnmappedBlocksWhenNoMappedOneIsLeft) {
  EXPECT_EQ(SourcesOf(Freetype::Keyed(OwnerId(1))),
            (std::vector<Freetype>{kUnmovable, kReclaimable, kMovable, Freetype::Unmapped()}));
}

// Spec: T34
TEST_F(FallbackTest, EveryMobilityMayTakeUnmappedBlocksBack) {
  for (const Freetype wanted : {kUnmovable, kMovable, kReclaimable}) {
    EXPECT_EQ(SourcesOf(wanted), (std::vector<Freetype>{Freetype::Unmapped()}));
  }
}

}  // namespace
}  // namespace pageward::frame
