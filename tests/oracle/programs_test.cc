// Random programs on the software MMU and on QEMU's: every access ends the same way.
//
// PAGEWARD_ORACLE_ACCESSES sets how many accesses are compared.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/oracle/campaign.h"
#include "tests/oracle/qemu_process.h"

namespace pageward::oracle {
namespace {

using testing_support::ComparisonReport;
using testing_support::Summarize;

// All error codes that there are (SDM 3A 4.7): absent, forbidden, reserved bit, closed key.
constexpr unsigned kCodes[] = {0x00, 0x02, 0x04, 0x06, 0x10, 0x14, 0x01, 0x03, 0x05, 0x07, 0x11,
                               0x15, 0x09, 0x0b, 0x0d, 0x0f, 0x19, 0x1d, 0x21, 0x23, 0x25, 0x27};

std::uint64_t AccessesWanted() {
  const char* text = std::getenv("PAGEWARD_ORACLE_ACCESSES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 104'000;
}

// Spec: T130
TEST(ProgramsTest, EveryAccessEndsAsOnAnIndependentMmu) {
  if (const auto why = WhyNoQemu()) {
    GTEST_SKIP() << *why;
  }
  Campaign campaign;
  campaign.accesses = AccessesWanted();
  const CampaignResult result = RunCampaign(campaign, [](const ComparisonReport&) {});
  ASSERT_EQ(result.error, "");
  std::cout << "oracle: " << Summarize(result.report) << '\n';
  for (const std::string& example : result.report.examples) {
    ADD_FAILURE() << example;
  }
  EXPECT_EQ(result.report.mismatches(), 0u);
  EXPECT_EQ(result.report.accesses, campaign.accesses);
  // Everything happens often, or else this would say little.
  EXPECT_GT(result.report.page_faults, campaign.accesses / 4);
  EXPECT_LT(result.report.page_faults, campaign.accesses / 4 * 3);
  EXPECT_GT(result.report.unflushed, campaign.accesses / 20);
  EXPECT_GT(result.report.stale, campaign.accesses / 500);
  for (const std::uint64_t passed : result.report.passed_by_level) {
    EXPECT_GT(passed, campaign.accesses / 50);
  }
  for (const unsigned code : kCodes) {
    EXPECT_GT(result.report.faults_of_code[code], 20u) << "error code " << code;
  }
}

}  // namespace
}  // namespace pageward::oracle
