#include "runtime/sim/kernel.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/sanitizers.h"
#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using testing_support::ConfigOf;
using testing_support::LazyMemory;
using testing_support::TestKernel;

constexpr std::uint64_t kGiB = TestKernel::kGiB;
constexpr std::uint64_t kMiB = TestKernel::kMiB;

Result<Kernel*> StartWith(const KernelConfig& config) {
  const LazyMemory memory(Kernel::BytesFor(config));
  const auto started = Kernel::Start(memory.range(), config);
  return started.ok() ? started : started.error();
}

TEST(KernelTest, StartsUnderEveryPolicyAndItsStructuresAgree) {
  for (const PtpPolicy policy : {PtpPolicy::kNone, PtpPolicy::kPerPage, PtpPolicy::kReserve}) {
    for (const unsigned leaf : {0u, 1u, 2u}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(policy)) + " " + std::to_string(leaf));
      KernelConfig config = ConfigOf(kGiB + 6 * kMiB);
      config.tables.policy = policy;
      config.direct_map.largest_leaf = leaf;
      TestKernel kernel(config);
      kernel->CheckInvariants();
      EXPECT_EQ(kernel.ReadHome(FrameNumber((1u << 18) + 5)), 0u);
    }
  }
}

TEST(KernelTest, NonsenseIsRefused) {
  std::vector<KernelConfig> configs(7, ConfigOf(64 * kMiB));
  configs[0].ram_bytes = kMiB;
  configs[1].ram_bytes = 64 * kMiB + kFrameBytes;
  configs[2].machine.cpus = 0;
  configs[3].machine.cpus = 257;
  configs[4].direct_map.largest_leaf = 3;
  configs[5].ram_base = PhysAddr(0x1000);
  configs[6].machine.features.phys_bits = arch::PhysBits(40);
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const LazyMemory memory(Kernel::BytesFor(ConfigOf(64 * kMiB, 64)));
    EXPECT_EQ(Kernel::Start(memory.range(), configs[i]).error(), Error::kInvalid) << i;
  }
  const LazyMemory little(kFrameBytes);
  EXPECT_EQ(Kernel::Start(little.range(), ConfigOf(64 * kMiB)).error(), Error::kInvalid);
}

TEST(KernelTest, RamAtTheBottomOfMemoryWorksWithFewerBits) {
  KernelConfig config = ConfigOf(64 * kMiB);
  config.ram_base = PhysAddr(0);
  config.machine.features.phys_bits = arch::PhysBits(40);
  config.direct_map.phys_bits = arch::PhysBits(40);
  TestKernel kernel(config);
  kernel->CheckInvariants();
  EXPECT_EQ(kernel->ram().AddressOf(FrameNumber(3)), PhysAddr(0x3000));
}

// Spec: T80
TEST(KernelTest, AMachineWhoseKeysDoNothingIsNotAccepted) {
  KernelConfig config = ConfigOf(64 * kMiB);
  config.machine.features.has_supervisor_keys = false;
  EXPECT_EQ(StartWith(config).error(), Error::kUnsupported);
  config.tables.policy = PtpPolicy::kNone;
  EXPECT_TRUE(StartWith(config).ok()) << "nothing is claimed";
  TestKernel real(ConfigOf(64 * kMiB));
  EXPECT_TRUE(real->DoesProtectionAct());
}

// Spec: T81
TEST(KernelTest, ATableOfEachLevelAndOriginRefusesItsOwnValue) {
  TestKernel kernel(ConfigOf(4 * kGiB));
  // A table from a split, and one that nothing uses yet, from the pool.
  const FrameRange part{FrameNumber(2 << 18), FrameCount(3)};
  ASSERT_TRUE(
      kernel->direct_map().Change(part, ptable::SetMemoryTo::kReadOnly, FlushWhen::kNow).ok());
  const FrameNumber pooled = *kernel->tables().Allocate(kKernelAccount);
  std::map<unsigned, int> levels;
  const auto expect_refused = [&](FrameNumber table) {
    const VirtAddr at = kernel->direct_map().AddressOf(table);
    const WordAccess read = kernel.cpu().Read(at);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(kernel.cpu().Write(at, read.word).outcome.code().value(), 0x23u) << table.value;
  };
  kernel->ForEachTable(expect_refused);
  expect_refused(pooled);
  // By level: the root is static, what is below it early, and the last ones come from splits.
  PhysAddr table = kernel->direct_map().table().root();
  for (unsigned level = Shape::kTopLevel;; --level) {
    expect_refused(kernel->ram().FrameOf(table));
    ++levels[level];
    const ptable::Entry entry = kernel->direct_map().table().Load(
        level,
        ptable::SlotOf(table, Shape::Index(level, kernel->direct_map().AddressOf(part.begin))));
    if (!entry.IsTable()) {
      break;
    }
    table = entry.table();
  }
  EXPECT_EQ(levels.size(), 4u);
}

