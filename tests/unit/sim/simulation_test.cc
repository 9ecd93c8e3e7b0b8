#include "runtime/sim/simulation.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::LazyMemory;
using testing_support::SimulationOf;
using testing_support::TestSimulation;

TEST(SimulationTest, NonsenseIsRefused) {
  std::vector<SimulationConfig> configs(4, SimulationOf());
  configs[0].processes = 0;
  configs[1].processes = 2048;
  configs[2].kernel.machine.cpus = 0;
  configs[3].kernel.ram_bytes = 4096;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const LazyMemory memory(Simulation::BytesFor(SimulationOf(std::uint64_t{1} << 30)));
    EXPECT_EQ(Simulation::Start(memory.range(), configs[i]).error(), Error::kInvalid) << i;
  }
}

TEST(SimulationTest, ProcessesComeAndGoUpToALimit) {
  TestSimulation simulation;
  std::vector<Process*> processes;
  for (;;) {
    const auto process = simulation->CreateProcess();
    if (!process.ok()) {
      EXPECT_EQ(process.error(), Error::kLimit);
      break;
    }
    processes.push_back(*process);
  }
  EXPECT_EQ(processes.size(), simulation->config().processes - 1u);
  simulation->CheckInvariants();
  for (Process* process : processes) {
    simulation->EndProcess(*process);
  }
  int alive = 0;
  simulation->ForEachProcess([&](Process&) { ++alive; });
  EXPECT_EQ(alive, 1);
  EXPECT_TRUE(simulation->CreateProcess().ok());
}

// The frame that a stale view of processor 0 shows, freed by a careless caller.
class StaleFreeTest : public testing::Test {
 protected:
  static SimulationConfig With(StaleViewCheck check) {
    SimulationConfig config = SimulationOf();
    config.stale_views = check;
    return config;
  }
  static FrameNumber LeaveStaleView(TestSimulation& simulation, VirtAddr* at) {
    EXPECT_TRUE(simulation.process().mm_local().PrepareViews().ok());
    const FrameNumber frame = *simulation.kernel().AllocateHidden();
    simulation.kernel().ram().Fill(frame, FillTag{5});
    space::MermapRegion& views = simulation.process().mm_local().views(0);
    const auto view = views.Get({.first = frame});
    EXPECT_TRUE(view.ok());
    *at = view->range().begin;
    EXPECT_TRUE(simulation.cpu().Read(*at).ok());
    EXPECT_TRUE(views.Put(*view).ok());
    return frame;
  }
  static bool ProbeReaches(TestSimulation& simulation, VirtAddr at) {
    simulation.cpu().OpenWindowKey();
    const bool reaches = simulation.cpu().Read(at).ok();
    simulation.cpu().CloseWindowKey();
    return reaches;
  }
};

// Spec: T68
TEST_F(StaleFreeTest, FreeingAFrameWithAStaleViewIsReported) {
  TestSimulation simulation(With(StaleViewCheck::kReport));
  VirtAddr at;
  const FrameNumber frame = LeaveStaleView(simulation, &at);
  simulation.events().Clear();
  simulation.kernel().FreeHidden(frame);
  EXPECT_EQ(simulation->stale_view_reports(), 1u);
  EXPECT_EQ(simulation.events().CountOf(EventKind::kFreedWhileStale), 1u);
  EXPECT_EQ(
      simulation.process().mm_local().views(0).complaints(space::ViewComplaint::kFreedWhileStale),
      1u);
  EXPECT_TRUE(ProbeReaches(simulation, at)) << "the window that the report is about";
}

// Spec: T68
TEST_F(StaleFreeTest, InTheAutomaticModeTheViewIsFlushedFirstAndOnce) {
  TestSimulation simulation(With(StaleViewCheck::kFlushFirst));
  VirtAddr at;
  const FrameNumber frame = LeaveStaleView(simulation, &at);
  simulation.TakeCounts();
  simulation.kernel().FreeHidden(frame);
  EXPECT_EQ(simulation->stale_view_reports(), 1u);
  EXPECT_EQ(simulation.TakeCounts()[Tally::kWindowFlush], 1u);
  EXPECT_FALSE(ProbeReaches(simulation, at));
  EXPECT_FALSE(simulation.kernel().stale().Contains(frame));
}

// Spec: T68
TEST_F(StaleFreeTest, AFrameWithoutStaleViewsIsFreedInSilence) {
  TestSimulation simulation(With(StaleViewCheck::kFlushFirst));
  VirtAddr at;
  LeaveStaleView(simulation, &at);
  simulation.kernel().FreeHidden(*simulation.kernel().AllocateHidden());
  EXPECT_EQ(simulation->stale_view_reports(), 0u);
  EXPECT_EQ(simulation->FlushAllStaleViews(), 1u);
  EXPECT_EQ(simulation->FlushAllStaleViews(), 0u);
}

// The most memory that this process has had; other tests of it take little.
std::uint64_t PeakResidentBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// Spec: T129
TEST(SimulationTest, ATerabyteWithItsProcessesAndProcessorsStaysFarBelowFourGigabytes) {
  SimulationConfig config = SimulationOf(std::uint64_t{1} << 40);
  config.kernel.machine.cpus = ptable::CpuSet::kMaxCpus;
  config.processes = 64;
  TestSimulation simulation(config);
  ASSERT_TRUE(simulation.process().mm_local().PrepareViews().ok());
  EXPECT_LT(simulation.kernel().ram().backed_frames(), 2000u);
  // Every processor takes something, hidden and not, and reaches the last byte of RAM.
  const FrameNumber last(simulation.kernel().ram().frames().value - 1);
  for (std::uint32_t i = 0; i < config.kernel.machine.cpus; ++i) {
    const OnCpu on_cpu(simulation.cpu(i));
    EXPECT_TRUE(simulation.kernel().AllocateHidden(Order(9)).ok());
    EXPECT_TRUE(simulation.kernel()
                    .AllocateFrame(Order(9), frame::Request::Mapped(frame::Mobility::kMovable))
                    .ok());
    EXPECT_TRUE(simulation.cpu(i).Read(simulation.kernel().direct_map().AddressOf(last)).ok());
  }
  EXPECT_LT(PeakResidentBytes(), std::uint64_t{4} << 30);
}

}  // namespace
}  // namespace pageward::sim
