// Mapping and unmapping. Second step of two: what page_table_test.cc and cursor_test.cc show is
// taken for granted. Every case runs with every format.
#include "runtime/ptable/mapper.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::FakeTableMemory;
using testing_support::TestTable;

template <typename Format>
class MapperTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  static constexpr std::uint64_t kSmall = kFrameBytes;
  static constexpr std::uint64_t kLarge = Shape::Bytes(1);
  static constexpr std::uint64_t kHuge = Shape::Bytes(2);
  static constexpr VirtAddr kAt{0x4000'0000};

  void TearDown() override { test_.CheckInvariants(); }

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(MapperTest, testing_support::AllFormats, testing_support::FormatNames);

// Spec: T106
TYPED_TEST(MapperTest, MappingOnePageOfEachSizeMakesOneLeafOfEach) {
  testing_support::ForEachLeafLevel<TypeParam>([&](unsigned level) {
    const std::uint64_t bytes = Geometry<TypeParam>::Bytes(level);
    for (const VirtAddr at : TestTable<TypeParam>::PlacesFor(level)) {
      TestTable<TypeParam> test;
      LeafCounts one;
      one.at[level] = 1;
      const auto mapped = test.Map(VirtRange{at, bytes}, test.kFrames);
      ASSERT_TRUE(mapped.ok());
      EXPECT_EQ(mapped->leaves, one);
      EXPECT_EQ(mapped->tables_added, Geometry<TypeParam>::kTopLevel - level);
      EXPECT_EQ(test.table().Find(at).level, level);
      EXPECT_EQ(test.table().Find(at + (bytes - 1)).entry.frame(), test.kFrames);
      const auto unmapped = test.Unmap(VirtRange{at, bytes});
      ASSERT_TRUE(unmapped.ok());
      EXPECT_EQ(unmapped->leaves, one);
      EXPECT_TRUE(test.table().Find(at).entry.IsAbsent());
      test.CheckInvariants();
    }
  });
}

// Spec: T110
TYPED_TEST(MapperTest, TearingDownLeavesNoTable) {
  auto& test = this->test_;
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    ASSERT_TRUE(test.Map(VirtRange{half.begin, this->kHuge + this->kSmall}, test.kFrames).ok());
    ASSERT_TRUE(test.Map(VirtRange{half.end() - this->kLarge, this->kSmall}, test.kFrames).ok());
  }
  EXPECT_GT(test.table().table_count(), 0u);
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    ASSERT_TRUE(test.Unmap(half).ok());
  }
  EXPECT_EQ(test.table().table_count(), 0u);
  EXPECT_EQ(test.source().outside(), 0u);
  EXPECT_TRUE(test.memory().IsFilledWith(test.table().root(), 0));
}

// Spec: T107
TYPED_TEST(MapperTest, MappingOverAMappingChangesNothing) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt + this->kLarge, this->kSmall}, test.kFrames).ok());
  ASSERT_TRUE(test.Map(VirtRange{this->kAt + 4 * this->kLarge, this->kLarge}, test.kFrames).ok());
  const std::vector<std::uint64_t> before = test.memory().words();
  const std::uint64_t requests = test.source().requests();
  for (const VirtRange range :
       {VirtRange{this->kAt + this->kLarge, this->kSmall}, VirtRange{this->kAt, this->kHuge},
        VirtRange{this->kAt, this->kLarge + this->kSmall},
        VirtRange{this->kAt + 5 * this->kLarge - this->kSmall, 2 * this->kSmall},
        VirtRange{this->kAt + 3 * this->kLarge, 9 * this->kLarge}}) {
    const auto mapped = test.Map(range, test.kFrames);
    ASSERT_FALSE(mapped.ok());
    EXPECT_EQ(mapped.error(), Error::kInUse);
    EXPECT_EQ(test.memory().words(), before);
    EXPECT_EQ(test.source().requests(), requests) << "found out before anything was taken";
  }
}

// The range lies behind the addresses of the exemplar.
template <typename Format>
class MapperX86Test : public MapperTest<Format> {};
TYPED_TEST_SUITE(MapperX86Test, testing_support::X86Formats, testing_support::FormatNames);

