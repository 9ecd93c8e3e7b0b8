// What the reserve is compared with: no key at all, and a key for each page by itself.
#include <gtest/gtest.h>

#include "runtime/sim/ptp_pool.h"
#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using testing_support::ConfigOf;
using testing_support::TestKernel;

constexpr std::uint64_t kGiB = TestKernel::kGiB;
constexpr AccountId kProcess{kFirstProcessAccount};

TEST(PtpPolicyTest, WithoutAKeyNothingIsProtectedAndNothingIsWritten) {
  TestKernel kernel(ConfigOf(PtpPolicy::kNone));
  kernel.TakeCounts();
  const FrameNumber frame = *kernel->tables().Allocate(kProcess);
  EXPECT_EQ(kernel->direct_map().PermissionsOf(frame).key, arch::kDefaultPkey);
  const Counts counts = kernel.TakeCounts();
  EXPECT_EQ(counts[Tally::kKeyChange], 0u);
  EXPECT_EQ(counts[Primitive::kKeyRegisterWrite], 0u);
  kernel->tables().Free(frame);
  kernel->CheckInvariants();
}

// A planted defect: page by page, protecting a table page takes a table page. What ends it here is
// a limit, and what it costs is pages that are in use without protection.
TEST(PtpPolicyTest, PageByPageTheProtectionOfATableRunsInACircle) {
  TestKernel kernel(ConfigOf(PtpPolicy::kPerPage));
  kernel.TakeCounts();
  const FrameNumber frame = *kernel->tables().Allocate(kProcess);
  const Counts counts = kernel.TakeCounts();
  EXPECT_EQ(kernel->tables().deepest(), PtpPool::kMaxDepth);
  EXPECT_GT(counts[Tally::kNestedRefill], 0u);
  EXPECT_GT(counts[Tally::kUnprotectedTable], 0u);
  EXPECT_EQ(kernel.events().CountOf(EventKind::kTableUnprotected),
            counts[Tally::kUnprotectedTable]);
  EXPECT_EQ(kernel.events().CountOf(EventKind::kProtectionBegun),
            kernel.events().CountOf(EventKind::kTableProtected));
  EXPECT_EQ(kernel->direct_map().PermissionsOf(frame).key, kTableKey);
  kernel->ForEachTable([&](FrameNumber table) {
    EXPECT_TRUE(kernel->tables().IsProtected(table)) << "late, but in the end";
  });
  kernel->tables().Free(frame);
  EXPECT_EQ(kernel->direct_map().PermissionsOf(frame).key, arch::kDefaultPkey);
}

TEST(PtpPolicyTest, WithTheReserveNoTableIsEverUsedUnprotected) {
  TestKernel kernel(ConfigOf(PtpPolicy::kReserve));
  kernel.TakeCounts();
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(kernel->tables().Allocate(kProcess).ok());
  }
  const Counts counts = kernel.TakeCounts();
  EXPECT_EQ(counts[Tally::kUnprotectedTable], 0u);
  EXPECT_EQ(counts[Tally::kNestedRefill], 0u);
  EXPECT_LE(counts[Tally::kKeyChange], 4u) << "once for each pageblock";
}

// Spec: T98
TEST(PtpPolicyTest, IfEverythingIsMappedBySmallPagesThePoolIsBypassed) {
  KernelConfig config = ConfigOf(PtpPolicy::kReserve, kGiB);
  config.direct_map.largest_leaf = 0;
  TestKernel kernel(config);
  const FrameNumber frame = *kernel->tables().Allocate(kProcess);
  EXPECT_TRUE(kernel->tables().IsProtected(frame));
  EXPECT_EQ(kernel->tables().cached(), 0u);
  EXPECT_EQ(kernel->tables().deepest(), 1u) << "nothing to split, so no circle";
  kernel->tables().Free(frame);
  EXPECT_EQ(kernel->direct_map().PermissionsOf(frame).key, arch::kDefaultPkey);
  EXPECT_TRUE(kernel->frames().IsFree(frame)) << "back at once, not in a cache";
  kernel.faults().FailAfter(FaultPoint::kBlockProtected, 0);
  EXPECT_EQ(kernel->tables().Allocate(kProcess).error(), Error::kNoMemory);
  EXPECT_TRUE(kernel->tables().Allocate(kProcess).ok());
  kernel->CheckInvariants();
}

}  // namespace
}  // namespace pageward::sim
