#include "tools/pageward/sim/axes.h"

#include <gtest/gtest.h>

#include <set>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

using sim::ConversionPolicy;
using sim::PtpPolicy;

std::vector<std::string> NamesOf(const std::vector<Settings>& points) {
  std::vector<std::string> names;
  for (const Settings& point : points) {
    names.push_back(point.name);
  }
  return names;
}

std::string FailureOf(const AxisTexts& texts, std::string_view scenario = {}) {
  try {
    PointsOf(texts, scenario);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

TEST(AxesTest, NothingTypedIsOnePointOfStandards) {
  const std::vector<Settings> points = PointsOf({});
  ASSERT_EQ(points.size(), 1u);
  const sim::SimulationConfig& config = points[0].config;
  EXPECT_EQ(points[0].name, "");
  EXPECT_EQ(config.kernel.conversion, ConversionPolicy::kGrouped);
  EXPECT_EQ(config.kernel.tables.policy, PtpPolicy::kReserve);
  EXPECT_EQ(config.kernel.direct_map.largest_leaf, 2u);
  EXPECT_EQ(config.kernel.tables.shape.reserved(), 4u);
  EXPECT_EQ(config.kernel.tables.shape.refill_order_count, 3u);
  EXPECT_EQ(config.kernel.machine.cpus, 8u);
  EXPECT_EQ(config.kernel.ram_bytes, std::uint64_t{1} << 30);
  EXPECT_EQ(points[0].size_bytes, std::uint64_t{32} << 20);
}

TEST(AxesTest, EveryAxisIsPutIntoThePoint) {
  const Settings point = PointsOf({{"conversion", "skip-flush"},
                                   {"ptp", "per-page"},
                                   {"batching", "off"},
                                   {"window", "kmap-local"},
                                   {"stale-views", "report"},
                                   {"leaf", "4K"},
                                   {"asi", "on"},
                                   {"reserve", "1+3"},
                                   {"refill-orders", "4/0"},
                                   {"cpus", "256"},
                                   {"ram", "1T"},
                                   {"size", "2M"},
                                   {"seed", "7"}},
                                  "asi")[0];
  EXPECT_EQ(point.config.kernel.conversion, ConversionPolicy::kSkipFlush);
  EXPECT_EQ(point.config.kernel.tables.policy, PtpPolicy::kPerPage);
  EXPECT_EQ(point.config.kernel.batching, sim::LevelBatching::kOff);
  EXPECT_EQ(point.config.window, sim::WindowPolicy::kKmapLocal);
  EXPECT_EQ(point.config.stale_views, sim::StaleViewCheck::kReport);
  EXPECT_EQ(point.config.kernel.direct_map.largest_leaf, 0u);
  EXPECT_TRUE(point.has_asi);
  EXPECT_EQ(point.config.kernel.tables.shape.for_refill, 1u);
  EXPECT_EQ(point.config.kernel.tables.shape.for_others, 3u);
  EXPECT_EQ(point.config.kernel.tables.shape.refill_order_count, 2u);
  EXPECT_EQ(point.config.kernel.tables.shape.refill_orders[0], Order(4));
  EXPECT_EQ(point.config.kernel.tables.shape.refill_orders[1], Order(0));
  EXPECT_EQ(point.config.kernel.machine.cpus, 256u);
  EXPECT_EQ(point.config.kernel.ram_bytes, std::uint64_t{1} << 40);
  EXPECT_EQ(point.size_bytes, std::uint64_t{2} << 20);
  EXPECT_EQ(point.seed, 7u);
  EXPECT_EQ(point.values.size(), Axes().size());
}

TEST(AxesTest, SeveralValuesOfSeveralAxesAreAllCombined) {
  const auto points = PointsOf({{"conversion", "all"}, {"cpus", "1,2"}});
  EXPECT_EQ(NamesOf(points), (std::vector<std::string>{
                                 "adhoc, cpus 1", "adhoc, cpus 2", "grouped, cpus 1",
                                 "grouped, cpus 2", "skip-flush, cpus 1", "skip-flush, cpus 2"}));
  EXPECT_EQ(points[3].config.kernel.conversion, ConversionPolicy::kGrouped);
  EXPECT_EQ(points[3].config.kernel.machine.cpus, 2u);
}

TEST(AxesTest, PointsThatDifferInNothingThatMattersAreOne) {
  EXPECT_EQ(NamesOf(PointsOf({{"ptp", "none,reserve"}, {"batching", "all"}})),
            (std::vector<std::string>{"none", "reserve, batching on", "reserve, batching off"}));
  EXPECT_EQ(NamesOf(PointsOf({{"ptp", "none"}, {"reserve", "2+2,4+4"}})),
            (std::vector<std::string>{""}));
}

TEST(AxesTest, NonsenseIsToldWithTheOption) {
  EXPECT_EQ(FailureOf({{"conversion", "groupd"}}),
            "--conversion: 'groupd' is not a value: it is one of adhoc, grouped, skip-flush; "
            "did you mean 'grouped'?");
  EXPECT_EQ(FailureOf({{"window", "mermap,mermap"}}), "--window: 'mermap' is there twice");
  EXPECT_EQ(FailureOf({{"ram", "33M"}}),
            "--ram: 33M is no multiple of 2M, the size of a pageblock");
  EXPECT_EQ(FailureOf({{"ram", "2T"}}), "--ram: 2T is not from 32M to 1T");
  EXPECT_EQ(FailureOf({{"cpus", "257"}}), "--cpus: '257' is no whole number from 1 to 256");
  for (const auto& [axis, value] : AxisTexts{{"cpus", "0"},
                                             {"size", "0"},
                                             {"size", "4097"},
                                             {"ram", "0"},
                                             {"ram", "16M"},
                                             {"ram", ""},
                                             {"conversion", ""},
                                             {"conversion", "adhoc,"},
                                             {"reserve", "4"},
                                             {"reserve", "2+"},
                                             {"reserve", "2+65"},
                                             {"refill-orders", "10"},
                                             {"refill-orders", "9//4"},
                                             {"refill-orders", "9/4/2/1/0"},
                                             {"seed", "-1"}}) {
    EXPECT_EQ(FailureOf({{axis, value}}).rfind("--" + axis + ": ", 0), 0u) << axis << " " << value;
  }
}

TEST(AxesTest, AnAxisOfOneScenarioIsOfNoOther) {
  EXPECT_EQ(FailureOf({{"asi", "on"}}, "asi"), "");
  EXPECT_EQ(FailureOf({{"asi", "on"}}, "fork"), "--asi: this is an axis of asi only");
}

TEST(AxesTest, ASweepIsAnAxisWithItsValues) {
  AxisTexts texts;
  EXPECT_EQ(AddSweep("cpus=1,2,4", &texts), "cpus");
  EXPECT_EQ(texts["cpus"], "1,2,4");
  EXPECT_THROW(AddSweep("cpus", &texts), Failure);
  EXPECT_THROW(AddSweep("=1", &texts), Failure);
  EXPECT_THROW(AddSweep("cpu=1", &texts), Failure);
}

TEST(AxesTest, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const Axis& axis : Axes()) {
    EXPECT_TRUE(names.insert(axis.name).second) << axis.name;
    EXPECT_FALSE(axis.what.empty()) << axis.name;
  }
}

}  // namespace
}  // namespace pageward::tool
