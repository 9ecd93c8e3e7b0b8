// What is the simulation's own about the mm-local region; the rules of views are in the conformance
// suite.
#include "runtime/sim/mm_local.h"

#include <gtest/gtest.h>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::SimulationOf;
using testing_support::TestSimulation;

class MmLocalTest : public testing::Test {
 protected:
  MmLocal& local() { return simulation_.process().mm_local(); }
  FrameNumber Hidden(std::uint32_t tag) {
    const FrameNumber frame = *simulation_.kernel().AllocateHidden();
    simulation_.kernel().ram().Fill(frame, FillTag{tag});
    return frame;
  }

  TestSimulation simulation_;
};

// Spec: T115
TEST_F(MmLocalTest, TheSameAddressShowsOtherMemoryInAnotherProcess) {
  Process& other = **simulation_->CreateProcess();
  const OnCpu second(simulation_.cpu(1));
  other.Run();
  ASSERT_TRUE(other.mm_local().PrepareViews().ok());
  // The same region of the same processor number cannot be in use twice, so by the LDT.
  const FrameNumber one = *simulation_.kernel().frames().Allocate(
      Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
  const FrameNumber two = *simulation_.kernel().frames().Allocate(
      Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
  simulation_.kernel().ram().Fill(one, FillTag{1});
  simulation_.kernel().ram().Fill(two, FillTag{2});
  ASSERT_TRUE(local().SetLdt(FrameRange{one, FrameCount(1)}, nullptr).ok());
  ASSERT_TRUE(other.mm_local().SetLdt(FrameRange{two, FrameCount(1)}, nullptr).ok());
  EXPECT_EQ(simulation_.cpu(1).Read(kLdtRemap.begin).word, SimRam::PatternOf(FillTag{2}));
  const OnCpu first(simulation_.cpu(0));
  EXPECT_EQ(simulation_.cpu(0).Read(kLdtRemap.begin).word, SimRam::PatternOf(FillTag{1}));
  EXPECT_FALSE(simulation_.cpu(0).Write(kLdtRemap.begin, 1).ok()) << "read-only";
  simulation_->CheckInvariants();
}

// Spec: T115
TEST_F(MmLocalTest, TheLdtIsInFrontAndViewsAreBehindByProcessor) {
  const FrameNumber frame = *simulation_.kernel().frames().Allocate(
      Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
  ASSERT_TRUE(local().SetLdt(FrameRange{frame, FrameCount(1)}, nullptr).ok());
  EXPECT_EQ(local().SetLdt(FrameRange{frame, FrameCount(1)}, nullptr).error(), Error::kInUse);
  ASSERT_TRUE(local().PrepareViews().ok());
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    EXPECT_EQ(local().views(cpu).range().begin, kMermapBase + cpu * kPageblockBytes);
  }
  local().ClearLdt(nullptr);
  EXPECT_FALSE(simulation_.cpu().Read(kLdtRemap.begin).ok());
  EXPECT_EQ(local().SetLdt(FrameRange{frame, FrameCount(17)}, nullptr).error(), Error::kInvalid);
}

// Spec: T65, T118
TEST_F(MmLocalTest, PreparationMakesATableForEachProcessorAndChargesThemToTheProcess) {
  const AccountId account = simulation_.process().account();
  const std::uint32_t before = simulation_.kernel().accounts().charges(account);
  ASSERT_TRUE(local().PrepareViews().ok());
  EXPECT_EQ(simulation_.kernel().accounts().charges(account), before + 2 + 4);
}

TEST_F(MmLocalTest, PreparationThatFailsAtAnyTableLeavesNothing) {
  const AccountId account = simulation_.process().account();
  const std::uint32_t before = simulation_.kernel().accounts().charges(account);
  for (std::uint64_t granted = 0; granted < 6; ++granted) {
    simulation_.faults().FailAfter(FaultPoint::kTablePage, granted);
    EXPECT_EQ(local().PrepareViews().error(), Error::kNoMemory) << granted;
    EXPECT_EQ(simulation_.kernel().accounts().charges(account), before);
    EXPECT_FALSE(local().HasViews());
  }
  EXPECT_TRUE(local().PrepareViews().ok());
}

// Spec: T58
TEST_F(MmLocalTest, AProcessorWithAViewOfItsOwnReachesThoseOfOthersAndOneWithoutDoesNot) {
  ASSERT_TRUE(local().PrepareViews().ok());
  const FrameNumber secret = Hidden(7);
  const auto view = local().views(0).Get({.first = secret});
  ASSERT_TRUE(view.ok());
  const OnCpu second(simulation_.cpu(1));
  simulation_.process().Run();
  EXPECT_FALSE(simulation_.cpu(1).Read(view->range().begin).ok());
  // The stated limit: two that have views open at the same time share the key.
  const auto own = local().views(1).Get({.first = Hidden(8)});
  ASSERT_TRUE(own.ok());
  EXPECT_TRUE(simulation_.cpu(1).Read(view->range().begin).ok());
  ASSERT_TRUE(local().views(1).Put(*own).ok());
  EXPECT_FALSE(simulation_.cpu(1).Read(view->range().begin).ok());
  const OnCpu first(simulation_.cpu(0));
  ASSERT_TRUE(local().views(0).Put(*view).ok());
}

// Spec: T67
TEST_F(MmLocalTest, AnotherTaskOnTheProcessorGetsNoViewOfThisProcess) {
  ASSERT_TRUE(local().PrepareViews().ok());
  Process& other = **simulation_->CreateProcess();
  other.Run();
  EXPECT_EQ(local().views(0).Get({.first = FrameNumber(5000)}).error(), Error::kNotPermitted);
  simulation_.process().Run();
  EXPECT_EQ(local().views(1).Get({.first = FrameNumber(5000)}).error(), Error::kNotPermitted)
      << "nor one of another processor";
}

TEST_F(MmLocalTest, OpeningAndClosingAreEventsAndSoIsTheFlush) {
  ASSERT_TRUE(local().PrepareViews().ok());
  const FrameNumber frame = Hidden(7);
  simulation_.events().Clear();
  const auto view = local().views(0).Get({.first = frame});
  ASSERT_TRUE(view.ok());
  ASSERT_TRUE(local().views(0).Put(*view).ok());
  local().views(0).FlushStale();
  EXPECT_EQ(simulation_.events().CountOf(EventKind::kWindowOpened), 1u);
  EXPECT_EQ(simulation_.events().CountOf(EventKind::kWindowClosed), 1u);
  EXPECT_EQ(simulation_.events().CountOf(EventKind::kWindowFlushed), 1u);
}

// Spec: T62
TEST_F(MmLocalTest, TearingDownCountsTheLiveViewsOfEveryProcessor) {
  Process& other = **simulation_->CreateProcess();
  ASSERT_TRUE(other.mm_local().PrepareViews().ok());
  for (std::uint32_t number = 1; number < 4; ++number) {
    const OnCpu on_cpu(simulation_.cpu(number));
    other.Run();
    ASSERT_TRUE(other.mm_local().views(number).Get({.first = FrameNumber(5000)}).ok());
  }
  EXPECT_EQ(other.mm_local().TearDown(nullptr), 3u);
  for (std::uint32_t number = 1; number < 4; ++number) {
    EXPECT_EQ(other.mm_local().views(number).complaints(space::ViewComplaint::kLiveAtTeardown), 1u);
  }
}

// Spec: T68
TEST_F(MmLocalTest, StaleViewsAreFlushedOnTheProcessorThatHasThem) {
  ASSERT_TRUE(local().PrepareViews().ok());
  const FrameNumber frame = Hidden(7);
  VirtAddr at;
  {
    const OnCpu second(simulation_.cpu(1));
    simulation_.process().Run();
    const auto view = local().views(1).Get({.first = frame});
    ASSERT_TRUE(view.ok());
    at = view->range().begin;
    ASSERT_TRUE(simulation_.cpu(1).Read(at).ok());
    ASSERT_TRUE(local().views(1).Put(*view).ok());
  }
  EXPECT_TRUE(local().ShowsStale(FrameRange{frame, FrameCount(1)}));
  simulation_.TakeCounts();
  EXPECT_EQ(local().FlushStaleViews(FrameRange{frame, FrameCount(1)}), 1u);
  EXPECT_EQ(simulation_.TakeCounts()[Primitive::kInterrupt], 1u) << "it is another processor's";
  simulation_.cpu(1).OpenWindowKey();
  EXPECT_FALSE(simulation_.cpu(1).Read(at).ok());
  simulation_.cpu(1).CloseWindowKey();
}

}  // namespace
}  // namespace pageward::sim
