#include "tools/pageward/report/views_layout.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/tools/sample_report.h"

namespace pageward::tool {
namespace {

constexpr double kWidth = 336;

void ExpectInside(const ViewsLayout& layout) {
  for (const ViewSpan& span : layout.spans) {
    EXPECT_GE(span.begin, layout.plot.x);
    EXPECT_LE(span.begin, span.close);
    EXPECT_LE(span.close, span.end);
    EXPECT_LE(span.end, layout.plot.right());
    EXPECT_GT(span.y, layout.plot.y);
    EXPECT_LT(span.y, layout.plot.bottom());
  }
  for (const ProbeMark& mark : layout.marks) {
    EXPECT_GE(mark.at.x, layout.plot.x);
    EXPECT_LE(mark.at.x, layout.plot.right());
    EXPECT_GT(mark.at.y, layout.plot.y);
    EXPECT_LT(mark.at.y, layout.plot.bottom());
  }
  EXPECT_LT(layout.plot.bottom(), layout.height);
}

TEST(ViewsLayoutTest, KeepsEverythingInsideAndInOrder) {
  for (const Report& report : {testing_support::UsualReport(), testing_support::CrowdedReport()}) {
    for (const tool::Run& run : report.runs) {
      if (!run.views.empty()) {
        ExpectInside(LayoutViews(run, kWidth));
        ExpectInside(LayoutViews(run, 3 * kWidth));
      }
    }
  }
}

TEST(ViewsLayoutTest, PutsRowsBelowEachOtherByProcessorAndPage) {
  const Report report = testing_support::UsualReport();
  const ViewsLayout layout = LayoutViews(report.runs[0], kWidth);
  ASSERT_GT(layout.rows.size(), 2u);
  EXPECT_TRUE(layout.rows[0].is_first_of_cpu);
  for (std::size_t i = 1; i < layout.rows.size(); ++i) {
    const ViewRow& above = layout.rows[i - 1];
    const ViewRow& row = layout.rows[i];
    EXPECT_GE(row.y, above.y + above.height);
    EXPECT_EQ(row.is_first_of_cpu, row.cpu != above.cpu);
    EXPECT_TRUE(row.cpu > above.cpu || row.page > above.page);
  }
}

TEST(ViewsLayoutTest, DrawsWhatNeverEndedUpToTheLastEvent) {
  tool::Run run;
  run.views = {{1, 1, 0, 10, {}, {}}, {2, 2, 0, 20, 30, {}}, {3, 3, 0, 40, 50, 60}};
  const ViewsLayout layout = LayoutViews(run, kWidth);
  ASSERT_EQ(layout.spans.size(), 3u);
  EXPECT_EQ(layout.spans[0].close, layout.spans[2].end) << "open until now";
  EXPECT_LT(layout.spans[1].close, layout.spans[1].end);
  EXPECT_EQ(layout.spans[1].end, layout.spans[2].end) << "stale until now";
}

TEST(ViewsLayoutTest, PutsContradictionsInOrder) {
  tool::Run run;
  run.views = {{1, 1, 0, 100, 50, 20}, {2, 2, 0, 100, {}, 150}, {3, 3, 0, 100, 200, 150}};
  ExpectInside(LayoutViews(run, kWidth));
}

TEST(ViewsLayoutTest, GivesViewsThatOverlapLanesOfTheirOwn) {
  tool::Run run;
  run.views = {{1, 1, 0, 10, 20, 40}, {1, 2, 0, 30, 35, 50}, {1, 3, 0, 60, 70, 80}};
  const ViewsLayout layout = LayoutViews(run, kWidth);
  ASSERT_EQ(layout.rows.size(), 1u);
  EXPECT_NE(layout.spans[0].y, layout.spans[1].y);
  EXPECT_EQ(layout.spans[0].y, layout.spans[2].y);
}

TEST(ViewsLayoutTest, KeepsMarksApart) {
  tool::Run run;
  for (std::uint64_t i = 0; i < 10; ++i) {
    run.probes.push_back({100, 7, 0, i % 2 == 0, "probe"});
  }
  const ViewsLayout layout = LayoutViews(run, kWidth);
  ASSERT_EQ(layout.marks.size(), 10u);
  for (std::size_t i = 1; i < layout.marks.size(); ++i) {
    EXPECT_GE(layout.marks[i].at.y - layout.marks[i - 1].at.y, 14);
    EXPECT_EQ(layout.marks[i].number, i + 1);
  }
}

TEST(ViewsLayoutTest, CountsWhatItLeavesOut) {
  tool::Run run;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    run.views.push_back({i % 1000, i, 0, 10 * i, 10 * i + 1, 10 * i + 5});
    run.probes.push_back({10 * i, 5000 + i, 0, i == 2999, "probe"});
  }
  const ViewsLayout layout = LayoutViews(run, kWidth);
  EXPECT_EQ(layout.spans.size() + layout.views_left_out, 3000u);
  EXPECT_EQ(layout.marks.size() + layout.probes_left_out, 3000u);
  EXPECT_LE(layout.rows.size(), kDrawnRows + kDrawnProbes);
  EXPECT_EQ(layout.marks.back().probe->went_through, true) << "what went through is never left out";
  ExpectInside(layout);
}

TEST(TimeScaleTest, WidensLongGapsByTheirLogarithmOnly) {
  const TimeScale even({1, 2, 3, 4}, 0, 30);
  EXPECT_FALSE(even.IsShortened());
  EXPECT_DOUBLE_EQ(even.At(2), 10);
  const TimeScale uneven({0, 1, 1025}, 0, 120);
  EXPECT_TRUE(uneven.IsShortened());
  EXPECT_DOUBLE_EQ(uneven.At(1), 10);
  EXPECT_DOUBLE_EQ(uneven.At(513), 65);
  EXPECT_DOUBLE_EQ(uneven.At(5000), 120);
}

TEST(TimeScaleTest, KeepsTicksApart) {
  std::vector<std::uint64_t> times;
  for (std::uint64_t i = 0; i < 100; ++i) {
    times.push_back(i * i);
  }
  const TimeScale scale(times, 0, 300);
  const std::vector<std::uint64_t> ticks = scale.Ticks(50);
  ASSERT_GE(ticks.size(), 2u);
  EXPECT_EQ(ticks.front(), 0u);
  EXPECT_EQ(ticks.back(), 99u * 99u);
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    EXPECT_GE(scale.At(ticks[i]) - scale.At(ticks[i - 1]), 50);
  }
  EXPECT_EQ(TimeScale({7}, 0, 300).Ticks(50), std::vector<std::uint64_t>{7});
  EXPECT_TRUE(TimeScale({}, 0, 300).Ticks(50).empty());
}

}  // namespace
}  // namespace pageward::tool
