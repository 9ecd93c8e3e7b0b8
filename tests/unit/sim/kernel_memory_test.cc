#include "runtime/sim/kernel_memory.h"

#include <gtest/gtest.h>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using testing_support::ConfigOf;
using testing_support::TestKernel;

class KernelMemoryTest : public testing::Test {
 protected:
  // A table page that nothing uses.
  PhysAddr TablePage(TestKernel& kernel) {
    return kernel->ram().AddressOf(*kernel->tables().Allocate(kKernelAccount));
  }
  static std::uint64_t RegisterWrites(TestKernel& kernel) {
    return kernel.TakeCounts()[Primitive::kKeyRegisterWrite];
  }
  static KernelConfig With(PtpPolicy policy, LevelBatching batching) {
    KernelConfig config = ConfigOf(64 * TestKernel::kMiB);
    config.tables.policy = policy;
    config.batching = batching;
    return config;
  }
};

TEST_F(KernelMemoryTest, EachWriteByItselfOpensAndCloses) {
  TestKernel kernel(With(PtpPolicy::kReserve, LevelBatching::kOn));
  const PhysAddr table = TablePage(kernel);
  kernel.TakeCounts();
  kernel->memory().Store(table, 5);
  EXPECT_EQ(RegisterWrites(kernel), 2u);
  EXPECT_EQ(kernel->memory().CompareExchange(table, 5, 6), 5u);
  EXPECT_EQ(kernel->memory().Load(table), 6u);
  EXPECT_EQ(kernel->machine().cpu(0).level(), Level::kDefault);
}

// Spec: T76
TEST_F(KernelMemoryTest, ABatchOfWritesChangesTheRegisterTwice) {
  TestKernel kernel(With(PtpPolicy::kReserve, LevelBatching::kOn));
  const PhysAddr table = TablePage(kernel);
  kernel.TakeCounts();
  {
    const TableBatch batch(kernel->memory());
    for (unsigned i = 0; i < 100; ++i) {
      kernel->memory().Store(ptable::SlotOf(table, i), i);
    }
    const TableBatch nested(kernel->memory());
    kernel->memory().Store(table, 1);
  }
  const Counts counts = kernel.TakeCounts();
  EXPECT_EQ(counts[Primitive::kKeyRegisterWrite], 2u);
  EXPECT_EQ(counts[Primitive::kTableWrite], 101u);
}

// Spec: T76
TEST_F(KernelMemoryTest, WithoutBatchesEachWriteChangesTheRegisterTwice) {
  TestKernel kernel(With(PtpPolicy::kReserve, LevelBatching::kOff));
  const PhysAddr table = TablePage(kernel);
  kernel.TakeCounts();
  const TableBatch batch(kernel->memory());
  for (unsigned i = 0; i < 100; ++i) {
    kernel->memory().Store(ptable::SlotOf(table, i), i);
  }
  EXPECT_EQ(RegisterWrites(kernel), 200u);
}

// Spec: T76
TEST_F(KernelMemoryTest, InAnInterruptThereIsNoBatch) {
  TestKernel kernel(With(PtpPolicy::kReserve, LevelBatching::kOn));
  const PhysAddr table = TablePage(kernel);
  const InterruptScope interrupt(kernel.cpu());
  kernel.TakeCounts();
  const TableBatch batch(kernel->memory());
  for (unsigned i = 0; i < 10; ++i) {
    kernel->memory().Store(ptable::SlotOf(table, i), i);
  }
  EXPECT_EQ(RegisterWrites(kernel), 20u);
}

TEST_F(KernelMemoryTest, TablesWithoutAKeyTakeNoLevel) {
  TestKernel kernel(With(PtpPolicy::kNone, LevelBatching::kOn));
  const PhysAddr table = TablePage(kernel);
  kernel.TakeCounts();
  const TableBatch batch(kernel->memory());
  kernel->memory().Store(table, 5);
  EXPECT_EQ(RegisterWrites(kernel), 0u);
}

// Spec: T90
TEST_F(KernelMemoryTest, ClearingATablePageTakesTheLevelOfTables) {
  TestKernel kernel(With(PtpPolicy::kReserve, LevelBatching::kOn));
  const PhysAddr table = TablePage(kernel);
  kernel->memory().Store(table, 5);
  const VirtAddr at = kernel->memory().DirectAddressOf(table);
  EXPECT_FALSE(kernel.cpu().Write(at, 0).ok()) << "ordinary code can't";
  kernel.TakeCounts();
  kernel->memory().ZeroTable(kernel->ram().FrameOf(table));
  EXPECT_EQ(kernel->memory().Load(table), 0u);
  EXPECT_EQ(RegisterWrites(kernel), 2u);
}

using KernelMemoryDeathTest = KernelMemoryTest;

// A planted defect: a permission bit that is wrong. The kernel's own write runs into it.
TEST_F(KernelMemoryDeathTest, ATableThatBecameReadOnlyIsFoundByTheNextWrite) {
  TestKernel kernel(With(PtpPolicy::kReserve, LevelBatching::kOn));
  const PhysAddr table = TablePage(kernel);
  const FrameRange frame{kernel->ram().FrameOf(table), FrameCount(1)};
  ASSERT_TRUE(
      kernel->direct_map().Change(frame, ptable::SetMemoryTo::kReadOnly, FlushWhen::kNow).ok());
  EXPECT_DEATH(kernel->memory().Store(table, 5), "invariant broken");
}

TEST_F(KernelMemoryDeathTest, ATableThatLeftTheDirectMapIsFoundByTheNextWrite) {
  TestKernel kernel(With(PtpPolicy::kReserve, LevelBatching::kOn));
  const PhysAddr table = TablePage(kernel);
  const FrameRange frame{kernel->ram().FrameOf(table), FrameCount(1)};
  ASSERT_TRUE(
      kernel->direct_map().Change(frame, ptable::SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
  EXPECT_DEATH(kernel->memory().Store(table, 5), "invariant broken");
}

}  // namespace
}  // namespace pageward::sim
