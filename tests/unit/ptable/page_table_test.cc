// The primitives. First step of two: mapper_test.cc takes them for granted.
#include "runtime/ptable/page_table.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::FakeTableMemory;
using testing_support::TestTable;

template <typename Format>
class PageTableTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  static constexpr VirtAddr kAt{0x4000'0000};

  // Hangs tables in for `at` so that its entry of `level` can be written, and returns where it is.
  PhysAddr MakeSlot(unsigned level, VirtAddr at) {
    PtpStock stock(test_.memory(), test_.source());
    EXPECT_TRUE(stock.Fill(Shape::kTopLevel - level).ok());
    PhysAddr table = test_.table().root();
    for (unsigned above = Shape::kTopLevel; above > level; --above) {
      table = test_.table().InstallTable(above, SlotOf(table, Shape::Index(above, at)), at, stock);
    }
    return SlotOf(table, Shape::Index(level, at));
  }

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(PageTableTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(PageTableTest, AnEmptyTableMapsNothing) {
  constexpr unsigned kTop = Geometry<TypeParam>::kTopLevel;
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    for (const VirtAddr at : {half.begin, LastOf(half)}) {
      const Found found = this->test_.table().Find(at);
      EXPECT_TRUE(found.entry.IsAbsent());
      EXPECT_EQ(found.level, kTop);
    }
  }
  EXPECT_EQ(this->test_.table().table_count(), 0u);
  this->test_.CheckInvariants();
}

TYPED_TEST(PageTableTest, FindsTheLeafOfEachLevel) {
  testing_support::ForEachLeafLevel<TypeParam>([&](unsigned level) {
    TestTable<TypeParam> test;
    PtpStock stock(test.memory(), test.source());
    ASSERT_TRUE(stock.Fill(Geometry<TypeParam>::kTopLevel - level).ok());
    PhysAddr table = test.table().root();
    for (unsigned above = Geometry<TypeParam>::kTopLevel; above > level; --above) {
      table = test.table().InstallTable(
          above, SlotOf(table, Geometry<TypeParam>::Index(above, this->kAt)), this->kAt, stock);
    }
    const std::uint64_t word =
        test.table().format().LeafEntry(level, test.kFrames, test.WritableData());
    test.memory().Store(SlotOf(table, Geometry<TypeParam>::Index(level, this->kAt)), word);
    const Found found = test.table().Find(this->kAt);
    EXPECT_EQ(found.level, level);
    EXPECT_EQ(found.entry.word(), word);
    test.CheckInvariants();
  });
}

TYPED_TEST(PageTableTest, InstallingCountsTheTable) {
  this->MakeSlot(0, this->kAt);
  EXPECT_EQ(this->test_.table().table_count(), TypeParam::kLevels - 1);
  this->test_.CheckInvariants();
}

// Spec: T111
TYPED_TEST(PageTableTest, WhoIsSlowerUsesTheWinnersTableAndKeepsItsOwnPage) {
  auto& test = this->test_;
  const PhysAddr slot = test.table().root();
  PtpStock loser(test.memory(), test.source());
  PtpStock winner(test.memory(), test.source());
  ASSERT_TRUE(loser.Fill(1).ok() && winner.Fill(1).ok());
  PhysAddr won;
  test.memory().InterruptNextExchange([&] {
    won = test.table().InstallTable(Geometry<TypeParam>::kTopLevel, slot, VirtAddr(0), winner);
  });
  const PhysAddr lost =
      test.table().InstallTable(Geometry<TypeParam>::kTopLevel, slot, VirtAddr(0), loser);
  EXPECT_EQ(lost, won);
  EXPECT_EQ(loser.count(), 1u) << "the page goes back when the stock does";
  EXPECT_EQ(winner.count(), 0u);
  EXPECT_EQ(test.table().table_count(), 1u);
}

TYPED_TEST(PageTableTest, SplittingKeepsWhatEveryAddressMapsTo) {
  testing_support::ForEachLeafLevel<TypeParam>([&](unsigned level) {
    if (level == 0) {
      return;
    }
    TestTable<TypeParam> test;
    ASSERT_TRUE(
        test.Map(VirtRange{this->kAt, Geometry<TypeParam>::Bytes(level)}, test.kFrames).ok());
    const Found large = test.table().Find(this->kAt);
    ASSERT_EQ(large.level, level);
    ASSERT_TRUE(test.mapper()
                    .SplitAt(this->kAt + Geometry<TypeParam>::Bytes(level - 1), test.source())
                    .ok());
    for (unsigned i = 0; i < Geometry<TypeParam>::Entries(level - 1); ++i) {
      const std::uint64_t offset = i * Geometry<TypeParam>::Bytes(level - 1);
      const Found part = test.table().Find(this->kAt + offset);
      EXPECT_EQ(part.level, level - 1);
      EXPECT_EQ(part.entry.frame(), test.kFrames + offset);
      EXPECT_EQ(part.entry.attributes(), large.entry.attributes());
    }
    test.CheckInvariants();
  });
}

// Spec: T111
TYPED_TEST(PageTableTest, ASplitTableIsWrittenWholeBeforeItCanBeReached) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, Geometry<TypeParam>::Bytes(1)}, test.kFrames).ok());
  test.memory().StartLog();
  ASSERT_TRUE(test.mapper().SplitAt(this->kAt + kFrameBytes, test.source()).ok());
  const auto& log = test.memory().log();
  ASSERT_EQ(log.size(), Geometry<TypeParam>::Entries(0) + 1);
  EXPECT_EQ(log.back().kind, FakeTableMemory::Kind::kExchange) << "the pointer comes last";
  const Entry pointer = test.table().format().Decode(1, log.back().word);
  ASSERT_TRUE(pointer.IsTable());
  for (unsigned i = 0; i < Geometry<TypeParam>::Entries(0); ++i) {
    EXPECT_EQ(log[i].at, SlotOf(pointer.table(), i));
  }
}

