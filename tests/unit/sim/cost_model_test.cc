#include "runtime/sim/cost_model.h"

#include <gtest/gtest.h>

namespace pageward::sim {
namespace {

Counts CountsOf(Primitive primitive, std::uint64_t times) {
  Meter meter;
  meter.Add(primitive, times);
  return meter.Read();
}

TEST(CostModelTest, EveryPrimitiveCostsSomething) {
  const CostModel model;
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    EXPECT_GT(model[static_cast<Primitive>(i)], 0u) << NameOf(static_cast<Primitive>(i));
  }
}

TEST(CostModelTest, CyclesAreTheSumOverCounts) {
  CostModel model;
  model.Set(Primitive::kWalk, 10);
  model.Set(Primitive::kFault, 100);
  Counts counts = CountsOf(Primitive::kWalk, 3);
  counts += CountsOf(Primitive::kFault, 2);
  EXPECT_DOUBLE_EQ(model.Cycles(counts), 230);
  const CostBand band = model.Band(counts);
  EXPECT_DOUBLE_EQ(band.low, 115);
  EXPECT_DOUBLE_EQ(band.nominal, 230);
  EXPECT_DOUBLE_EQ(band.high, 345);
}

TEST(CostModelTest, ARatioOfEqualRunsIsCertain) {
  const CostModel model;
  const Counts counts = CountsOf(Primitive::kWalk, 3);
  const CostBand band = model.RatioBand(counts, counts);
  EXPECT_DOUBLE_EQ(band.low, 1);
  EXPECT_DOUBLE_EQ(band.high, 1);
}

TEST(CostModelTest, ARatioOfRunsWithNothingInCommonMovesMost) {
  CostModel model;
  model.Set(Primitive::kWalk, 10);
  model.Set(Primitive::kFault, 10);
  const CostBand band =
      model.RatioBand(CountsOf(Primitive::kWalk, 2), CountsOf(Primitive::kFault, 1));
  EXPECT_DOUBLE_EQ(band.nominal, 2);
  EXPECT_DOUBLE_EQ(band.low, 2 * 0.5 / 1.5);
  EXPECT_DOUBLE_EQ(band.high, 2 * 1.5 / 0.5);
}

TEST(CostModelTest, ARatioMovesByWhatOnlyOneOfTheTwoHas) {
  CostModel model;
  model.Set(Primitive::kWalk, 10);
  model.Set(Primitive::kFault, 10);
  Counts more = CountsOf(Primitive::kWalk, 1);
  more += CountsOf(Primitive::kFault, 1);
  const CostBand band = model.RatioBand(more, CountsOf(Primitive::kWalk, 1));
  // (w + f) / w, with w and f each from 5 to 15.
  EXPECT_DOUBLE_EQ(band.nominal, 2);
  EXPECT_DOUBLE_EQ(band.low, 1 + 5.0 / 15);
  EXPECT_DOUBLE_EQ(band.high, 1 + 15.0 / 5);
}

TEST(CostModelTest, ATextReplacesConstants) {
  CostModel model;
  CostError error;
  ASSERT_TRUE(model.Parse("# of my machine\n\nwalk = 77  # measured\r\n  fault=5\n", &error));
  EXPECT_EQ(model[Primitive::kWalk], 77u);
  EXPECT_EQ(model[Primitive::kFault], 5u);
  EXPECT_EQ(model[Primitive::kInterrupt], CostModel()[Primitive::kInterrupt]);
}

TEST(CostModelTest, WhatIsNoConstantIsNamedAndChangesNothing) {
  struct Row {
    const char* text;
    std::uint32_t line;
    const char* what;
    const char* nearest;
  };
  const Row rows[] = {
      {"walk = 1\nwolk = 2\n", 2, "wolk", "walk"},
      {"walk = fast\n", 1, "fast", ""},
      {"walk =\n", 1, "", ""},
      {"walk\n", 1, "", ""},
      {"walk = 4294967296\n", 1, "4294967296", ""},
      {"walk = -1\n", 1, "-1", ""},
      {"= 3\n", 1, "", ""},
  };
  for (const Row& row : rows) {
    CostModel model;
    CostError error;
    EXPECT_FALSE(model.Parse(row.text, &error)) << row.text;
    EXPECT_EQ(error.line, row.line) << row.text;
    EXPECT_EQ(error.what, row.what) << row.text;
    EXPECT_EQ(error.nearest, row.nearest) << row.text;
    EXPECT_EQ(model[Primitive::kWalk], CostModel()[Primitive::kWalk]) << row.text;
  }
}

}  // namespace
}  // namespace pageward::sim
