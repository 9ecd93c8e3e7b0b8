#include "runtime/core/units.h"

#include <gtest/gtest.h>

namespace pageward {
namespace {

TEST(UnitsTest, FramesForRoundsUp) {
  EXPECT_EQ(FramesFor(0), FrameCount(0));
  EXPECT_EQ(FramesFor(1), FrameCount(1));
  EXPECT_EQ(FramesFor(kFrameBytes), FrameCount(1));
  EXPECT_EQ(FramesFor(kFrameBytes + 1), FrameCount(2));
  EXPECT_EQ(FramesFor(std::uint64_t{1} << 40), FrameCount(1u << 28));
}

TEST(UnitsTest, FrameKnowsItsPageblock) {
  const FrameNumber frame(3 * kPageblockFrames + 17);
  EXPECT_EQ(frame.block(), BlockNumber(3));
  EXPECT_EQ(frame.index_in_block(), 17u);
  EXPECT_EQ(FirstFrameOf(BlockNumber(3)), frame - FrameCount(17));
}

TEST(UnitsTest, OrdersCountFrames) {
  EXPECT_EQ(Order(0).frames(), FrameCount(1));
  EXPECT_EQ(kPageblockOrder.frames().bytes(), kPageblockBytes);
  EXPECT_EQ(kMaxOrder.frames().bytes(), std::uint64_t{1} << 30);
}

TEST(UnitsTest, RangesAreHalfOpen) {
  const FrameRange range{FrameNumber(8), FrameCount(4)};
  EXPECT_FALSE(range.Contains(FrameNumber(7)));
  EXPECT_TRUE(range.Contains(FrameNumber(8)));
  EXPECT_TRUE(range.Contains(FrameNumber(11)));
  EXPECT_FALSE(range.Contains(FrameNumber(12)));
  EXPECT_EQ((BlockRange{BlockNumber(2), 3}.frames()),
            (FrameRange{FrameNumber(1024), FrameCount(1536)}));
}

}  // namespace
}  // namespace pageward
