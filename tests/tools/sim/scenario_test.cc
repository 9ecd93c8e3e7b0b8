#include "tools/pageward/sim/scenario.h"

#include <gtest/gtest.h>

#include <set>

#include "tools/pageward/command/failure.h"
#include "tools/pageward/sim/axes.h"

namespace pageward::tool {
namespace {

// Little work for each scenario, with its own standards.
std::vector<Settings> SmallPointsOf(const Scenario& scenario) {
  AxisTexts texts;
  for (const AxisDefault& value : scenario.defaults) {
    texts.emplace(value.first, value.second);
  }
  texts["size"] = "2M";
  if (scenario.name == "fragmentation") {
    texts["ram"] = "144M";
  }
  return PointsOf(texts, scenario.name);
}

std::uint64_t CountOf(const Run& run, std::string_view name) {
  for (const Count& count : run.counts) {
    if (count.name == name) {
      return count.times;
    }
  }
  ADD_FAILURE() << name;
  return 0;
}

class EachScenarioTest : public testing::TestWithParam<const Scenario*> {};

TEST_P(EachScenarioTest, RunsAtEveryPointOfItsStandardsAndCostsSomething) {
  const Scenario& scenario = *GetParam();
  const std::vector<Settings> points = SmallPointsOf(scenario);
  const Report report = RunScenario(scenario, points, sim::CostModel(), nullptr);
  EXPECT_EQ(report.title, scenario.name);
  EXPECT_FALSE(report.question.empty());
  EXPECT_FALSE(report.modelled.empty());
  EXPECT_FALSE(report.not_modelled.empty());
  ASSERT_EQ(report.runs.size(), points.size());
  std::set<std::string> names;
  for (const tool::Run& run : report.runs) {
    EXPECT_TRUE(names.insert(run.name).second) << run.name;
    EXPECT_GT(run.cycles.nominal, 0) << run.name;
    EXPECT_GE(run.blocks.size(), 2u) << run.name;
    EXPECT_EQ(CountOf(run, "oopses"), 0u) << run.name;
  }
  const std::size_t compared = scenario.ratios == Ratios::kNone ? 0 : points.size() - 1;
  EXPECT_EQ(report.comparisons.size(), compared);
}

TEST_P(EachScenarioTest, GivesTheSameCountsAgain) {
  const Scenario& scenario = *GetParam();
  const Report first = RunScenario(scenario, SmallPointsOf(scenario), sim::CostModel(), nullptr);
  const Report second = RunScenario(scenario, SmallPointsOf(scenario), sim::CostModel(), nullptr);
  for (std::size_t i = 0; i < first.runs.size(); ++i) {
    for (std::size_t j = 0; j < first.runs[i].counts.size(); ++j) {
      EXPECT_EQ(first.runs[i].counts[j].times, second.runs[i].counts[j].times)
          << first.runs[i].counts[j].name;
    }
  }
}

TEST_P(EachScenarioTest, RefusesRamThatIsTooSmallBeforeItBegins) {
  const Scenario& scenario = *GetParam();
  std::vector<Settings> points = SmallPointsOf(scenario);
  points.resize(1);
  points[0].config.kernel.ram_bytes = scenario.least_ram(points[0]) - kPageblockBytes;
  try {
    RunScenario(scenario, points, sim::CostModel(), nullptr);
    ADD_FAILURE();
  } catch (const Failure& failure) {
    EXPECT_EQ(std::string(failure.what()).rfind("--ram: ", 0), 0u) << failure.what();
  }
}

TEST_P(EachScenarioTest, TakesTheLeastRamThatItSays) {
  const Scenario& scenario = *GetParam();
  std::vector<Settings> points = SmallPointsOf(scenario);
  for (Settings& point : points) {
    point.config.kernel.ram_bytes = scenario.least_ram(point);
  }
  EXPECT_NO_THROW(RunScenario(scenario, points, sim::CostModel(), nullptr));
}

INSTANTIATE_TEST_SUITE_P(All, EachScenarioTest,
                         testing::ValuesIn(Scenarios().begin(), Scenarios().end()),
                         [](const auto& instance) {
                           std::string name;
                           for (const char character : instance.param->name) {
                             name += character == '-' ? '_' : character;
                           }
                           return name;
                         });

TEST(ScenarioTest, IsFoundByItsNameOnly) {
  for (const Scenario* const scenario : Scenarios()) {
    EXPECT_EQ(FindScenario(scenario->name), scenario);
  }
  EXPECT_EQ(FindScenario("popul"), nullptr);
  EXPECT_EQ(FindScenario(""), nullptr);
}

TEST(ScenarioTest, TooFewProcessorsAreRefused) {
  const Scenario& scenario = *FindScenario("stale-window");
  EXPECT_THROW(RunScenario(scenario, PointsOf({{"cpus", "2"}}), sim::CostModel(), nullptr),
               Failure);
}

// --- Comparing -----------------------------------------------------------------------------------

FinishedRun RunOf(const std::string& name, const std::string& conversion, const std::string& cpus,
                  std::uint64_t faults) {
  FinishedRun run;
  run.run.name = name;
  run.run.settings = {{"conversion", conversion}, {"cpus", cpus}};
  run.counts.primitives[static_cast<std::size_t>(sim::Primitive::kFault)] = faults;
  return run;
}

TEST(CompareTest, MeasuresByTheBaselineThatIsAlikeInAllElse) {
  const std::vector<FinishedRun> runs = {
      RunOf("g1", "grouped", "1", 10), RunOf("a1", "adhoc", "1", 20),
      RunOf("g2", "grouped", "2", 30), RunOf("a2", "adhoc", "2", 90)};
  constexpr std::string_view kCompared[] = {"conversion"};
  constexpr AxisDefault kBaseline[] = {{"conversion", "adhoc"}};
  Report report;
  Compare(runs, kCompared, kBaseline, sim::CostModel(), &report);
  ASSERT_EQ(report.comparisons.size(), 2u);
  EXPECT_EQ(report.comparisons[0].run, "g1");
  EXPECT_EQ(report.comparisons[0].with, "a1");
  EXPECT_DOUBLE_EQ(report.comparisons[0].ratio.nominal, 0.5);
  EXPECT_EQ(report.comparisons[1].with, "a2");
  EXPECT_DOUBLE_EQ(report.comparisons[1].ratio.nominal, 1.0 / 3);
}

TEST(CompareTest, WithoutTheBaselineTheFirstThatIsAlikeServes) {
  const std::vector<FinishedRun> runs = {RunOf("g", "grouped", "1", 10),
                                         RunOf("s", "skip-flush", "1", 5)};
  constexpr std::string_view kCompared[] = {"conversion"};
  constexpr AxisDefault kBaseline[] = {{"conversion", "adhoc"}};
  Report report;
  Compare(runs, kCompared, kBaseline, sim::CostModel(), &report);
  ASSERT_EQ(report.comparisons.size(), 1u);
  EXPECT_EQ(report.comparisons[0].run, "s");
  EXPECT_EQ(report.comparisons[0].with, "g");
}

TEST(CompareTest, NothingIsPutInRelationToARunThatCostNothing) {
  const std::vector<FinishedRun> runs = {RunOf("a", "adhoc", "1", 0),
                                         RunOf("g", "grouped", "1", 1)};
  Report report;
  Compare(runs, {}, {}, sim::CostModel(), &report);
  EXPECT_TRUE(report.comparisons.empty());
}

}  // namespace
}  // namespace pageward::tool
