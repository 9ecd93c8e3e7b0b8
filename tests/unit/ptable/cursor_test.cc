#include "runtime/ptable/cursor.h"

#include <gtest/gtest.h>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::TestTable;

template <typename Format>
class CursorTest : public testing::Test {
 protected:
  static constexpr VirtAddr kAt{0x4000'0000};

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(CursorTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(CursorTest, StopsAtTheTopWhereNothingIs) {
  Cursor cursor(this->test_.table());
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    cursor.Seek(LastOf(half));
    EXPECT_TRUE(cursor.IsAtTop());
    EXPECT_TRUE(cursor.entry().IsAbsent());
    EXPECT_EQ(LastOf(cursor.range()), LastOf(half));
  }
}

TYPED_TEST(CursorTest, AgreesWithFindWhereverItComesFrom) {
  using Shape = Geometry<TypeParam>;
  auto& test = this->test_;
  std::vector<VirtAddr> places;
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    for (const VirtAddr at : {half.begin, half.begin + Shape::Bytes(1), LastOf(half) - 0xfff,
                              half.begin + half.bytes / 2}) {
      places.push_back(at);
      ASSERT_TRUE(test.Map(VirtRange{at, kFrameBytes}, test.kFrames).ok());
    }
    places.push_back(half.begin + 2 * Shape::Bytes(1));
    places.push_back(half.begin + half.bytes / 2 - 1);
  }
  Cursor cursor(test.table());
  for (const VirtAddr from : places) {
    for (const VirtAddr to : places) {
      cursor.Seek(from);
      cursor.Seek(to);
      const Found found = test.table().Find(to);
      EXPECT_EQ(cursor.level(), found.level);
      EXPECT_EQ(cursor.entry(), found.entry);
      EXPECT_TRUE(cursor.range().Contains(to));
      EXPECT_TRUE(Covers(cursor.table_range(), cursor.range()));
    }
  }
}

TYPED_TEST(CursorTest, GoesNoDeeperThanAsked) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, kFrameBytes}, test.kFrames).ok());
  Cursor cursor(test.table());
  for (unsigned level = 0; level < TypeParam::kLevels; ++level) {
    cursor.SeekAbove(this->kAt, level);
    EXPECT_EQ(cursor.level(), level);
    EXPECT_EQ(cursor.entry().IsTable(), level > 0);
    cursor.Seek(this->kAt);
    EXPECT_EQ(cursor.level(), 0u);
  }
}

TYPED_TEST(CursorTest, DescendingMakesTheTableThatIsMissing) {
  auto& test = this->test_;
  PtpStock stock(test.memory(), test.source());
  ASSERT_TRUE(stock.Fill(TypeParam::kLevels).ok());
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  while (cursor.level() > 0) {
    cursor.DescendInto(stock);
    EXPECT_TRUE(cursor.entry().IsAbsent());
    EXPECT_TRUE(cursor.range().Contains(this->kAt));
  }
  EXPECT_EQ(stock.count(), 1u);
  // A second time they are there.
  cursor.SeekAbove(this->kAt, TypeParam::kLevels - 1);
  cursor.DescendInto(stock);
  EXPECT_EQ(stock.count(), 1u);
}

TYPED_TEST(CursorTest, AscendingStandsAtTheEntryThatLedDown) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, kFrameBytes}, test.kFrames).ok());
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  const PhysAddr below = cursor.table();
  cursor.Ascend();
  EXPECT_EQ(cursor.level(), 1u);
  EXPECT_EQ(cursor.entry().table(), below);
}

TYPED_TEST(CursorTest, ReplacesOnlyWhatItHasSeen) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, kFrameBytes}, test.kFrames).ok());
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  const std::uint64_t seen = cursor.entry().word();
  const std::uint64_t used =
      test.table().format().WithUsage(seen, LeafAttributes{.is_accessed = true});
  test.memory().Store(cursor.slot(), used);
  EXPECT_FALSE(cursor.TryReplace(0));
  EXPECT_EQ(cursor.entry().word(), used) << "read again";
  EXPECT_TRUE(cursor.TryReplace(0));
  EXPECT_TRUE(cursor.entry().IsAbsent());
  EXPECT_EQ(test.memory().Load(cursor.slot()), 0u);
}

TYPED_TEST(CursorTest, MovingToTheNextEntryReadsOneWord) {
  // Counted by the writes of nobody: the neighbour is found without going through the root, whose
  // entry is destroyed meanwhile.
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, 2 * kFrameBytes}, test.kFrames).ok());
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  const PhysAddr slot = SlotOf(
      test.table().root(), Geometry<TypeParam>::Index(Geometry<TypeParam>::kTopLevel, this->kAt));
  const std::uint64_t word = test.memory().Load(slot);
  test.memory().Store(slot, 0);
  cursor.Seek(this->kAt + kFrameBytes);
  EXPECT_EQ(cursor.entry().frame(), test.kFrames + kFrameBytes);
  test.memory().Store(slot, word);
}

}  // namespace
}  // namespace pageward::ptable
