#include "tools/pageward/report/chart_shares.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/tools/sample_report.h"

namespace pageward::tool {
namespace {

Report ReportOf(std::vector<CostShare> shares) {
  Report report;
  report.runs.emplace_back();
  report.runs[0].shares = std::move(shares);
  return report;
}

TEST(ChartSharesTest, FillsTheWholeBarWithoutGaps) {
  const Report report = testing_support::UsualReport();
  const std::vector<std::string> primitives = LargestPrimitives(report);
  for (const tool::Run& run : report.runs) {
    const std::vector<SharePart> parts = LayoutShares(run, primitives);
    ASSERT_FALSE(parts.empty());
    EXPECT_EQ(parts.front().begin, 0);
    EXPECT_NEAR(parts.back().end, 1, 1e-9);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_GT(parts[i].end, parts[i].begin);
      EXPECT_TRUE(i == 0 || parts[i].begin == parts[i - 1].end);
    }
  }
}

TEST(ChartSharesTest, ColoursTheLargestAndTakesTheOthersTogether) {
  std::vector<CostShare> shares;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    shares.push_back({std::to_string(i), i, 100});
  }
  const Report report = ReportOf(shares);
  const std::vector<std::string> primitives = LargestPrimitives(report);
  ASSERT_EQ(primitives.size(), kColouredPrimitives);
  EXPECT_EQ(primitives.front(), "10");
  const std::vector<SharePart> parts = LayoutShares(report.runs[0], primitives);
  ASSERT_EQ(parts.size(), kColouredPrimitives + 1);
  EXPECT_EQ(parts.back().primitive, "others");
  EXPECT_NEAR(parts.back().end - parts.back().begin, 6.0 / 55, 1e-9);
}

TEST(ChartSharesTest, HasNoPartsOfNothing) {
  EXPECT_TRUE(LargestPrimitives(ReportOf({{"walk", 0, 60}})).empty());
  EXPECT_TRUE(LayoutShares(ReportOf({{"walk", 0, 60}}).runs[0], {"walk"}).empty());
  EXPECT_TRUE(LayoutShares(ReportOf({}).runs[0], {}).empty());
}

TEST(ChartSharesTest, SaysZeroOfWhatARunHadNoneOf) {
  Report report = ReportOf({{"walk", 3, 60}});
  report.runs.push_back(report.runs[0]);
  report.runs[1].shares = {{"fault", 3, 1000}};
  report.runs.emplace_back();
  MarkupWriter out;
  WriteShares(out, report);
  const std::string markup = out.Take();
  EXPECT_NE(markup.find(">0\u00A0%<"), std::string::npos);
  EXPECT_NE(markup.find("class=\"none\""), std::string::npos) << "the third run told nothing";
}

TEST(ChartSharesTest, CountsCyclesThatExceedAnInteger) {
  const Report report = ReportOf({{"walk", UINT64_MAX, UINT64_MAX}, {"fault", UINT64_MAX, 1}});
  const std::vector<SharePart> parts = LayoutShares(report.runs[0], LargestPrimitives(report));
  ASSERT_FALSE(parts.empty());
  EXPECT_NEAR(parts.front().end, 1, 1e-9);
}

}  // namespace
}  // namespace pageward::tool
