#include "runtime/sim/cpu.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using arch::KeyAccess;
using arch::Pkey;
using testing_support::ConfigOf;
using testing_support::TestKernel;

class CpuTest : public testing::Test {
 protected:
  std::uint64_t RegisterWrites() {
    return cpu_.meter().Read()[Primitive::kKeyRegisterWrite] - register_writes_;
  }
  VirtAddr RootTable() {
    return kernel_->memory().DirectAddressOf(kernel_->direct_map().table().root());
  }
  bool CanWriteTables(Cpu& cpu) {
    const WordAccess read = cpu.Read(RootTable());
    return cpu.Write(RootTable(), read.word).ok();
  }

  TestKernel kernel_{ConfigOf(64 * TestKernel::kMiB)};
  Cpu& cpu_ = kernel_.cpu();
  std::uint64_t register_writes_ = cpu_.meter().Read()[Primitive::kKeyRegisterWrite];
};

// Spec: T70
TEST_F(CpuTest, TablePagesAreReadByEverybodyAndAWriteNamesTheKey) {
  const WordAccess read = cpu_.Read(RootTable());
  ASSERT_TRUE(read.ok());
  const WordAccess write = cpu_.Write(RootTable(), read.word);
  ASSERT_TRUE(write.outcome.IsPageFault());
  EXPECT_EQ(write.outcome.code().value(), 0x23u) << "present, write, key";
  EXPECT_EQ(kernel_->direct_map().PermissionsOf(FrameNumber(0)).key, kTableKey);
  EXPECT_TRUE(cpu_.Write(kDirectMapBase + kernel_->ram().bytes() - 8, 1).ok()) << "ordinary data";
}

// Spec: T71
TEST_F(CpuTest, InsideAScopeTablesAreWrittenAndAfterItTheRegisterIsWhatItWas) {
  const arch::Pkrs before = cpu_.registers().pkrs;
  {
    const LevelScope<Level::kTables> scope(cpu_);
    EXPECT_TRUE(CanWriteTables(cpu_));
  }
  EXPECT_FALSE(CanWriteTables(cpu_));
  EXPECT_EQ(cpu_.registers().pkrs, before);
}

// Spec: T71
TEST_F(CpuTest, KeysThatAreNotTheFrameworksStayAsTheyAre) {
  Task task{.root = kernel_->direct_map().table().root()};
  task.kernel_rights = DefaultRights().With(Pkey(9), KeyAccess::kReadOnly);
  cpu_.SwitchTo(task);
  const arch::Pkrs before = cpu_.registers().pkrs;
  {
    const LevelScope<Level::kTables> scope(cpu_);
    EXPECT_EQ(cpu_.registers().pkrs.AccessOf(Pkey(9)), KeyAccess::kReadOnly);
  }
  EXPECT_EQ(cpu_.registers().pkrs, before);
  cpu_.SwitchTo(kernel_->idle_task(0));
}

// Spec: T72, T73
TEST_F(CpuTest, AnInnerScopeNeitherWritesTheRegisterNorClosesTheOuter) {
  {
    const LevelScope<Level::kTables> outer(cpu_);
    EXPECT_EQ(RegisterWrites(), 1u);
    {
      const LevelScope<Level::kTables> inner(cpu_);
      EXPECT_TRUE(CanWriteTables(cpu_));
    }
    EXPECT_EQ(RegisterWrites(), 1u);
    EXPECT_TRUE(CanWriteTables(cpu_));
  }
  EXPECT_EQ(RegisterWrites(), 2u);
  EXPECT_FALSE(CanWriteTables(cpu_));
}

// Spec: T73
TEST_F(CpuTest, EnteringTheActiveLevelWritesNothingAndItsRestoreIsNothing) {
  EXPECT_EQ(cpu_.EnterLevel<Level::kDefault>(), std::nullopt);
  cpu_.Restore(std::nullopt);
  EXPECT_EQ(RegisterWrites(), 0u);
}

