// What ptable does to page tables for a kernel, on both MMUs: split, protect, map, unmap, collapse,
// with the flushes that it says are enough.
#include "tests/oracle/scenario.h"

#include <gtest/gtest.h>

#include <iostream>

#include "tests/oracle/qemu_machine.h"
#include "tests/oracle/qemu_process.h"
#include "tests/support/ptable/mmu_comparison.h"

namespace pageward::oracle {
namespace {

using testing_support::Compare;
using testing_support::ComparisonReport;
using testing_support::Summarize;

ComparisonReport CompareOnQemu(const Scenario& scenario) {
  const QemuRun qemu = RunOnQemu(scenario.program());
  EXPECT_EQ(qemu.error, "");
  return qemu.ok() ? Compare(scenario.program(), scenario.run(), qemu.run) : ComparisonReport();
}

class ScenarioTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = WhyNoQemu()) {
      GTEST_SKIP() << *why;
    }
  }
};

// Spec: T130
TEST_F(ScenarioTest, ADirectMapAndItsUsersLookTheSameToBoth) {
  ComparisonReport report;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Scenario scenario(seed);
    scenario.Run(150);
    EXPECT_GT(scenario.flushes(), 50u);
    EXPECT_GT(scenario.collapses(), 5u);
    report += CompareOnQemu(scenario);
  }
  std::cout << "oracle (scenarios): " << Summarize(report) << '\n';
  for (const std::string& example : report.examples) {
    ADD_FAILURE() << example;
  }
  EXPECT_EQ(report.mismatches(), 0u);
  EXPECT_GT(report.page_faults, report.accesses / 4);
  EXPECT_LT(report.page_faults, report.accesses / 4 * 3);
}

// Spec: T130
TEST_F(ScenarioTest, SingleFlushesOfPtableThatAreLeftOutAreReported) {
  constexpr std::uint64_t kFlushes = 12;
  std::uint64_t reported = 0;
  for (std::uint64_t number = 0; number < kFlushes; ++number) {
    Scenario scenario(1, MissingFlush{number});
    scenario.Run(40);
    ASSERT_GT(scenario.flushes(), number);
    reported += CompareOnQemu(scenario).wrong_accesses > 0 ? 1u : 0u;
  }
  std::cout << "reported " << reported << " of " << kFlushes << " flushes that were left out\n";
  // The others only let more through than before, or covered what nobody had used.
  EXPECT_GE(reported, 3u);
}

}  // namespace
}  // namespace pageward::oracle
