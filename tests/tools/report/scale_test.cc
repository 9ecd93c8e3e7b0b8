#include "tools/pageward/report/scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace pageward::tool {
namespace {

bool IsRound(double value) {
  if (value == 0) {
    return true;
  }
  // A multiple of 1, 2 or 5 times a power of ten with at most two digits.
  const double decade = std::pow(10, std::floor(std::log10(std::fabs(value)) + 1e-9) - 1);
  const double digits = value / decade;
  return std::fabs(digits - std::round(digits)) < 1e-6;
}

TEST(ScaleTest, MapsTheEndsToTheEnds) {
  const Scale scale = Scale::Linear(10, 20, 100, 0);
  EXPECT_DOUBLE_EQ(scale.At(10), 100);
  EXPECT_DOUBLE_EQ(scale.At(15), 50);
  EXPECT_DOUBLE_EQ(scale.At(20), 0);
}

TEST(ScaleTest, KeepsInsideWhatLiesOutside) {
  const Scale scale = Scale::Linear(10, 20, 0, 100);
  EXPECT_DOUBLE_EQ(scale.At(-1e300), 0);
  EXPECT_DOUBLE_EQ(scale.At(1e300), 100);
  EXPECT_DOUBLE_EQ(scale.At(std::nan("")), 0);
  const Scale logarithmic = Scale::Logarithmic(1, 100, 0, 100);
  EXPECT_DOUBLE_EQ(logarithmic.At(0), 0);
  EXPECT_DOUBLE_EQ(logarithmic.At(-5), 0);
}

TEST(ScaleTest, GivesEqualFactorsEqualLengths) {
  const Scale scale = Scale::Logarithmic(1, 10000, 0, 100);
  EXPECT_DOUBLE_EQ(scale.At(10), 25);
  EXPECT_DOUBLE_EQ(scale.At(1000), 75);
}

TEST(ScaleTest, SurvivesAnEmptyRange) {
  EXPECT_DOUBLE_EQ(Scale::Linear(5, 5, 0, 100).At(5), 0);
  EXPECT_DOUBLE_EQ(Scale::Logarithmic(5, 5, 0, 100).At(50), 100);
  EXPECT_DOUBLE_EQ(ScaleFromZero(0, 5, 0, 100).At(0), 0);
  EXPECT_DOUBLE_EQ(ScaleFromZero(std::numeric_limits<double>::infinity(), 5, 0, 100).At(1), 100);
}

TEST(ScaleTest, HasRoundTicksInsideThatRise) {
  for (const double high : {0.003, 0.7, 1.0, 3.0, 7.0, 42.0, 99.0, 100.0, 101.0, 12345.0, 1.8e19}) {
    for (const unsigned most : {2u, 5u, 8u}) {
      const Scale scale = ScaleFromZero(high, most, 0, 100);
      const std::vector<double> ticks = scale.Ticks(most);
      ASSERT_GE(ticks.size(), 2u) << high;
      EXPECT_LE(ticks.size(), most) << high;
      EXPECT_EQ(ticks.front(), 0) << high;
      EXPECT_NEAR(ticks.back(), scale.high(), scale.high() * 1e-9) << high;
      EXPECT_GE(scale.high(), high * (1 - 1e-9)) << high;
      for (std::size_t i = 0; i < ticks.size(); ++i) {
        EXPECT_TRUE(IsRound(ticks[i])) << ticks[i];
        EXPECT_TRUE(i == 0 || ticks[i] > ticks[i - 1]);
      }
    }
  }
}

TEST(ScaleTest, HasTicksOfALinearScaleThatBeginsAnywhere) {
  EXPECT_EQ(Scale::Linear(13, 38, 0, 1).Ticks(6), (std::vector<double>{15, 20, 25, 30, 35}));
  EXPECT_EQ(Scale::Linear(-10, 10, 0, 1).Ticks(5), (std::vector<double>{-10, -5, 0, 5, 10}));
  EXPECT_TRUE(Scale::Linear(0, 1, 0, 1).Ticks(0).empty());
}

TEST(ScaleTest, HasDecadesAndWhatFitsInBetween) {
  EXPECT_EQ(Scale::Logarithmic(1, 100, 0, 1).Ticks(8),
            (std::vector<double>{1, 2, 5, 10, 20, 50, 100}));
  EXPECT_EQ(Scale::Logarithmic(1, 1e4, 0, 1).Ticks(5), (std::vector<double>{1, 10, 100, 1e3, 1e4}));
  EXPECT_EQ(Scale::Logarithmic(1, 1e8, 0, 1).Ticks(5),
            (std::vector<double>{1, 1e2, 1e4, 1e6, 1e8}));
}

TEST(ScaleTest, ReadsNumbersByFactorsOnceTheySpanDecades) {
  EXPECT_EQ(ScaleFor(1, 99, 5, 0, 1).kind(), Scale::Kind::kLinear);
  EXPECT_EQ(ScaleFor(0, 1e9, 5, 0, 1).kind(), Scale::Kind::kLinear) << "zero has no logarithm";
  const Scale scale = ScaleFor(3, 4000, 5, 0, 1);
  EXPECT_EQ(scale.kind(), Scale::Kind::kLogarithmic);
  EXPECT_DOUBLE_EQ(scale.low(), 2);
  EXPECT_DOUBLE_EQ(scale.high(), 5000);
}

TEST(ScaleTest, RoundsUpToOneTwoFive) {
  EXPECT_DOUBLE_EQ(RoundUp(0.011), 0.02);
  EXPECT_DOUBLE_EQ(RoundUp(1), 1);
  EXPECT_DOUBLE_EQ(RoundUp(2.1), 5);
  EXPECT_DOUBLE_EQ(RoundUp(51), 100);
  EXPECT_DOUBLE_EQ(RoundStep(100, 6), 20);
  EXPECT_DOUBLE_EQ(RoundStep(0, 6), 1);
}

}  // namespace
}  // namespace pageward::tool
