#include "runtime/sim/user_root.h"

#include <gtest/gtest.h>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::SimulationOf;
using testing_support::TestSimulation;

constexpr VirtAddr kAt{0x7f00'0000'0000};

SimulationConfig Isolated() {
  SimulationConfig config = SimulationOf();
  config.kernel.user_tables = UserTables::kIsolated;
  config.kernel.direct_map.is_global = false;
  return config;
}

class UserRootTest : public testing::Test {
 protected:
  void TearDown() override { simulation_->CheckInvariants(); }

  // What a processor reaches with the user's table loaded, whatever its privilege.
  bool CanReadWithUserTable(VirtAddr at) { return CanReadWithUserTableOn(simulation_.cpu(), at); }
  bool CanReadWithUserTableOn(Cpu& cpu, VirtAddr at) {
    Process& process = simulation_.process();
    cpu.LoadTable(process.user_root().root(), UserPcidOf(process.pcid()));
    cpu.OpenWindowKey();
    const bool can_read = cpu.Read(at).ok();
    cpu.CloseWindowKey();
    cpu.LoadTable(process.root(), process.pcid());
    return can_read;
  }

  TestSimulation simulation_{Isolated()};
};

TEST_F(UserRootTest, AKernelWithGlobalPagesCannotBeIsolated) {
  KernelConfig config = Isolated().kernel;
  config.direct_map.is_global = true;
  const testing_support::LazyMemory memory(Kernel::BytesFor(config));
  EXPECT_EQ(Kernel::Start(memory.range(), config).error(), Error::kInvalid);
}

// Spec: T123
TEST_F(UserRootTest, TheUsersTableHasNothingOfTheKernelButWhatMustStay) {
  Kernel& kernel = simulation_.kernel();
  const PhysAddr root = simulation_.process().user_root().root();
  for (unsigned entry = kFirstKernelEntry; entry < 512; ++entry) {
    const std::uint64_t word = kernel.ram().Load(ptable::SlotOf(root, entry));
    EXPECT_EQ(word != 0, entry == TopEntryOf(kEntryArea.begin)) << entry;
  }
  EXPECT_FALSE(CanReadWithUserTable(kDirectMapBase + (std::uint64_t{64} << 20)));
  EXPECT_TRUE(simulation_.cpu().Read(kDirectMapBase + (std::uint64_t{64} << 20)).ok());
}

TEST_F(UserRootTest, UserCodeRunsWithItAndSeesItsMemory) {
  Process& process = simulation_.process();
  ASSERT_TRUE(process.AddArea(Area{.range = {kAt, 10 * kFrameBytes}}).ok());
  simulation_.TakeCounts();
  ASSERT_TRUE(process.UserWrite(kAt, 5).ok());
  EXPECT_EQ(process.UserRead(kAt).word, 5u);
  EXPECT_GE(simulation_.TakeCounts()[Primitive::kTableSwitch], 4u);
  ASSERT_TRUE(process.RemoveRange({kAt, 10 * kFrameBytes}).ok());
  EXPECT_FALSE(process.UserRead(kAt).ok()) << "flushed under both PCIDs";
}

TEST_F(UserRootTest, WhatIsUnmappedIsGoneFromBothTables) {
  Process& process = simulation_.process();
  ASSERT_TRUE(process.AddArea(Area{.range = {kAt, kFrameBytes}}).ok());
  ASSERT_TRUE(process.UserWrite(kAt, 5).ok());
  simulation_->EndProcess(process);
  EXPECT_EQ(simulation_.kernel().accounts().charges(process.account()), 0u);
}

TEST_F(UserRootTest, TheUsersTableLosesTheWayToATableBeforeTheTableIsFree) {
  Process& process = simulation_.process();
  ASSERT_TRUE(process.AddArea(Area{.range = {kAt, kFrameBytes}}).ok());
  ASSERT_TRUE(process.UserWrite(kAt, 5).ok());
  const PhysAddr slot = ptable::SlotOf(process.user_root().root(), TopEntryOf(kAt));
  const SimRam& ram = simulation_.kernel().ram();
  ASSERT_NE(ram.Load(slot), 0u);
  std::uint32_t returned = 0;
  simulation_.events().set_observer([&](const Event& event) {
    if (event.kind == EventKind::kTableReturned) {
      ++returned;
      EXPECT_EQ(ram.Load(slot), 0u);
    }
  });
  ASSERT_TRUE(process.RemoveRange(Shape::EntryRange(Shape::kTopLevel, kAt)).ok());
  simulation_.events().set_observer({});
  EXPECT_EQ(returned, 3u);
}

