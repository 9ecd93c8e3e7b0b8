#include "tools/pageward/report/chart_blocks.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/tools/sample_report.h"

namespace pageward::tool {
namespace {

constexpr double kHair = 1e-6;

void ExpectInside(const BlockArea& area, const BlockScales& scales) {
  for (const Point& point : area.outline) {
    EXPECT_GE(point.x, scales.plot.x - kHair) << area.freetype;
    EXPECT_LE(point.x, scales.plot.right() + kHair) << area.freetype;
    EXPECT_GE(point.y, scales.plot.y - kHair) << area.freetype;
    EXPECT_LE(point.y, scales.plot.bottom() + kHair) << area.freetype;
  }
}

TEST(ChartBlocksTest, KeepsAreasInsideThePlot) {
  for (const Report& report : {testing_support::UsualReport(), testing_support::CrowdedReport()}) {
    const BlockScales scales = ScalesOf(report);
    for (const tool::Run& run : report.runs) {
      for (const BlockArea& area : LayoutBlocks(run, scales)) {
        ExpectInside(area, scales);
      }
    }
  }
}

TEST(ChartBlocksTest, StacksAreasUponEachOther) {
  const Report report = testing_support::UsualReport();
  const BlockScales scales = ScalesOf(report);
  const std::vector<BlockArea> areas = LayoutBlocks(report.runs[1], scales);
  ASSERT_GE(areas.size(), 3u);
  for (std::size_t i = 1; i < areas.size(); ++i) {
    const std::vector<Point>& below = areas[i - 1].outline;
    const std::vector<Point>& above = areas[i].outline;
    const std::size_t samples = below.size() / 2;
    ASSERT_EQ(above.size(), below.size());
    for (std::size_t at = 0; at < samples; ++at) {
      // The lower edge runs backwards.
      EXPECT_NEAR(below[at].y, above[above.size() - 1 - at].y, kHair);
      EXPECT_LE(above[at].y, below[at].y + kHair) << "no negative height";
    }
  }
}

TEST(ChartBlocksTest, GivesEveryRunTheSameScales) {
  Report report;
  report.runs.resize(2);
  report.runs[0].freetypes = report.runs[1].freetypes = {"movable"};
  report.runs[0].blocks = {{0, {10}}, {100, {10}}};
  report.runs[1].blocks = {{0, {40}}, {50, {40}}};
  const BlockScales scales = ScalesOf(report);
  const std::vector<BlockArea> small = LayoutBlocks(report.runs[0], scales);
  const std::vector<BlockArea> large = LayoutBlocks(report.runs[1], scales);
  const double bottom = scales.plot.bottom();
  EXPECT_NEAR(4 * (bottom - small[0].outline[0].y), bottom - large[0].outline[0].y, kHair);
  EXPECT_NEAR(large[0].outline[1].x, scales.plot.x + scales.plot.width / 2, kHair);
}

TEST(ChartBlocksTest, LeavesOutFreetypesThatNothingHas) {
  Report report;
  report.runs.resize(1);
  report.runs[0].freetypes = {"movable", "keyed"};
  report.runs[0].blocks = {{0, {10, 0}}, {1, {10}}};  // The second is short of one.
  EXPECT_EQ(LayoutBlocks(report.runs[0], ScalesOf(report)).size(), 1u);
}

TEST(ChartBlocksTest, DrawsOneMomentOverTheWholeTime) {
  Report report;
  report.runs.resize(1);
  report.runs[0].freetypes = {"movable"};
  report.runs[0].blocks = {{70, {10}}};
  const BlockScales scales = ScalesOf(report);
  const std::vector<BlockArea> areas = LayoutBlocks(report.runs[0], scales);
  ASSERT_EQ(areas.size(), 1u);
  EXPECT_NEAR(areas[0].outline[0].x, scales.plot.x, kHair);
  EXPECT_NEAR(areas[0].outline[1].x, scales.plot.right(), kHair);
}

TEST(ChartBlocksTest, TakesSamplesWithoutNumbersForNone) {
  Report report;
  report.runs.resize(1);
  report.runs[0].freetypes = {"movable"};
  report.runs[0].blocks = {{0, {}}, {10, {5}}, {20, {5}}};
  const BlockScales scales = ScalesOf(report);
  const std::vector<BlockArea> areas = LayoutBlocks(report.runs[0], scales);
  ASSERT_EQ(areas.size(), 1u);
  EXPECT_EQ(areas[0].outline.size(), 4u);
  report.runs[0].blocks.resize(1);
  EXPECT_FALSE(HasBlocks(report));
  EXPECT_TRUE(LayoutBlocks(report.runs[0], scales).empty());
}

TEST(ChartBlocksTest, KeepsTheOrderOfAreasInTheKey) {
  Report report;
  report.runs.resize(2);
  report.runs[0].freetypes = report.runs[1].freetypes = {"movable", "unmapped", "early", "keyed"};
  report.runs[0].blocks = {{0, {5, 0, 1, 0}}};
  report.runs[1].blocks = {{0, {5, 2, 1, 0}}};
  EXPECT_EQ(FreetypesOf(report), (std::vector<std::string>{"movable", "unmapped", "early"}));
}

TEST(ChartBlocksTest, FindsWhatHidesAllOthers) {
  Report report;
  report.runs.resize(2);
  for (tool::Run& run : report.runs) {
    run.freetypes = {"movable", "keyed", "early", "unmapped"};
    run.blocks = {{0, {500, 1, 0, 0}}, {9, {480, 1, 0, 20}}};
  }
  EXPECT_EQ(DominantFreetype(report), "movable");
  const Report rest = WithoutFreetype(report, "movable");
  EXPECT_EQ(FreetypesOf(rest), (std::vector<std::string>{"keyed", "unmapped"}));
  EXPECT_EQ(rest.runs[1].blocks[1].blocks, (std::vector<std::uint64_t>{1, 0, 20}));
  report.runs[1].blocks.push_back({20, {300, 1, 0, 199}});
  EXPECT_EQ(DominantFreetype(report), "");
}

TEST(ChartBlocksTest, KeepsAFreetypeThatIsAlone) {
  Report report;
  report.runs.resize(1);
  report.runs[0].freetypes = {"movable"};
  report.runs[0].blocks = {{0, {500}}};
  EXPECT_EQ(DominantFreetype(report), "");
}

TEST(ChartBlocksTest, ChoosesSamplesEvenlyWithBothEnds) {
  std::vector<BlockSample> samples;
  for (std::uint64_t i = 1000; i > 0; --i) {
    samples.push_back({i, {i}});
  }
  const std::vector<BlockSample> chosen = ChooseSamples(samples, 10);
  ASSERT_EQ(chosen.size(), 10u);
  EXPECT_EQ(chosen.front().step, 1u);
  EXPECT_EQ(chosen.back().step, 1000u);
  for (std::size_t i = 1; i < chosen.size(); ++i) {
    EXPECT_GT(chosen[i].step, chosen[i - 1].step);
  }
  EXPECT_EQ(ChooseSamples(samples, 1000).size(), 1000u);
  EXPECT_TRUE(ChooseSamples({}, 10).empty());
}

}  // namespace
}  // namespace pageward::tool
