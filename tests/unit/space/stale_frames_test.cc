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

TEST_F(StaleFramesTest, LiveAndStaleViewsAreCountedApart) {
  stale_.Show(FrameNumber(2));
  stale_.Show(FrameNumber(2));
  EXPECT_TRUE(stale_.IsShown(FrameNumber(2)));
  EXPECT_FALSE(stale_.Contains(FrameNumber(2)));
  stale_.Retire(FrameNumber(2));
  EXPECT_TRUE(stale_.IsShown(FrameNumber(2)));
  EXPECT_TRUE(stale_.Contains(FrameNumber(2)));
  EXPECT_TRUE(stale_.IsAnyShown(FrameRange{FrameNumber(1), FrameCount(3)}));
  stale_.Remove(FrameNumber(2));
  EXPECT_FALSE(stale_.Contains(FrameNumber(2)));
  stale_.Forget(FrameNumber(2));
  EXPECT_FALSE(stale_.IsAnyShown(FrameRange{FrameNumber(1), FrameCount(3)}));
}

TEST(StaleFramesDeathTest, AViewThatWasNeverShownCannotGo) {
  std::array<std::uint32_t, 8> counts{};
  StaleFrames stale(counts);
  stale.Show(FrameNumber(1));
  EXPECT_DEATH(stale.Remove(FrameNumber(1)), "invariant broken: 0x1");
  EXPECT_DEATH(stale.Forget(FrameNumber(2)), "invariant broken: 0x2");
  EXPECT_DEATH(stale.Retire(FrameNumber(2)), "invariant broken: 0x2");
}

TEST(StaleFramesDeathTest, StaleViewsNeverCountAsLiveOnes) {
  std::array<std::uint32_t, 8> counts{};
  StaleFrames stale(counts);
  counts[1] = StaleFrames::kMostStale;
  EXPECT_DEATH(stale.Add(FrameNumber(1)), "invariant broken: 0x1");
}

TEST(StaleFramesDeathTest, AFrameOutsideIsForeign) {
  std::array<std::uint32_t, 8> counts{};
  StaleFrames stale(counts);
  EXPECT_DEATH(stale.Add(FrameNumber(8)), "foreign frame: 0x8");
}

}  // namespace
}  // namespace pageward::space
