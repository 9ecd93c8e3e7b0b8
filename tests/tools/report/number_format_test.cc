#include "tools/pageward/report/number_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pageward::tool {
namespace {

TEST(NumberFormatTest, GroupsThousands) {
  EXPECT_EQ(GroupThousands(0), "0");
  EXPECT_EQ(GroupThousands(999), "999");
  EXPECT_EQ(GroupThousands(1000), "1,000");
  EXPECT_EQ(GroupThousands(1234567), "1,234,567");
  EXPECT_EQ(GroupThousands(std::numeric_limits<std::uint64_t>::max()),
            "18,446,744,073,709,551,615");
}

TEST(NumberFormatTest, KeepsTheDigitsThatMatter) {
  EXPECT_EQ(FormatValue(0), "0");
  EXPECT_EQ(FormatValue(-0.0), "0");
  EXPECT_EQ(FormatValue(81.4375), "81.44");
  EXPECT_EQ(FormatValue(5.5), "5.5");
  EXPECT_EQ(FormatValue(123.456), "123.5");
  EXPECT_EQ(FormatValue(1234.5), "1,234");
  EXPECT_EQ(FormatValue(-1234567), "-1,234,567");
  EXPECT_EQ(FormatValue(0.0312), "0.031");
  EXPECT_EQ(FormatValue(0.00001234), "0.000012");
  EXPECT_EQ(FormatValue(1e-300), "0");
}

TEST(NumberFormatTest, ShowsNoNumberWhereThereIsNone) {
  EXPECT_EQ(FormatValue(std::nan("")), kNoNumber);
  EXPECT_EQ(FormatRatio(std::numeric_limits<double>::infinity()), kNoNumber);
  EXPECT_EQ(FormatShare(std::nan("")), kNoNumber);
  EXPECT_EQ(FormatTick(std::nan("")), kNoNumber);
}

TEST(NumberFormatTest, ShortensNumbersOfAxes) {
  EXPECT_EQ(FormatTick(0), "0");
  EXPECT_EQ(FormatTick(500), "500");
  EXPECT_EQ(FormatTick(0.5), "0.5");
  EXPECT_EQ(FormatTick(1000), "1\u00A0k");
  EXPECT_EQ(FormatTick(999.9999999999), "1\u00A0k") << "ticks are sums";
  EXPECT_EQ(FormatTick(2.5e6), "2.5\u00A0M");
  EXPECT_EQ(FormatTick(1e19), "10\u00A0E");
}

TEST(NumberFormatTest, SaysHowManyTimes) {
  EXPECT_EQ(FormatRatio(0), "0.00×");
  EXPECT_EQ(FormatRatio(0.0125), "0.013×");
  EXPECT_EQ(FormatRatio(0.31), "0.31×");
  EXPECT_EQ(FormatRatio(12.34), "12.3×");
  EXPECT_EQ(FormatRatio(1234), "1,234×");
}

TEST(NumberFormatTest, KeepsSmallSharesApartFromNone) {
  EXPECT_EQ(FormatShare(0), "0\u00A0%");
  EXPECT_EQ(FormatShare(0.004), "<1\u00A0%");
  EXPECT_EQ(FormatShare(0.306), "31\u00A0%");
  EXPECT_EQ(FormatShare(1), "100\u00A0%");
}

}  // namespace
}  // namespace pageward::tool
