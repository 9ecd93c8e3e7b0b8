#include "runtime/sim/frame_window.h"

#include <gtest/gtest.h>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::SimulationOf;
using testing_support::TestSimulation;

SimulationConfig With(WindowPolicy policy) {
  SimulationConfig config = SimulationOf();
  config.window = policy;
  return config;
}

class FrameWindowTest : public testing::TestWithParam<WindowPolicy> {
 protected:
  TestSimulation simulation_{With(GetParam())};
};

TEST_P(FrameWindowTest, LeadsToItsFrameWhileItIsOpen) {
  const FrameNumber frame = *simulation_.kernel().AllocateHidden();
  VirtAddr at;
  {
    FrameWindow window(*simulation_, simulation_.process(), frame);
    ASSERT_TRUE(window.IsOpen());
    at = window.address();
    window.Fill(FillTag{9});
    EXPECT_EQ(simulation_.cpu().Read(at).word, SimRam::PatternOf(FillTag{9}));
    window.Clear();
    EXPECT_EQ(simulation_.cpu().Read(at).word, 0u);
  }
  EXPECT_FALSE(simulation_.cpu().Read(at).ok());
  EXPECT_EQ(simulation_.cpu().task().pins, 0u);
}

// Spec: T37
TEST_P(FrameWindowTest, ClearingThroughAWindowLeavesTheFrameOutOfTheDirectMap) {
  const FrameNumber frame = *simulation_.kernel().AllocateHidden();
  simulation_.kernel().ram().Fill(frame, FillTag{5});
  {
    FrameWindow window(*simulation_, simulation_.process(), frame);
    ASSERT_TRUE(window.IsOpen());
    window.Clear();
    EXPECT_FALSE(simulation_.kernel().direct_map().IsPresent(frame));
    EXPECT_FALSE(simulation_.cpu().Read(simulation_.kernel().direct_map().AddressOf(frame)).ok());
  }
  EXPECT_TRUE(simulation_.kernel().ram().IsZero(frame));
}

INSTANTIATE_TEST_SUITE_P(Policies, FrameWindowTest,
                         testing::Values(WindowPolicy::kMermap, WindowPolicy::kKmapLocal));

TEST(WindowPolicyTest, MermapFlushesOnceARoundAndKmapLocalEachTime) {
  const auto flushes = [](WindowPolicy policy) {
    TestSimulation simulation(With(policy));
    const FrameNumber frame = *simulation.kernel().AllocateHidden();
    simulation.TakeCounts();
    for (int i = 0; i < 1022; ++i) {
      FrameWindow window(*simulation, simulation.process(), frame);
      EXPECT_TRUE(window.IsOpen());
    }
    return simulation.TakeCounts()[Tally::kFlushEvent];
  };
  EXPECT_EQ(flushes(WindowPolicy::kMermap), 1u);
  EXPECT_EQ(flushes(WindowPolicy::kKmapLocal), 1022u);
}

TEST(WindowPolicyTest, AWindowThatCannotBeHadSaysWhy) {
  TestSimulation simulation(With(WindowPolicy::kMermap));
  const FrameNumber frame = *simulation.kernel().AllocateHidden();
  simulation.faults().FailAfter(FaultPoint::kTablePage, 0);
  {
    FrameWindow window(*simulation, simulation.process(), frame);
    ASSERT_FALSE(window.IsOpen());
    EXPECT_EQ(window.error(), Error::kNoMemory);
  }
  simulation.faults().FailAfter(FaultPoint::kViewPage, 0);
  FrameWindow window(*simulation, simulation.process(), frame);
  EXPECT_FALSE(window.IsOpen());
  EXPECT_EQ(simulation.cpu().task().pins, 0u);
}

}  // namespace
}  // namespace pageward::sim
