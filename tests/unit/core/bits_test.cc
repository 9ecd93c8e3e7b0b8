#include "runtime/core/bits.h"

#include <gtest/gtest.h>

namespace pageward {
namespace {

TEST(BitsTest, KnowsPowersOfTwo) {
  EXPECT_FALSE(IsPowerOfTwo(0u));
  EXPECT_TRUE(IsPowerOfTwo(1u));
  EXPECT_TRUE(IsPowerOfTwo(std::uint64_t{1} << 63));
  EXPECT_FALSE(IsPowerOfTwo(6u));
}

TEST(BitsTest, AlignsToTheNearestMultipleOnEitherSide) {
  EXPECT_EQ(AlignDown(4097u, 4096u), 4096u);
  EXPECT_EQ(AlignUp(4097u, 4096u), 8192u);
  EXPECT_EQ(AlignDown(4096u, 4096u), 4096u);
  EXPECT_EQ(AlignUp(4096u, 4096u), 4096u);
  EXPECT_EQ(AlignUp(0u, 4096u), 0u);
  EXPECT_TRUE(IsAligned(std::uint64_t{1} << 40, std::uint64_t{1} << 21));
  EXPECT_FALSE(IsAligned(4095u, 2u));
}

TEST(BitsTest, RoundsLogarithmsBothWays) {
  EXPECT_EQ(FloorLog2(1u), 0u);
  EXPECT_EQ(FloorLog2(511u), 8u);
  EXPECT_EQ(FloorLog2(512u), 9u);
  EXPECT_EQ(CeilLog2(1u), 0u);
  EXPECT_EQ(CeilLog2(512u), 9u);
  EXPECT_EQ(CeilLog2(513u), 10u);
  EXPECT_EQ(CeilLog2(~std::uint64_t{0}), 64u);
}

TEST(BitsTest, DividesRoundingUp) {
  EXPECT_EQ(DivideRoundUp(0u, 7u), 0u);
  EXPECT_EQ(DivideRoundUp(7u, 7u), 1u);
  EXPECT_EQ(DivideRoundUp(8u, 7u), 2u);
}

}  // namespace
}  // namespace pageward