TEST_F(UserRootTest, AForkTakesTheRightToWriteFromBothTables) {
  Process& process = simulation_.process();
  ASSERT_TRUE(process.AddArea(Area{.range = {kAt, 4 * kFrameBytes}}).ok());
  ASSERT_TRUE(process.UserWrite(kAt, 5).ok());
  Process& child = **simulation_->ForkProcess(process);
  ASSERT_TRUE(process.UserWrite(kAt, 6).ok());
  child.Run();
  EXPECT_EQ(child.UserRead(kAt).word, 5u);
  process.Run();
}

TEST_F(UserRootTest, ACopyOnWriteIsSeenByProcessorsThatHadTheOldFrame) {
  Process& process = simulation_.process();
  ASSERT_TRUE(process.AddArea(Area{.range = {kAt, 4 * kFrameBytes}}).ok());
  ASSERT_TRUE(process.UserWrite(kAt, 5).ok());
  ASSERT_TRUE(simulation_->ForkProcess(process).ok());
  {
    const OnCpu other(simulation_.cpu(1));
    process.Run();
    EXPECT_EQ(process.UserRead(kAt).word, 5u);
  }
  ASSERT_TRUE(process.UserWrite(kAt, 6).ok());
  const OnCpu other(simulation_.cpu(1));
  EXPECT_EQ(process.UserRead(kAt).word, 6u);
}

TEST_F(UserRootTest, AnLdtThatIsClearedIsForgottenUnderBothPcids) {
  Process& process = simulation_.process();
  const FrameNumber ldt = *simulation_.kernel().frames().Allocate(
      Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
  ASSERT_TRUE(process.mm_local().SetLdt(FrameRange{ldt, FrameCount(1)}, &process.user_root()).ok());
  const OnCpu other(simulation_.cpu(1));
  process.Run();
  ASSERT_TRUE(CanReadWithUserTableOn(simulation_.cpu(1), kLdtRemap.begin));
  {
    const OnCpu first(simulation_.cpu(0));
    process.mm_local().ClearLdt(&process.user_root());
  }
  EXPECT_FALSE(CanReadWithUserTableOn(simulation_.cpu(1), kLdtRemap.begin));
}

// Spec: T123
TEST_F(UserRootTest, TheLdtIsInBothTablesAndWindowsAreInOne) {
  Process& process = simulation_.process();
  Kernel& kernel = simulation_.kernel();
  const FrameNumber ldt =
      *kernel.frames().Allocate(Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
  kernel.ram().Fill(ldt, FillTag{3});
  EXPECT_FALSE(CanReadWithUserTable(kLdtRemap.begin));
  ASSERT_TRUE(process.mm_local().SetLdt(FrameRange{ldt, FrameCount(1)}, &process.user_root()).ok());
  EXPECT_TRUE(CanReadWithUserTable(kLdtRemap.begin));
  ASSERT_TRUE(process.mm_local().PrepareViews().ok());
  const auto view = process.mm_local().views(0).Get({.first = *kernel.AllocateHidden()});
  ASSERT_TRUE(view.ok());
  EXPECT_TRUE(simulation_.cpu().Read(view->range().begin).ok());
  EXPECT_FALSE(CanReadWithUserTable(view->range().begin));
  ASSERT_TRUE(process.mm_local().views(0).Put(*view).ok());
  process.mm_local().ClearLdt(&process.user_root());
  EXPECT_FALSE(CanReadWithUserTable(kLdtRemap.begin));
}

TEST_F(UserRootTest, AnLdtThatDoesNotFitBothTablesIsInNone) {
  Process& process = simulation_.process();
  const FrameNumber ldt = *simulation_.kernel().frames().Allocate(
      Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
  std::uint64_t failed = 0;
  for (;; ++failed) {
    simulation_.faults().FailAfter(FaultPoint::kTablePage, failed);
    if (process.mm_local().SetLdt(FrameRange{ldt, FrameCount(1)}, &process.user_root()).ok()) {
      break;
    }
    EXPECT_FALSE(process.mm_local().HasLdt());
    EXPECT_FALSE(simulation_.cpu().Read(kLdtRemap.begin).ok());
    EXPECT_FALSE(CanReadWithUserTable(kLdtRemap.begin));
  }
  simulation_.faults().Stop();
  EXPECT_GE(failed, 4u) << "tables of both ran out";
  EXPECT_TRUE(CanReadWithUserTable(kLdtRemap.begin));
}

}  // namespace
}  // namespace pageward::sim
