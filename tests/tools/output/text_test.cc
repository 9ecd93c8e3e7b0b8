#include "tools/pageward/report/text.h"

#include <gtest/gtest.h>

#include "tests/support/tools/small_report.h"

namespace pageward::tool {
namespace {

using testing_support::SmallReport;
using testing_support::SmallRun;

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(TextTest, CountsComeFirstAndCyclesSecondInAlignedColumns) {
  EXPECT_EQ(RenderText(SmallReport()),
            "small: What is this?\n"
            "cpus 2\n"
            "\n"
            "What happened\n"
            "              adhoc  grouped\n"
            "  page-flush  1,000        2   pages flushed\n"
            "\n"
            "Modelled cycles\n"
            "                       adhoc  grouped\n"
            "  cycles               150 k      300   the sum over all processors\n"
            "  from                75.0 k      150   if every constant is half of what is assumed\n"
            "  to                   225 k      450   if every constant is half as much again\n"
            "  of that page-flush   100 %    100 %\n"
            "\n"
            "At the end\n"
            "                       adhoc  grouped\n"
            "  pageblocks movable       3        3\n"
            "  pageblocks unmapped      1        1\n"
            "  real-time             0.25     0.25   s\n"
            "  leaves-2m                3        3   leaves\n"
            "\n"
            "Modelled cycles in relation to each other\n"
            "  grouped / adhoc  0.002   from 0.001 to 0.006\n"
            "\n"
            "Beside what others published, which has no part in the model\n"
            "  holds  it is less: 0.002; expected less\n"
            "\n"
            "Not modelled\n"
            "  much\n");
}

TEST(TextTest, AFigureThatDoesNotHoldStandsOut) {
  Report report = SmallReport();
  report.published[0].holds = false;
  EXPECT_TRUE(Has(RenderText(report), "  FAILS  it is less"));
}

TEST(TextTest, PartsOfANameStandAboveEachOther) {
  Report report = SmallReport();
  report.runs[0].name = "none";
  report.runs[1].name = "reserve, batching off";
  EXPECT_TRUE(Has(RenderText(report),
                  "                    reserve\n"
                  "               none  batching off\n") ||
              Has(RenderText(report), "batching off\n"));
  EXPECT_FALSE(Has(RenderText(report), "  reserve, batching off\n"));
}

TEST(TextTest, OneRunHasNoHead) {
  Report report = SmallReport();
  report.runs.resize(1);
  EXPECT_TRUE(Has(RenderText(report), "What happened\n  page-flush  1,000   pages flushed\n"));
}

TEST(TextTest, RunsThatFitNoTerminalGoBelow) {
  Report report = SmallReport();
  report.runs.clear();
  for (int i = 0; i < 8; ++i) {
    report.runs.push_back(SmallRun("run" + std::to_string(i), std::to_string(i), 1));
  }
  const std::string text = RenderText(report);
  const std::size_t first = text.find("What happened");
  EXPECT_NE(text.find("What happened", first + 1), std::string::npos);
  EXPECT_TRUE(Has(text, "  run6  run7\n"));
}

TEST(TextTest, ProbesStandBetweenTheMessagesAroundThem) {
  Report report = SmallReport();
  tool::Run& run = report.runs[0];
  run.participants = {"a", "b"};
  run.messages = {{3, 0, 1, 0, "open"}, {4, 1, 0, 1, "close"}};
  run.probes = {{3, 9, 0, true, "inside"}, {4, 9, 0, false, "behind"}};
  run.remarks = {"That was all."};
  EXPECT_TRUE(Has(RenderText(report),
                  "\nadhoc\n"
                  "      3  a -> b: open\n"
                  "         READ          inside\n"
                  "      4    b -> a: close\n"
                  "         faulted       behind\n"
                  "  That was all.\n"));
}

}  // namespace
}  // namespace pageward::tool
