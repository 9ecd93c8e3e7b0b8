#include "tools/pageward/report/html.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/tools/sample_report.h"

namespace pageward::tool {
namespace {

bool Has(const std::string& html, const std::string& text) {
  return html.find(text) != std::string::npos;
}

TEST(HtmlTest, TellsCountsBeforeAnythingModelled) {
  const std::string html = RenderHtml(testing_support::UsualReport());
  EXPECT_LT(html.find("id=\"counts\""), html.find("id=\"cycles\""));
  EXPECT_LT(html.find("id=\"cycles\""), html.find("id=\"published\""));
}

TEST(HtmlTest, PutsManyRunsBelowEachOther) {
  const std::string few = RenderHtml(testing_support::UsualReport());
  EXPECT_TRUE(Has(few, "<th scope=\"col\">Setting</th><th scope=\"col\">adhoc</th>"));
  const std::string many = RenderHtml(testing_support::SweepReport());
  EXPECT_TRUE(Has(many, "<th scope=\"col\">Run</th><th scope=\"col\">conversion</th>"));
}

TEST(HtmlTest, AnswersASweepBeforeItsColumns) {
  const std::string html = RenderHtml(testing_support::SweepReport());
  EXPECT_LT(html.find("id=\"sweep\""), html.find("id=\"counts\""));
  EXPECT_FALSE(Has(RenderHtml(testing_support::UsualReport()), "id=\"sweep\""));
}

TEST(HtmlTest, LeavesOutPicturesOfNothing) {
  const std::string html = RenderHtml(testing_support::PlainReport());
  EXPECT_TRUE(Has(html, "id=\"counts\""));
  for (const char* id : {"blocks", "windows", "messages", "published", "limits", "remarks"}) {
    EXPECT_FALSE(Has(html, std::string("id=\"") + id + "\"")) << id;
  }
}

TEST(HtmlTest, SaysThatAnEmptyReportIsEmpty) {
  EXPECT_TRUE(Has(RenderHtml(Report()), "This report has no runs."));
}

TEST(HtmlTest, EscapesWhateverSomebodyTyped) {
  const std::string html = RenderHtml(testing_support::CrowdedReport());
  EXPECT_FALSE(Has(html, "<script"));
  EXPECT_TRUE(Has(html, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"));
}

TEST(HtmlTest, SaysZerosOfEveryRunOnce) {
  const std::string html = RenderHtml(testing_support::UsualReport());
  EXPECT_TRUE(Has(html, "0 in every run: "));
  EXPECT_TRUE(Has(html, "class=\"name\" title=\"How often a table-switch was needed.\""));
}

TEST(HtmlTest, SaysHowManyRunsAreNotDrawn) {
  EXPECT_TRUE(
      Has(RenderHtml(testing_support::CrowdedReport()), "Drawn for the first 6 of 8 runs."));
}

TEST(HtmlTest, SaysWhetherProbesWentThrough) {
  const std::string html = RenderHtml(testing_support::UsualReport());
  EXPECT_TRUE(Has(html, "same thread, after closing: <b class=\"through\">went through</b>"));
  EXPECT_TRUE(Has(html, "same thread, after the flush: <b>was refused</b>"));
}

TEST(HtmlTest, SaysRemarksOfAllRunsOnce) {
  Report report = testing_support::UsualReport();
  for (tool::Run& run : report.runs) {
    run.remarks.push_back("Holds for all.");
  }
  const std::string html = RenderHtml(report);
  EXPECT_EQ(html.find("Holds for all."), html.rfind("Holds for all."));
  EXPECT_TRUE(Has(html, "<h3>Every run</h3>"));
}

TEST(HtmlTest, KnowsRunsWithoutANameByTheirPlace) {
  EXPECT_TRUE(Has(RenderHtml(testing_support::PlainReport()), ">run 1<"));
}

}  // namespace
}  // namespace pageward::tool
