#include "tools/pageward/report/sweep_svg.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/tools/sample_report.h"

namespace pageward::tool {
namespace {

TEST(SweepSvgTest, DrawsAFileThatStandsAlone) {
  const std::string svg = RenderSweepSvg(testing_support::SweepReport(), "cpus");
  EXPECT_EQ(svg.rfind("<?xml", 0), 0u);
  EXPECT_NE(svg.find("xmlns=\"http://www.w3.org/2000/svg\""), std::string::npos);
  EXPECT_NE(svg.find("<style>"), std::string::npos);
  EXPECT_NE(svg.find("sweep-band"), std::string::npos);
  EXPECT_NE(svg.find("modelled cycles (logarithmic)"), std::string::npos);
}

TEST(SweepSvgTest, DrawsCountsBeforeCyclesInAPage) {
  MarkupWriter out;
  WriteSweep(out, testing_support::SweepReport());
  const std::string markup = out.Take();
  const std::size_t cycles = markup.find("<h3>modelled cycles</h3>");
  ASSERT_NE(cycles, std::string::npos);
  EXPECT_LT(markup.find("<h3>"), cycles);
  EXPECT_EQ(markup.rfind("<h3>"), cycles);
}

TEST(SweepSvgTest, KeepsLinesOfOneColourApart) {
  Report report;
  for (char line = 'a'; line < 'a' + 9; ++line) {
    for (int cpus = 1; cpus < 4; ++cpus) {
      tool::Run run;
      run.settings = {{"cpus", std::to_string(cpus)}, {"policy", std::string(1, line)}};
      report.runs.push_back(run);
    }
  }
  const std::string svg = RenderSweepSvg(report, "cpus");
  EXPECT_NE(svg.find("line-0 sweep-line dash-0"), std::string::npos);
  EXPECT_NE(svg.find("line-0 sweep-line dash-1"), std::string::npos);
}

TEST(SweepSvgTest, SaysSoIfThereIsNothingToDraw) {
  EXPECT_NE(RenderSweepSvg(Report(), "cpus").find("No run has this setting"), std::string::npos);
}

}  // namespace
}  // namespace pageward::tool
