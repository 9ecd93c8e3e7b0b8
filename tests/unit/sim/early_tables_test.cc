#include "runtime/sim/early_tables.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

FrameRange Frames(std::uint32_t begin, std::uint32_t count) {
  return FrameRange{FrameNumber(begin), FrameCount(count)};
}

// Spec: T97
TEST(UnprotectedRangesTest, RangesThatTouchBecomeOne) {
  UnprotectedRanges ranges;
  EXPECT_TRUE(ranges.Add(Frames(10, 2)));
  EXPECT_TRUE(ranges.Add(Frames(12, 1)));
  EXPECT_TRUE(ranges.Add(Frames(9, 1)));
  EXPECT_EQ(ranges.count(), 1u);
  EXPECT_TRUE(ranges.Add(Frames(20, 1)));
  EXPECT_EQ(ranges.count(), 2u);
  for (const std::uint32_t frame : {9u, 10u, 11u, 12u, 20u}) {
    EXPECT_TRUE(ranges.Contains(FrameNumber(frame))) << frame;
  }
  EXPECT_FALSE(ranges.Contains(FrameNumber(13)));
}

// Spec: T97
TEST(UnprotectedRangesTest, WhatThereIsNoRoomForIsListedAndNotForgotten) {
  UnprotectedRanges ranges;
  for (std::uint32_t i = 0; i < UnprotectedRanges::kMostRanges; ++i) {
    ASSERT_TRUE(ranges.Add(Frames(10 * i, 1)));
  }
  EXPECT_FALSE(ranges.Add(Frames(900, 3)));
  EXPECT_EQ(ranges.lost_frames(), 3u);
  ASSERT_EQ(ranges.lost_count(), 1u);
  EXPECT_EQ(ranges.lost(0), Frames(900, 3));
  EXPECT_TRUE(ranges.Add(Frames(1, 1))) << "what touches a range still fits";
}

// Spec: T96
TEST(UnprotectedRangesTest, ARangeIsForgottenWhenItHasBeenProtected) {
  UnprotectedRanges ranges;
  ASSERT_TRUE(ranges.Add(Frames(10, 1)));
  ASSERT_TRUE(ranges.Add(Frames(20, 1)));
  const auto fail_the_second = [](FrameRange range) -> Status {
    return range.begin.value == 20 ? Status(Error::kNoMemory) : Status();
  };
  EXPECT_EQ(ranges.ProtectAll(fail_the_second).error(), Error::kNoMemory);
  EXPECT_FALSE(ranges.Contains(FrameNumber(10)));
  EXPECT_TRUE(ranges.Contains(FrameNumber(20)));
  EXPECT_TRUE(ranges.ProtectAll([](FrameRange) { return Status(); }).ok());
  EXPECT_EQ(ranges.count(), 0u);
}

class EarlyTablesTest : public testing::Test {
 protected:
  static constexpr FrameCount kFrames{8 * kPageblockFrames};

  static std::uint64_t Bytes() {
    Carver carver;
    SimRam::Memory::CarveFrom(carver, kFrames);
    return AlignUp<std::uint64_t>(carver.taken(), kFrameBytes);
  }

  testing_support::LazyMemory memory_{Bytes()};
  Carver carver_{memory_.range()};
  SimRam ram_{SimRam::Memory::CarveFrom(carver_, kFrames), SimRam::kDefaultBase};
  EarlyTables early_{ram_};
};

// Spec: T96
TEST_F(EarlyTablesTest, HandsOutZeroedFramesAndRemembersThem) {
  early_.UseRegion(BlockRange{BlockNumber(0), 1});
  ram_.Fill(FrameNumber(1), FillTag{7});
  const PhysAddr first = *early_.Allocate();
  const PhysAddr second = *early_.Allocate();
  EXPECT_EQ(second - first, kFrameBytes);
  EXPECT_EQ(ram_.Load(second), 0u);
  EXPECT_TRUE(early_.unprotected().Contains(ram_.FrameOf(first)));
  EXPECT_TRUE(early_.unprotected().Contains(ram_.FrameOf(second)));
  EXPECT_EQ(early_.unprotected().count(), 1u);
  EXPECT_EQ(early_.rest(), Frames(2, kPageblockFrames - 2));
  EXPECT_EQ(early_.surplus_regions(), 0u);
}

TEST_F(EarlyTablesTest, AnEmptyRegionHasNone) {
  EXPECT_FALSE(early_.Allocate().has_value());
  early_.UseRegion(BlockRange{BlockNumber(0), 1});
  for (std::uint32_t i = 0; i < kPageblockFrames; ++i) {
    ASSERT_TRUE(early_.Allocate().has_value());
  }
  EXPECT_FALSE(early_.Allocate().has_value());
}

// Spec: T96
TEST_F(EarlyTablesTest, ASecondRegionIsReportedAndTrackedAsWell) {
  early_.UseRegion(BlockRange{BlockNumber(0), 1});
  const PhysAddr first = *early_.Allocate();
  early_.UseRegion(BlockRange{BlockNumber(3), 1});
  EXPECT_EQ(early_.surplus_regions(), 1u);
  const PhysAddr second = *early_.Allocate();
  EXPECT_EQ(ram_.FrameOf(second).block(), BlockNumber(3));
  EXPECT_TRUE(early_.unprotected().Contains(ram_.FrameOf(first)));
  EXPECT_TRUE(early_.unprotected().Contains(ram_.FrameOf(second)));
}

using EarlyTablesDeathTest = EarlyTablesTest;

TEST_F(EarlyTablesDeathTest, NothingIsGivenBack) {
  early_.UseRegion(BlockRange{BlockNumber(0), 1});
  const PhysAddr table = *early_.Allocate();
  EXPECT_DEATH(early_.Free(table), "assertion failed");
}

}  // namespace
}  // namespace pageward::sim