// Spec: T112
TYPED_TEST(MapperX86Test, TheMixedRangeTakesTwentyLeaves) {
  auto& test = this->test_;
  const VirtRange pages{VirtAddr(std::uint64_t{0x3fe400} << 12),
                        std::uint64_t{0x4c0600 - 0x3fe400} << 12};
  const auto mapped = test.Map(pages, PhysAddr(pages.begin.value()));
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->leaves.Total(), 20u);
  EXPECT_EQ(mapped->leaves.at[1], 17u);
  EXPECT_EQ(mapped->leaves.at[2], 3u);
}

TYPED_TEST(MapperTest, EveryAddressLeadsToItsOwnFrame) {
  auto& test = this->test_;
  // A ragged range over small, large and huge leaves.
  const VirtRange range{this->kAt - this->kLarge - this->kSmall,
                        this->kHuge + 2 * this->kLarge + 2 * this->kSmall};
  const PhysAddr frame = test.kFrames + (this->kHuge - this->kLarge - this->kSmall);
  ASSERT_TRUE(test.Map(range, frame).ok());
  for (VirtRange rest = range; rest.bytes > 0; rest = WithoutFirst(rest, this->kSmall)) {
    const Found found = test.table().Find(rest.begin);
    ASSERT_TRUE(found.entry.IsLeaf());
    const VirtRange leaf = Geometry<TypeParam>::EntryRange(found.level, rest.begin);
    ASSERT_EQ(found.entry.frame() + (rest.begin - leaf.begin), frame + (rest.begin - range.begin));
  }
  EXPECT_TRUE(test.table().Find(range.begin - 1).entry.IsAbsent());
  EXPECT_TRUE(test.table().Find(range.end()).entry.IsAbsent());
}

TYPED_TEST(MapperTest, AMapThatRunsOutAtAnyPageChangesNothing) {
  auto& test = this->test_;
  const VirtRange range{this->kAt + this->kHuge - this->kSmall, this->kLarge + 2 * this->kSmall};
  TestTable<TypeParam> roomy;
  const std::uint64_t needed = roomy.Map(range, test.kFrames)->tables_added;
  ASSERT_GT(needed, 2u);
  for (std::uint64_t granted = 0; granted < needed; ++granted) {
    test.source().FailAfter(granted);
    const auto mapped = test.Map(range, test.kFrames);
    ASSERT_FALSE(mapped.ok()) << granted;
    EXPECT_EQ(mapped.error(), Error::kNoMemory);
    EXPECT_TRUE(test.memory().IsFilledWith(test.table().root(), 0));
    EXPECT_EQ(test.source().outside(), 0u);
  }
  test.source().FailAfter(needed);
  EXPECT_TRUE(test.Map(range, test.kFrames).ok());
}

TYPED_TEST(MapperTest, TablesThatAreLeftOverAreUsedBySmallerLeaves) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kSmall}, test.kFrames).ok());
  ASSERT_TRUE(test.Unmap(VirtRange{this->kAt, this->kSmall}).ok());
  const auto mapped = test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->leaves.at[0], 512u);
  EXPECT_EQ(mapped->tables_added, 0u);
}

// Spec: T117
TYPED_TEST(MapperTest, WhatWasPreparedIsMappedWithoutAllocating) {
  auto& test = this->test_;
  testing_support::ForEachLeafLevel<TypeParam>([&](unsigned level) {
    const std::uint64_t bytes = Geometry<TypeParam>::Bytes(level);
    const VirtRange range{this->kAt, 2 * bytes};
    const auto prepared = test.mapper().Prepare(range, level, test.source());
    ASSERT_TRUE(prepared.ok());
    EXPECT_EQ(prepared->leaves.Total(), 0u);
    EXPECT_TRUE(test.table().Find(this->kAt).entry.IsAbsent());
    test.source().FailAfter(0);
    const std::uint64_t requests = test.source().requests();
    const auto mapped = test.Map(range, test.kFrames, level);
    ASSERT_TRUE(mapped.ok());
    EXPECT_EQ(mapped->leaves.at[level], 2u);
    EXPECT_EQ(test.source().requests(), requests) << "not even asked";
    // Beside what was prepared it fails cleanly.
    const VirtRange beyond{TestTable<TypeParam>::Halves().back().end() - bytes, bytes};
    if (level < Geometry<TypeParam>::kTopLevel) {
      const auto refused = test.Map(beyond, test.kFrames, level);
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.error(), Error::kNoMemory);
    }
    test.source().StopFailing();
    ASSERT_TRUE(test.Unmap(TestTable<TypeParam>::Halves().front()).ok());
    EXPECT_EQ(test.table().table_count(), 0u);
  });
}