// Spec: T96
TEST(KernelTest, NoEarlyTableIsLeftUnprotected) {
  TestKernel kernel(ConfigOf(4 * kGiB));
  EXPECT_EQ(kernel->early_tables().unprotected().count(), 0u);
  EXPECT_EQ(kernel->early_tables().unprotected().lost_frames(), 0u);
  EXPECT_EQ(kernel->early_tables().surplus_regions(), 0u);
  EXPECT_GT(kernel->early_tables().tables(), 3u);
  for (FrameNumber frame; frame < kernel->early_tables().rest().begin; ++frame.value) {
    EXPECT_TRUE(kernel->tables().IsProtected(frame)) << frame.value;
  }
}

TEST(KernelTest, FramesComeFromTheListsOfTheProcessor) {
  TestKernel kernel(ConfigOf(64 * kMiB));
  const auto request = frame::Request::Mapped(frame::Mobility::kMovable);
  const FrameNumber one = *kernel->AllocateFrame(Order(0), request);
  kernel->FreeFrame(one, Order(0));
  {
    const OnCpu other(kernel.cpu(1));
    EXPECT_NE(*kernel->AllocateFrame(Order(0), request), one);
  }
  EXPECT_EQ(*kernel->AllocateFrame(Order(0), request), one);
  EXPECT_GT(kernel->frames().counters().listed_frames, FrameCount(0));
  kernel->DrainLists();
  EXPECT_EQ(kernel->frames().counters().listed_frames, FrameCount(0));
}

TEST(KernelTest, ClearingAFrameIsCounted) {
  TestKernel kernel(ConfigOf(64 * kMiB));
  const FrameNumber frame =
      *kernel->AllocateFrame(Order(0), frame::Request::Mapped(frame::Mobility::kMovable));
  kernel->ram().Fill(frame, FillTag{3});
  kernel.TakeCounts();
  kernel->ClearFrame(frame);
  EXPECT_TRUE(kernel->ram().IsZero(frame));
  EXPECT_EQ(kernel.TakeCounts()[Primitive::kFrameCleared], 1u);
}

// Spec: T129
TEST(KernelTest, ATerabyteAndAsManyProcessorsAsThereMayBeCostLittle) {
  if (testing_support::kHasFewAddresses) {
    GTEST_SKIP() << "this sanitizer leaves no terabyte of addresses";
  }
  TestKernel kernel(ConfigOf(std::uint64_t{1} << 40, ptable::CpuSet::kMaxCpus));
  EXPECT_EQ(kernel->ram().frames().value, 1u << 28);
  EXPECT_EQ(kernel.ReadHome(FrameNumber((1u << 28) - 1), 255), 0u);
  EXPECT_FALSE(kernel.IsReachable(*kernel->AllocateHidden()));
  EXPECT_LT(kernel->ram().backed_frames(), 1000u);
}

using KernelDeathTest = testing::Test;

// A planted defect: a table page that lost its key. To set it apart takes a split, which uses it.
TEST(KernelDeathTest, ATableWithoutItsKeyIsFoundByTheWalk) {
  TestKernel kernel(ConfigOf(64 * kMiB));
  const FrameNumber table = *kernel->tables().Allocate(kKernelAccount);
  kernel->tables().Free(table);
  const FrameRange frame{table, FrameCount(1)};
  ASSERT_TRUE(kernel->direct_map()
                  .Change(frame, ptable::SetMemoryTo::Key(arch::kDefaultPkey), FlushWhen::kNow)
                  .ok());
  EXPECT_DEATH(kernel->CheckInvariants(), "protection does not act");
}

}  // namespace
}  // namespace pageward::sim
