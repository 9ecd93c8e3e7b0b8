#include "tools/pageward/report/sweep_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/tools/sample_report.h"

namespace pageward::tool {
namespace {

TEST(SweepLinesTest, ReadsNumbersWithTheirUnits) {
  EXPECT_EQ(NumberOf("64"), 64);
  EXPECT_EQ(NumberOf("0.5"), 0.5);
  EXPECT_EQ(NumberOf("32M"), 32.0 * 1024 * 1024);
  EXPECT_EQ(NumberOf("1GiB"), 1024.0 * 1024 * 1024);
  EXPECT_EQ(NumberOf("4 KiB"), 4096);
  EXPECT_EQ(NumberOf("grouped"), std::nullopt);
  EXPECT_EQ(NumberOf("2x"), std::nullopt);
  EXPECT_EQ(NumberOf("9:4:2"), std::nullopt);
  EXPECT_EQ(NumberOf("nan"), std::nullopt);
  EXPECT_EQ(NumberOf(""), std::nullopt);
}

TEST(SweepLinesTest, MakesALineOfRunsThatDifferOnlyInTheAxis) {
  const std::vector<SweepLine> lines =
      SweepLinesOf(testing_support::SweepReport(), "cpus", "cycles");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].name, "adhoc");
  EXPECT_EQ(lines[1].name, "grouped");
  for (const SweepLine& line : lines) {
    ASSERT_EQ(line.points.size(), 6u);
    for (std::size_t i = 1; i < line.points.size(); ++i) {
      EXPECT_GT(line.points[i].at, line.points[i - 1].at);
    }
  }
}

TEST(SweepLinesTest, NamesSettingsWhoseValuesSayTooLittle) {
  const std::vector<SweepLine> lines =
      SweepLinesOf(testing_support::SweepReport(), "conversion", "cycles");
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[0].name, "cpus 1");
  EXPECT_EQ(lines[0].points[1].at, 1) << "words stand in their order";
}

TEST(SweepLinesTest, MeasuresCountsWithoutABand) {
  const Report report = testing_support::SweepReport();
  const std::vector<SweepLine> lines = SweepLinesOf(report, "cpus", "shootdown");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].points[0].band.low, lines[0].points[0].band.high);
  EXPECT_TRUE(SweepLinesOf(report, "cpus", "no such count").empty());
  EXPECT_TRUE(SweepLinesOf(report, "no such axis", "cycles").empty());
  EXPECT_TRUE(SweepLinesOf(Report(), "cpus", "cycles").empty());
}

TEST(SweepLinesTest, FindsTheSettingThatGoesThroughNumbers) {
  EXPECT_EQ(SweptAxis(testing_support::SweepReport()), "cpus");
  EXPECT_EQ(SweptAxis(testing_support::UsualReport()), "") << "three words are no numbers";
  EXPECT_EQ(SweptAxis(testing_support::PlainReport()), "");
  EXPECT_EQ(SweptAxis(Report()), "");
}

TEST(SweepLinesTest, ChoosesCountsThatChangeMostInTheirOrder) {
  Report report;
  for (std::uint64_t i = 0; i < 3; ++i) {
    tool::Run run;
    run.settings = {{"cpus", std::to_string(1 + i)}};
    run.counts = {{"same", 7, ""},
                  {"twice", 100 + 50 * i, ""},
                  {"from-nothing", 1000 * i, ""},
                  {"tenfold", 100 + 450 * i, ""}};
    report.runs.push_back(run);
  }
  using Names = std::vector<std::string>;
  EXPECT_EQ(ChangingMeasures(report, "cpus", 9), (Names{"twice", "from-nothing", "tenfold"}));
  EXPECT_EQ(ChangingMeasures(report, "cpus", 2), (Names{"from-nothing", "tenfold"}));
  EXPECT_TRUE(ChangingMeasures(Report(), "cpus", 2).empty());
}

}  // namespace
}  // namespace pageward::tool