TYPED_TEST(MapperTest, PreparingThatFailsAtAnyPageChangesNothing) {
  auto& test = this->test_;
  const VirtRange range{this->kAt - this->kSmall, 2 * this->kSmall};
  const std::uint64_t needed = *CountMissingTables(test.table(), range, 0);
  for (std::uint64_t granted = 0; granted < needed; ++granted) {
    test.source().FailAfter(granted);
    EXPECT_EQ(test.mapper().Prepare(range, 0, test.source()).error(), Error::kNoMemory);
    EXPECT_EQ(test.source().outside(), 0u);
  }
}

TYPED_TEST(MapperTest, PreparingTwiceAddsNothingAndALargeLeafIsInTheWay) {
  auto& test = this->test_;
  const VirtRange range{this->kAt, this->kLarge};
  ASSERT_TRUE(test.mapper().Prepare(range, 0, test.source()).ok());
  EXPECT_EQ(test.mapper().Prepare(range, 0, test.source())->tables_added, 0u);
  const VirtRange other{this->kAt + this->kLarge, this->kLarge};
  ASSERT_TRUE(test.Map(other, test.kFrames).ok());
  EXPECT_EQ(test.mapper().Prepare(other, 0, test.source()).error(), Error::kInUse);
  EXPECT_EQ(test.mapper().Prepare(range, kMaxLevels, test.source()).error(), Error::kInvalid);
  EXPECT_EQ(test.mapper().Prepare(VirtRange{}, 0, test.source()).error(), Error::kInvalid);
}

// Spec: T111
TYPED_TEST(MapperTest, ThreadsThatNeedTheSameTablesShareThem) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 20;
  for (unsigned round = 0; round < kRounds; ++round) {
    TestTable<TypeParam> test(64);
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&test, thread] {
        for (std::uint64_t page = thread; page < 64; page += kThreads) {
          const VirtAddr at = MapperTest<TypeParam>::kAt + page * kFrameBytes;
          ASSERT_TRUE(test.Map(VirtRange{at, kFrameBytes}, test.kFrames + page * kFrameBytes).ok());
          // What others have made is seen whole.
          ASSERT_EQ(test.table().Find(at).entry.frame(), test.kFrames + page * kFrameBytes);
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(test.table().table_count(), Geometry<TypeParam>::kTopLevel);
    test.CheckInvariants();
    for (std::uint64_t page = 0; page < 64; ++page) {
      EXPECT_TRUE(test.table().Find(this->kAt + page * kFrameBytes).entry.IsLeaf());
    }
  }
}

TYPED_TEST(MapperTest, TheLoserOfARaceGivesItsPageBack) {
  auto& test = this->test_;
  test.memory().InterruptNextExchange([&] {
    ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kSmall}, test.kFrames).ok());
  });
  const auto mapped =
      test.Map(VirtRange{this->kAt + this->kSmall, this->kSmall}, test.kFrames + this->kSmall);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->tables_added, 0u);
  EXPECT_EQ(test.table().table_count(), Geometry<TypeParam>::kTopLevel);
  EXPECT_TRUE(test.table().Find(this->kAt).entry.IsLeaf());
}

template <typename Format>
class MapperDeathTest : public MapperTest<Format> {};
TYPED_TEST_SUITE(MapperDeathTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(MapperDeathTest, SomebodyElseInTheCallersRangeIsFound) {
  auto& test = this->test_;
  ASSERT_TRUE(test.mapper().Prepare(VirtRange{this->kAt, kFrameBytes}, 0, test.source()).ok());
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  const std::uint64_t word = test.table().format().LeafEntry(0, test.kFrames, {});
  test.memory().InterruptNextExchange([&] { test.memory().Store(cursor.slot(), word); });
  EXPECT_DEATH(static_cast<void>(test.Map(VirtRange{this->kAt, kFrameBytes}, test.kFrames)),
               "invariant broken: 0x40000000");
}

}  // namespace
}  // namespace pageward::ptable
