#include "runtime/ptable/edge_split.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::TestTable;

// Every leaf is affected.
constexpr auto kAlways = [](const Entry&) { return true; };
constexpr auto kNever = [](const Entry&) { return false; };

template <typename Format>
class EdgeSplitTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  // The largest leaf that the format has, at a place with neighbours on both sides.
  static constexpr unsigned kLargest = 2;
  static constexpr VirtAddr kAt{0x4000'0000};

  void SetUp() override {
    ASSERT_TRUE(test_.Map(VirtRange{kAt, 2 * Shape::Bytes(kLargest)}, test_.kFrames).ok());
    ASSERT_EQ(test_.table().Find(kAt).level, kLargest);
  }

  // Entries across an end, as a set of (level, which): those are what has to become a table.
  static std::uint64_t SlowCount(VirtRange range) {
    std::set<std::pair<unsigned, std::uint64_t>> entries;
    for (const std::uint64_t end : {range.begin.value(), range.end().value()}) {
      for (unsigned level = 1; level <= kLargest; ++level) {
        if (end % Shape::Bytes(level) != 0) {
          entries.emplace(level, end / Shape::Bytes(level));
        }
      }
    }
    return entries.size();
  }

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(EdgeSplitTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(EdgeSplitTest, CountsAndUsesExactlyTheTablesThatLieAcrossAnEnd) {
  const std::uint64_t small = kFrameBytes;
  const std::uint64_t large = Geometry<TypeParam>::Bytes(1);
  const std::uint64_t huge = Geometry<TypeParam>::Bytes(2);
  for (const std::uint64_t begin : {std::uint64_t{0}, small, large, large + small, huge - small}) {
    for (const std::uint64_t bytes : {small, large - small, large, large + small, huge}) {
      TestTable<TypeParam> test;
      ASSERT_TRUE(test.Map(VirtRange{this->kAt, 2 * huge}, test.kFrames).ok());
      const std::uint64_t tables = test.table().table_count();
      const VirtRange range{this->kAt + begin, bytes};
      EdgeSplit split(test.table(), kAlways);
      EXPECT_EQ(split.CountTables(range), this->SlowCount(range)) << begin << ' ' << bytes;
      PtpStock stock(test.memory(), test.source());
      ASSERT_TRUE(stock.Fill(split.CountTables(range)).ok());
      Changes changes;
      split.SplitEnds(range, stock, changes);
      EXPECT_EQ(stock.count(), 0u);
      EXPECT_EQ(changes.splits, this->SlowCount(range));
      EXPECT_EQ(changes.tables_added, changes.splits);
      EXPECT_EQ(test.table().table_count() - tables, changes.splits);
      EXPECT_EQ(split.CountTables(range), 0u) << "nothing lies across an end any more";
    }
  }
}

TYPED_TEST(EdgeSplitTest, OneEndTakesTwoTablesAtMost) {
  EdgeSplit split(this->test_.table(), kAlways);
  EXPECT_EQ(split.NeedAt(this->kAt + kFrameBytes).tables(), 2u);
  EXPECT_EQ(split.NeedAt(this->kAt + Geometry<TypeParam>::Bytes(1)).tables(), 1u);
  EXPECT_EQ(split.NeedAt(this->kAt).tables(), 0u);
}

TYPED_TEST(EdgeSplitTest, LeavesThatAreNotAffectedStayWhole) {
  EdgeSplit split(this->test_.table(), kNever);
  EXPECT_EQ(split.CountTables(VirtRange{this->kAt + kFrameBytes, kFrameBytes}), 0u);
}

TYPED_TEST(EdgeSplitTest, NothingIsSplitWhereNothingIsMapped) {
  EdgeSplit split(this->test_.table(), kAlways);
  EXPECT_EQ(split.CountTables(VirtRange{VirtAddr(0x5000), kFrameBytes}), 0u);
}

TYPED_TEST(EdgeSplitTest, TheEndOfTheAddressSpaceNeedsNoSplit) {
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    TestTable<TypeParam> test;
    const std::uint64_t huge = Geometry<TypeParam>::Bytes(2);
    const VirtRange last{half.end() - huge, huge};
    ASSERT_TRUE(test.Map(last, test.kFrames).ok());
    EdgeSplit split(test.table(), kAlways);
    EXPECT_EQ(split.CountTables(last), 0u);
    EXPECT_EQ(split.CountTables(VirtRange{half.end() - kFrameBytes, kFrameBytes}), 2u);
  }
}

}  // namespace
}  // namespace pageward::ptable
