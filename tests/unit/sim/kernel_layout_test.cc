#include "runtime/sim/kernel_layout.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/ptable/cpu_set.h"

namespace pageward::sim {
namespace {

// Spec: T115
TEST(KernelLayoutTest, TheMmLocalRegionIsOneTopEntryWithTheLdtInFront) {
  EXPECT_EQ(TopEntryOf(kMmLocal.begin), 512u - 240u);
  EXPECT_EQ(TopEntryOf(ptable::LastOf(kMmLocal)), TopEntryOf(kMmLocal.begin));
  EXPECT_EQ(kLdtRemap.begin, kMmLocal.begin);
  EXPECT_EQ(kMermapBase, kMmLocal.begin + kPageblockBytes);
  const VirtRange windows{kMermapBase, ptable::CpuSet::kMaxCpus * kMermapBytesPerCpu};
  EXPECT_TRUE(ptable::Covers(kMmLocal, windows));
}

TEST(KernelLayoutTest, RegionsHaveTopEntriesOfTheirOwn) {
  std::set<unsigned> entries;
  for (const VirtAddr at : {kMmLocal.begin, kKmapRange.begin, kEntryArea.begin, kExecmem.begin}) {
    EXPECT_GE(TopEntryOf(at), kFirstKernelEntry);
    entries.insert(TopEntryOf(at));
  }
  EXPECT_EQ(entries.size(), 4u);
  // A terabyte of RAM takes two entries, or three if it begins inside of one.
  for (const std::uint64_t offset : {std::uint64_t{0}, (std::uint64_t{1} << 40) - 1}) {
    EXPECT_FALSE(entries.contains(TopEntryOf(kDirectMapBase + offset)));
  }
}

}  // namespace
}  // namespace pageward::sim
