#include "runtime/space/stale_frames.h"

#include <gtest/gtest.h>

#include <array>

namespace pageward::space {
namespace {

class StaleFramesTest : public testing::Test {
 protected:
  std::array<std::uint32_t, 8> counts_{};
  StaleFrames stale_{counts_};
};

TEST_F(StaleFramesTest, AFrameIsStaleUntilEachOfItsViewsIsFlushed) {
  stale_.Add(FrameNumber(3));
  stale_.Add(FrameNumber(3));
  stale_.Remove(FrameNumber(3));
  EXPECT_TRUE(stale_.Contains(FrameNumber(3)));
  stale_.Remove(FrameNumber(3));
  EXPECT_FALSE(stale_.Contains(FrameNumber(3)));
}

TEST_F(StaleFramesTest, ARangeIsStaleIfOneOfItsFramesIs) {
  stale_.Add(FrameNumber(5));
  EXPECT_TRUE(stale_.ContainsAny(FrameRange{FrameNumber(4), FrameCount(2)}));
  EXPECT_FALSE(stale_.ContainsAny(FrameRange{FrameNumber(4), FrameCount(1)}));
  EXPECT_FALSE(stale_.ContainsAny(FrameRange{FrameNumber(6), FrameCount(2)}));
}

TEST(StaleFramesDeathTest, AFrameOutsideIsForeign) {
  std::array<std::uint32_t, 8> counts{};
  StaleFrames stale(counts);
  EXPECT_DEATH(stale.Add(FrameNumber(8)), "foreign frame: 0x8");
}

}  // namespace
}  // namespace pageward::space