// Spec: T74
TEST_F(CpuTest, AnInterruptInsideAScopeRunsWithDefaultRightsAndGivesThemBack) {
  const LevelScope<Level::kTables> scope(cpu_);
  {
    const InterruptScope interrupt(cpu_);
    EXPECT_TRUE(cpu_.IsInInterrupt());
    EXPECT_EQ(cpu_.registers().pkrs, DefaultRights());
    EXPECT_FALSE(CanWriteTables(cpu_));
    {
      const LevelScope<Level::kTables> own(cpu_);
      const InterruptScope nested(cpu_);
      EXPECT_FALSE(CanWriteTables(cpu_));
    }
  }
  EXPECT_TRUE(CanWriteTables(cpu_));
  EXPECT_FALSE(cpu_.IsInInterrupt());
}

// Spec: T75
TEST_F(CpuTest, ALevelOnOneProcessorLeavesTheOthersClosed) {
  const LevelScope<Level::kTables> scope(cpu_);
  const OnCpu other(kernel_.cpu(1));
  EXPECT_FALSE(CanWriteTables(kernel_.cpu(1)));
}

// Spec: T75
TEST_F(CpuTest, ATaskKeepsItsRightsWhileAnotherRuns) {
  Task sleeper{.root = kernel_->direct_map().table().root()};
  Task other{.root = kernel_->direct_map().table().root()};
  EXPECT_EQ(other.kernel_rights, DefaultRights()) << "a new one starts closed";
  cpu_.SwitchTo(sleeper);
  const auto before = cpu_.EnterLevel<Level::kTables>();
  cpu_.SwitchTo(other);
  EXPECT_FALSE(CanWriteTables(cpu_));
  cpu_.SwitchTo(sleeper);
  EXPECT_TRUE(CanWriteTables(cpu_));
  cpu_.Restore(before);
  cpu_.SwitchTo(kernel_->idle_task(0));
}

TEST_F(CpuTest, TheWindowKeyIsOpenAsLongAsOneWindowIs) {
  cpu_.OpenWindowKey();
  cpu_.OpenWindowKey();
  cpu_.CloseWindowKey();
  EXPECT_EQ(cpu_.registers().pkrs.AccessOf(kWindowKey), KeyAccess::kReadWrite);
  cpu_.CloseWindowKey();
  EXPECT_EQ(cpu_.registers().pkrs.AccessOf(kWindowKey), KeyAccess::kNone);
  EXPECT_EQ(RegisterWrites(), 2u);
}

TEST_F(CpuTest, AScopeMakesAProcessorTheThreadsOwn) {
  EXPECT_EQ(&CurrentCpu(), &cpu_);
  {
    const OnCpu other(kernel_.cpu(2));
    EXPECT_EQ(CurrentCpu().number().value, 2u);
  }
  EXPECT_EQ(&CurrentCpu(), &cpu_);
  std::thread([] { EXPECT_FALSE(HasCurrentCpu()); }).join();
}

TEST_F(CpuTest, WordsAreReadAndWrittenByTheRulesOfTheMmu) {
  const VirtAddr at = kDirectMapBase + kernel_->ram().bytes() - 16;
  EXPECT_TRUE(cpu_.Write(at, 77).ok());
  EXPECT_EQ(cpu_.Read(at).word, 77u);
  EXPECT_FALSE(cpu_.Read(at, ptable::AccessMode::kUser).ok());
  EXPECT_FALSE(cpu_.Read(VirtAddr(0x1000)).ok());
  const Counts counts = cpu_.meter().Read();
  EXPECT_GE(counts[Primitive::kWalk], 1u);
  EXPECT_GE(counts[Primitive::kFault], 2u);
}

using CpuDeathTest = CpuTest;

TEST_F(CpuDeathTest, ATaskThatIsPinnedIsNotLeft) {
  cpu_.task().pins = 1;
  EXPECT_DEATH(cpu_.SwitchTo(kernel_->idle_task(1)), "assertion failed");
  cpu_.task().pins = 0;
}

TEST_F(CpuDeathTest, WithoutAProcessorThereIsNoCurrentOne) {
  EXPECT_DEATH(std::thread([] { CurrentCpu(); }).join(), "assertion failed");
}

}  // namespace
}  // namespace pageward::sim
