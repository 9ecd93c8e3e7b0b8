#include "runtime/sim/process_flusher.h"

#include <gtest/gtest.h>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::SimulationOf;
using testing_support::TestSimulation;

constexpr VirtAddr kAt{0x7f00'0000'0000};

SimulationConfig ConfigWith(UserTables user_tables) {
  SimulationConfig config = SimulationOf();
  config.kernel.user_tables = user_tables;
  config.kernel.direct_map.is_global = user_tables == UserTables::kShared;
  return config;
}

class ProcessFlusherTest : public testing::TestWithParam<UserTables> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(process().AddArea(Area{.range = {kAt, kFrameBytes}}).ok());
    ASSERT_TRUE(process().UserWrite(kAt, 5).ok());
  }
  void TearDown() override { simulation_->CheckInvariants(); }

  Process& process() { return simulation_.process(); }
  bool IsIsolated() const { return GetParam() == UserTables::kIsolated; }

  // How many walks it takes to read with `root` loaded under `pcid`.
  std::uint64_t Walks(PhysAddr root, arch::Pcid pcid) {
    simulation_.cpu().LoadTable(root, pcid);
    simulation_.TakeCounts();
    EXPECT_EQ(simulation_.cpu().Read(kAt, ptable::AccessMode::kUser).word, 5u);
    const std::uint64_t walks = simulation_.TakeCounts()[Primitive::kWalk];
    simulation_.cpu().LoadTable(process().root(), process().pcid());
    return walks;
  }
  std::uint64_t KernelWalks() { return Walks(process().root(), process().pcid()); }
  std::uint64_t UserWalks() {
    return IsIsolated() ? Walks(process().user_root().root(), UserPcidOf(process().pcid())) : 0;
  }

  TestSimulation simulation_{ConfigWith(GetParam())};
};

TEST_P(ProcessFlusherTest, WhatIsCachedUnderEitherNumberIsForgotten) {
  KernelWalks();
  UserWalks();
  ASSERT_EQ(KernelWalks() + UserWalks(), 0u) << "cached by now";
  ProcessFlusher flusher(
      simulation_.kernel(),
      ptable::ShootdownTarget{simulation_->machine().AllCpus(), ptable::CpuNumber(0),
                              ptable::ShootdownScope::kOnePcid, process().pcid()});
  simulation_.TakeCounts();
  flusher.Flush({.range = {kAt, kFrameBytes}, .page_bytes_log2 = kFrameBytesLog2});
  EXPECT_EQ(simulation_.TakeCounts()[Tally::kFlushEvent], IsIsolated() ? 2u : 1u);
  EXPECT_EQ(KernelWalks(), 1u);
  EXPECT_EQ(UserWalks(), IsIsolated() ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(UserTables, ProcessFlusherTest,
                         testing::Values(UserTables::kShared, UserTables::kIsolated),
                         [](const auto& tested) {
                           return tested.param == UserTables::kShared ? "Shared" : "Isolated";
                         });

}  // namespace
}  // namespace pageward::sim
