#include "tools/pageward/report/csv.h"

#include <gtest/gtest.h>

#include "tests/support/tools/small_report.h"

namespace pageward::tool {
namespace {

using testing_support::SmallReport;

TEST(CsvTest, HasALineOfNamesAndOneForEachRun) {
  EXPECT_EQ(RenderCsv(SmallReport()),
            "run,conversion,cpus,cycles-low,cycles,cycles-high,page-flush,walk,real-time (s),"
            "leaves-2m (leaves)\n"
            "adhoc,adhoc,2,75000,150000,225000,1000,0,0.25,3\n"
            "grouped,grouped,2,150,300,450,2,0,0.25,3\n");
}

TEST(CsvTest, QuotesWhatHasToBeQuoted) {
  Report report = SmallReport();
  report.runs.resize(1);
  report.runs[0].name = "a, \"b\"";
  EXPECT_NE(RenderCsv(report).find("\n\"a, \"\"b\"\"\",adhoc,"), std::string::npos);
}

TEST(CsvTest, OfNoRunsIsEmpty) {
  EXPECT_EQ(RenderCsv(Report()), "");
}

}  // namespace
}  // namespace pageward::tool
