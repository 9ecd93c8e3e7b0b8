#include "runtime/ptable/collapse.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::TestTable;

template <typename Format>
class CollapseTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  static constexpr std::uint64_t kSmall = kFrameBytes;
  static constexpr std::uint64_t kLarge = Shape::Bytes(1);
  static constexpr VirtAddr kAt{0x4000'0000};

  void TearDown() override { test_.CheckInvariants(); }

  Result<Changes> CollapseAt(VirtAddr at, unsigned level) {
    TlbGather gather = test_.Gather();
    const auto changes = Collapse(test_.table(), at, level, gather);
    gather.Finish();
    return changes;
  }

  PhysAddr SlotOfPage(VirtAddr at) {
    Cursor cursor(test_.table());
    cursor.Seek(at);
    return cursor.slot();
  }

  TestTable<Format> test_{2048};
};
TYPED_TEST_SUITE(CollapseTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(CollapseTest, IsTheInverseOfSplittingAtEveryLevel) {
  testing_support::ForEachLeafLevel<TypeParam>([&](unsigned level) {
    if (level == 0) {
      return;
    }
    auto& test = this->test_;
    const std::uint64_t bytes = Geometry<TypeParam>::Bytes(level);
    const VirtRange range{this->kAt + (level - 1) * 2 * bytes, bytes};
    ASSERT_TRUE(test.Map(range, test.kFrames).ok());
    const Found before = test.table().Find(range.begin);
    ASSERT_TRUE(test.mapper()
                    .SplitAt(range.begin + Geometry<TypeParam>::Bytes(level - 1), test.source())
                    .ok());
    test.flusher().Clear();
    const auto collapsed = this->CollapseAt(range.begin + 0x1234, level);
    ASSERT_TRUE(collapsed.ok());
    EXPECT_EQ(collapsed->leaves.at[level], 1u);
    EXPECT_EQ(collapsed->tables_removed, 1u);
    EXPECT_EQ(test.table().Find(range.begin).entry, before.entry);
    EXPECT_EQ(test.flusher().requests(),
              (std::vector<FlushRequest>{{range, Geometry<TypeParam>::Shift(level - 1)}}));
    ASSERT_TRUE(test.Unmap(range).ok());
  });
}

TYPED_TEST(CollapseTest, UsageOfAnyPartIsUsageOfTheWhole) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames, 0).ok());
  const PhysAddr slot = this->SlotOfPage(this->kAt + 77 * this->kSmall);
  const LeafAttributes used{.is_accessed = true, .is_dirty = true};
  test.memory().Store(slot, test.table().format().WithUsage(test.memory().Load(slot), used));
  ASSERT_TRUE(this->CollapseAt(this->kAt, 1).ok());
  EXPECT_TRUE(test.table().Find(this->kAt).entry.attributes().is_accessed);
  EXPECT_TRUE(test.table().Find(this->kAt).entry.attributes().is_dirty);
}

TYPED_TEST(CollapseTest, PartsThatDifferStayApart) {
  auto& test = this->test_;
  const VirtRange range{this->kAt, this->kLarge};
  for (const PermissionChange& change :
       {PermissionChange{.is_writable = false}, PermissionChange{.is_readable = false},
        PermissionChange{.key = arch::Pkey(2)}}) {
    ASSERT_TRUE(test.Map(range, test.kFrames, 0).ok());
    const VirtRange last{this->kAt + (this->kLarge - this->kSmall), this->kSmall};
    ASSERT_TRUE(test.Protect(last, change).ok());
    EXPECT_EQ(this->CollapseAt(this->kAt, 1).error(), Error::kInvalid);
    EXPECT_EQ(test.table().Find(this->kAt).level, 0u);
    ASSERT_TRUE(test.Unmap(range).ok());
  }
}

TYPED_TEST(CollapseTest, FramesThatDoNotAdjoinOrAreNotAlignedStayApart) {
  auto& test = this->test_;
  const VirtRange range{this->kAt, this->kLarge};
  ASSERT_TRUE(test.Map(range, test.kFrames + this->kSmall, 0).ok());
  EXPECT_EQ(this->CollapseAt(this->kAt, 1).error(), Error::kInvalid);
  ASSERT_TRUE(test.Unmap(range).ok());
  ASSERT_TRUE(test.Map(range, test.kFrames, 0).ok());
  const VirtRange one{this->kAt + 9 * this->kSmall, this->kSmall};
  ASSERT_TRUE(test.Unmap(one).ok());
  EXPECT_EQ(this->CollapseAt(this->kAt, 1).error(), Error::kInvalid) << "a hole";
  ASSERT_TRUE(test.Map(one, test.kFrames).ok());
  EXPECT_EQ(this->CollapseAt(this->kAt, 1).error(), Error::kInvalid) << "another frame";
}

TYPED_TEST(CollapseTest, OnlyATableCanCollapse) {
  auto& test = this->test_;
  EXPECT_EQ(this->CollapseAt(this->kAt, 1).error(), Error::kInvalid) << "nothing there";
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames).ok());
  EXPECT_EQ(this->CollapseAt(this->kAt, 1).error(), Error::kInvalid) << "a leaf already";
  EXPECT_EQ(this->CollapseAt(this->kAt, 0).error(), Error::kInvalid);
  EXPECT_EQ(this->CollapseAt(this->kAt, kMaxLevels).error(), Error::kInvalid);
  EXPECT_EQ(this->CollapseAt(VirtAddr(std::uint64_t{1} << 60), 1).error(), Error::kInvalid);
}

TYPED_TEST(CollapseTest, WhereTheFormatHasNoLeavesNothingCollapses) {
  for (unsigned level = 0; level < TypeParam::kLevels; ++level) {
    if (!TypeParam::HasLeaves(level)) {
      EXPECT_EQ(this->CollapseAt(this->kAt, level).error(), Error::kInvalid);
    }
  }
}

}  // namespace
}  // namespace pageward::ptable