TYPED_TEST(PageTableTest, UsageThatArrivesDuringASplitReachesEveryPart) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, Geometry<TypeParam>::Bytes(1)}, test.kFrames).ok());
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  const PhysAddr slot = cursor.slot();
  test.memory().InterruptNextExchange([&] {
    const LeafAttributes used{.is_accessed = true, .is_dirty = true};
    test.memory().Store(slot, test.table().format().WithUsage(test.memory().Load(slot), used));
  });
  ASSERT_TRUE(test.mapper().SplitAt(this->kAt + kFrameBytes, test.source()).ok());
  for (const std::uint64_t offset : {std::uint64_t{0}, Geometry<TypeParam>::Bytes(1) - 1}) {
    const Found part = test.table().Find(this->kAt + offset);
    EXPECT_EQ(part.level, 0u);
    EXPECT_TRUE(part.entry.attributes().is_accessed);
    EXPECT_TRUE(part.entry.attributes().is_dirty);
  }
}

TYPED_TEST(PageTableTest, EntriesOfTheRootThatAreAnotherTreesAreLeftAlone) {
  auto& test = this->test_;
  // The second entry leads to tables that this tree has not hung in.
  this->MakeSlot(0, VirtAddr(0) + Geometry<TypeParam>::Bytes(Geometry<TypeParam>::kTopLevel));
  const typename TestTable<TypeParam>::Table first(test.table().format(), test.memory(),
                                                   test.table().root(), 0, RootEntries{0, 1});
  first.CheckInvariants();
  EXPECT_EQ(first.table_count(), 0u);
}

template <typename Format>
class PageTableDeathTest : public PageTableTest<Format> {};
TYPED_TEST_SUITE(PageTableDeathTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(PageTableDeathTest, ATableThatTwoEntriesLeadToIsFoundByTheWalk) {
  auto& test = this->test_;
  this->MakeSlot(0, VirtAddr(0));
  test.table().CheckInvariants();
  const PhysAddr root = test.table().root();
  test.memory().Store(SlotOf(root, 1), test.memory().Load(root));
  EXPECT_DEATH(test.table().CheckInvariants(), "invariant broken: .*P1");
}

TYPED_TEST(PageTableDeathTest, AnEntryThatTheFormatRefusesIsFoundByTheWalk) {
  auto& test = this->test_;
  const PhysAddr slot = this->MakeSlot(1, VirtAddr(0));
  // A large leaf whose frame is not aligned: with a bit of the address that only small ones have.
  const TypeParam& format = test.table().format();
  const std::uint64_t bit =
      format.LeafEntry(0, PhysAddr(0x4000), {}) ^ format.LeafEntry(0, PhysAddr(0), {});
  test.memory().Store(slot, format.LeafEntry(1, test.kFrames, test.WritableData()) | bit);
  EXPECT_DEATH(test.table().CheckInvariants(), "invariant broken: .*Q1");
}

}  // namespace
}  // namespace pageward::ptable
