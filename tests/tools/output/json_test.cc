#include "tools/pageward/report/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/tools/small_report.h"

namespace pageward::tool {
namespace {

using nlohmann::json;
using testing_support::SmallReport;

TEST(JsonTest, HasWhatTheReportHas) {
  const json report = json::parse(RenderJson(SmallReport()));
  EXPECT_EQ(report["title"], "small");
  EXPECT_EQ(report["command"], "pageward sim small");
  EXPECT_EQ(report["version"], "1.2.3");
  const json& run = report["runs"][1];
  EXPECT_EQ(run["name"], "grouped");
  EXPECT_EQ(run["settings"], (json{{"conversion", "grouped"}, {"cpus", "2"}}));
  EXPECT_EQ(run["counts"]["page-flush"], 2);
  EXPECT_EQ(run["counts"]["walk"], 0) << "also what did not happen";
  EXPECT_EQ(run["quantities"]["real-time"], (json{{"value", 0.25}, {"unit", "s"}}));
  EXPECT_EQ(run["cycles"], (json{{"low", 150.0}, {"nominal", 300.0}, {"high", 450.0}}));
  EXPECT_EQ(run["shares"][0], (json{{"primitive", "page-flush"}, {"times", 2}, {"cycles", 150}}));
  EXPECT_EQ(run["blocks"][1], (json{{"step", 8}, {"blocks", {3, 1}}}));
  EXPECT_EQ(report["comparisons"][0]["ratio"]["nominal"], 0.002);
  EXPECT_EQ(report["published"][0]["holds"], true);
  EXPECT_EQ(report["not_modelled"], json{"much"});
}

TEST(JsonTest, TellsViewsProbesAndMessages) {
  Report report = SmallReport();
  report.runs[0].views = {{7, 8, 1, 10, 12, {}}};
  report.runs[0].probes = {{11, 7, 2, true, "somebody"}};
  report.runs[0].participants = {"a", "b"};
  report.runs[0].messages = {{12, 0, 1, 3, "do"}};
  const json run = json::parse(RenderJson(report))["runs"][0];
  EXPECT_EQ(run["views"][0], (json{{"page", 7},
                                   {"frame", 8},
                                   {"cpu", 1},
                                   {"opened", 10},
                                   {"closed", 12},
                                   {"flushed", nullptr}}));
  EXPECT_EQ(
      run["probes"][0],
      (json{{"at", 11}, {"page", 7}, {"cpu", 2}, {"went_through", true}, {"what", "somebody"}}));
  EXPECT_EQ(run["messages"][0],
            (json{{"at", 12}, {"from", 0}, {"to", 1}, {"depth", 3}, {"text", "do"}}));
}

TEST(JsonTest, StaysJsonWhateverWasTyped) {
  Report report;
  report.command = "pageward sim \"\xff\n";
  const json parsed = json::parse(RenderJson(report));
  EXPECT_EQ(parsed["runs"], json::array());
  EXPECT_EQ(parsed["command"].get<std::string>().substr(0, 14), "pageward sim \"");
}

}  // namespace
}  // namespace pageward::tool
