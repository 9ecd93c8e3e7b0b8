// Many random programs on both MMUs: what the test does for some seconds and the command on demand.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/ptable/mmu_comparison.h"
#include "tests/support/ptable/mmu_program_writer.h"

namespace pageward::oracle {

/// Which programs a campaign is made of.
enum class CampaignMode : std::uint8_t { kCoherent, kReplay, kBoth };

struct Campaign {
  std::uint64_t accesses = 100'000;  ///< At least.
  std::uint64_t seed = 1;
  CampaignMode mode = CampaignMode::kBoth;
};

struct CampaignResult {
  std::string error;  ///< One line; empty if all programs could be run.
  testing_support::ComparisonReport report;
};

/// Returns the shape of the n-th program: levels, MAXPHYADDR, PCIDs and the guest's key take turns.
testing_support::ProgramShape ShapeOf(CampaignMode mode, std::uint64_t n);

/// Runs programs until there are enough accesses or something is wrong. Calls `progress` after each
/// with the counts so far. Requires: WhyNoQemu() has no reason.
CampaignResult RunCampaign(
    const Campaign& campaign,
    const std::function<void(const testing_support::ComparisonReport&)>& progress);

}  // namespace pageward::oracle
