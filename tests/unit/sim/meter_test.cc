#include "runtime/sim/meter.h"

#include <gtest/gtest.h>

#include <set>

namespace pageward::sim {
namespace {

TEST(MeterTest, CountsWhatItIsTold) {
  Meter meter;
  meter.Add(Primitive::kWalk);
  meter.Add(Primitive::kWalk, 4);
  meter.Add(Tally::kSplit, 2);
  const Counts counts = meter.Read();
  EXPECT_EQ(counts[Primitive::kWalk], 5u);
  EXPECT_EQ(counts[Tally::kSplit], 2u);
  EXPECT_EQ(counts[Primitive::kFault], 0u);
}

TEST(MeterTest, SumsAndDifferencesOfRunsAreRuns) {
  Meter meter;
  meter.Add(Primitive::kWalk, 3);
  const Counts before = meter.Read();
  meter.Add(Primitive::kWalk, 2);
  meter.Add(Tally::kRefill);
  Counts since = meter.Read() - before;
  EXPECT_EQ(since[Primitive::kWalk], 2u);
  EXPECT_EQ(since[Tally::kRefill], 1u);
  since += before;
  EXPECT_EQ(since, meter.Read());
}

TEST(MeterTest, EveryCountHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    names.insert(NameOf(static_cast<Primitive>(i)));
  }
  for (std::size_t i = 0; i < kTallyCount; ++i) {
    names.insert(NameOf(static_cast<Tally>(i)));
  }
  EXPECT_EQ(names.size(), kPrimitiveCount + kTallyCount);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace pageward::sim
