#include "tools/pageward/report/sequence_layout.h"

#include <gtest/gtest.h>

#include "tests/support/tools/sample_report.h"
#include "tools/pageward/report/text_fit.h"

namespace pageward::tool {
namespace {

constexpr double kWidth = 372;

void ExpectInside(const SequenceLayout& layout) {
  for (const SequenceRow& row : layout.rows) {
    EXPECT_GT(row.arrow_y, layout.heads_bottom);
    EXPECT_LT(row.arrow_y, layout.height);
    EXPECT_GE(row.text_x, 0);
    for (const std::string& line : row.lines) {
      EXPECT_LE(row.text_x + TextWidth(line, kMessageSize), layout.width) << line;
    }
  }
  for (const SequenceNest& nest : layout.nests) {
    EXPECT_GT(nest.box.width, 0);
    EXPECT_GT(nest.box.height, 0);
    EXPECT_GE(nest.box.x, 0);
    EXPECT_LE(nest.box.right(), layout.width);
    EXPECT_LE(nest.box.bottom(), layout.height);
  }
  for (const SequenceColumn& column : layout.columns) {
    EXPECT_GE(column.x, 0);
    EXPECT_LE(column.x, layout.width);
  }
}

TEST(SequenceLayoutTest, KeepsEverythingInside) {
  for (const Report& report : {testing_support::UsualReport(), testing_support::CrowdedReport()}) {
    for (const tool::Run& run : report.runs) {
      if (!run.messages.empty()) {
        ExpectInside(LayoutSequence(run, kWidth));
      }
    }
  }
}

TEST(SequenceLayoutTest, PutsTextsBelowThePreviousArrow) {
  const Report report = testing_support::UsualReport();
  const SequenceLayout layout = LayoutSequence(report.runs[0], kWidth);
  for (std::size_t i = 1; i < layout.rows.size(); ++i) {
    // The letters of a line reach some 80 % of their size above its baseline.
    EXPECT_GT(layout.rows[i].text_y - 0.8 * kMessageSize, layout.rows[i - 1].arrow_y);
    EXPECT_GT(layout.rows[i].arrow_y, layout.rows[i].text_y);
  }
}

TEST(SequenceLayoutTest, CutsTheMiddleAndCountsIt) {
  tool::Run run;
  testing_support::AddSampleMessages(&run, 9, 3000);
  const SequenceLayout layout = LayoutSequence(run, kWidth);
  ASSERT_EQ(layout.gaps.size(), 1u);
  EXPECT_EQ(layout.rows.size(), kFirstMessages + kLastMessages);
  EXPECT_EQ(layout.gaps[0].messages, 3000 - layout.rows.size());
  EXPECT_EQ(layout.gaps[0].least_depth, 0u);
  EXPECT_EQ(layout.gaps[0].most_depth, 9u);
  EXPECT_EQ(layout.most_depth, 9u);
  EXPECT_GT(layout.gaps[0].y, layout.rows[kFirstMessages - 1].arrow_y);
  EXPECT_LT(layout.gaps[0].y, layout.rows[kFirstMessages].text_y);
  EXPECT_EQ(layout.rows.back().message, &run.messages.back());
}

TEST(SequenceLayoutTest, CutsNothingThatFits) {
  tool::Run run;
  testing_support::AddSampleMessages(&run, 2, kFirstMessages + kLastMessages);
  const SequenceLayout layout = LayoutSequence(run, kWidth);
  EXPECT_TRUE(layout.gaps.empty());
  EXPECT_EQ(layout.rows.size(), run.messages.size());
}

TEST(SequenceLayoutTest, NestsDeeperBoxesInsideOfOthers) {
  tool::Run run;
  run.participants = {"a", "b"};
  for (const unsigned depth : {0u, 1u, 2u, 1u, 0u, 1u}) {
    run.messages.push_back({0, 0, 1, depth, "text"});
  }
  const SequenceLayout layout = LayoutSequence(run, kWidth);
  ASSERT_EQ(layout.nests.size(), 3u);
  const Box& outer = layout.nests[0].box;
  const Box& inner = layout.nests[2].box;
  EXPECT_EQ(layout.nests[2].depth, 2u);
  EXPECT_LT(outer.x, inner.x);
  EXPECT_LT(outer.y, inner.y);
  EXPECT_GT(outer.right(), inner.right());
  EXPECT_GT(outer.bottom(), inner.bottom());
  EXPECT_GT(layout.nests[1].box.y, outer.bottom()) << "left and entered again";
}

TEST(SequenceLayoutTest, TakesWhoeverIsNotNamedTogether) {
  tool::Run run;
  run.participants = {"a"};
  run.messages = {{0, 0, 4000000000u, 0, "text"}, {1, 7, 0, 0, "text"}};
  const SequenceLayout layout = LayoutSequence(run, kWidth);
  ASSERT_EQ(layout.columns.size(), 2u);
  EXPECT_EQ(layout.columns[1].name, "others");
  EXPECT_EQ(layout.rows[0].to, layout.columns[1].x);
  EXPECT_EQ(layout.rows[1].from, layout.columns[1].x);
}

TEST(SequenceLayoutTest, WrapsLongMessages) {
  tool::Run run;
  run.participants = {"a", "b"};
  run.messages = {{0, 0, 1, 200, std::string(60, 'm') + " " + std::string(300, 'w')}};
  const SequenceLayout layout = LayoutSequence(run, kWidth);
  EXPECT_EQ(layout.rows[0].lines.size(), 3u);
  ExpectInside(layout);
}

}  // namespace
}  // namespace pageward::tool
