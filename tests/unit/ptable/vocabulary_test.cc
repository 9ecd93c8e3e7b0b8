#include "runtime/ptable/vocabulary.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

constexpr VirtAddr kTop{0};  // One behind the last address there is.

TEST(VocabularyTest, AChangeTouchesWhatItNamesAndNothingElse) {
  const Permissions old{.is_readable = true,
                        .is_writable = true,
                        .is_executable = true,
                        .is_user = true,
                        .key = arch::Pkey(5)};
  EXPECT_EQ(PermissionChange{}.AppliedTo(old), old);
  Permissions expected = old;
  expected.is_writable = false;
  EXPECT_EQ(PermissionChange{.is_writable = false}.AppliedTo(old), expected);
  expected = old;
  expected.is_readable = false;
  EXPECT_EQ(PermissionChange{.is_readable = false}.AppliedTo(old), expected);
  expected = old;
  expected.is_executable = false;
  EXPECT_EQ(PermissionChange{.is_executable = false}.AppliedTo(old), expected);
  expected = old;
  expected.key = arch::Pkey(1);
  EXPECT_EQ(PermissionChange{.key = arch::Pkey(1)}.AppliedTo(old), expected);
}

TEST(VocabularyTest, LeafCountsAddUp) {
  LeafCounts counts;
  EXPECT_EQ(counts.Total(), 0u);
  counts.at[0] = 3;
  counts.at[2] = 4;
  EXPECT_EQ(counts.Total(), 7u);
}

TEST(VocabularyTest, RangesCoverWhatLiesInThem) {
  const VirtRange outer{VirtAddr(0x3000), 0x4000};
  EXPECT_TRUE(Covers(outer, outer));
  EXPECT_TRUE(Covers(outer, VirtRange{VirtAddr(0x6000), 0x1000}));
  EXPECT_FALSE(Covers(outer, VirtRange{VirtAddr(0x6000), 0x1001}));
  EXPECT_FALSE(Covers(outer, VirtRange{VirtAddr(0x2fff), 0x1000}));
  EXPECT_FALSE(Covers(outer, VirtRange{VirtAddr(0x7000), 1}));
  EXPECT_FALSE(Covers(VirtRange{}, VirtRange{VirtAddr(0), 1}));
}

TEST(VocabularyTest, RangesMayEndAtTheTop) {
  const VirtRange last_page{kTop - 0x1000, 0x1000};
  EXPECT_EQ(LastOf(last_page), VirtAddr(~std::uint64_t{0}));
  const VirtRange upper_half{VirtAddr(std::uint64_t{1} << 63), std::uint64_t{1} << 63};
  EXPECT_TRUE(Covers(upper_half, last_page));
  EXPECT_FALSE(Covers(last_page, upper_half));
  EXPECT_FALSE(Covers(upper_half, VirtRange{VirtAddr(0), 0x1000}));
}

TEST(VocabularyTest, WhatIsLeftBeginsBehindWhatIsDone) {
  const VirtRange range{VirtAddr(0x3000), 0x4000};
  EXPECT_EQ(Behind(VirtRange{VirtAddr(0x2000), 0x2000}, range),
            (VirtRange{VirtAddr(0x4000), 0x3000}));
  EXPECT_EQ(Behind(VirtRange{VirtAddr(0x2000), 0x5000}, range), VirtRange{});
  EXPECT_EQ(Behind(VirtRange{VirtAddr(0x2000), 0x9000}, range), VirtRange{});
  const VirtRange last_page{kTop - 0x1000, 0x1000};
  EXPECT_EQ(Behind(VirtRange{kTop - 0x2000, 0x2000}, last_page), VirtRange{});
  EXPECT_EQ(WithoutFirst(range, 0x1000), (VirtRange{VirtAddr(0x4000), 0x3000}));
}

TEST(VocabularyTest, AlignedRangesHoldTheAddressTheyAreAskedFor) {
  EXPECT_EQ(AlignedRange(VirtAddr(0x5432'1000), 21), (VirtRange{VirtAddr(0x5420'0000), 0x20'0000}));
  EXPECT_EQ(AlignedRange(kTop - 1, 12), (VirtRange{kTop - 0x1000, 0x1000}));
}

}  // namespace
}  // namespace pageward::ptable
