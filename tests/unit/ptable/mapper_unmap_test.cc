// Unmapping: what goes, what stays, and what is flushed before what is freed.
#include <gtest/gtest.h>

#include <vector>

#include "runtime/ptable/mapper.h"
#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::RecordingFlusher;
using testing_support::TestTable;

template <typename Format>
class MapperUnmapTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  static constexpr std::uint64_t kSmall = kFrameBytes;
  static constexpr std::uint64_t kLarge = Shape::Bytes(1);
  static constexpr std::uint64_t kHuge = Shape::Bytes(2);
  static constexpr VirtAddr kAt{0x4000'0000};

  void TearDown() override { test_.CheckInvariants(); }

  bool IsMapped(VirtAddr at) { return test_.table().Find(at).entry.IsLeaf(); }

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(MapperUnmapTest, testing_support::AllFormats, testing_support::FormatNames);

// Spec: T108
TYPED_TEST(MapperUnmapTest, InSplitModeTheRestOfALargeLeafStaysMapped) {
  testing_support::ForEachLeafLevel<TypeParam>([&](unsigned level) {
    if (level == 0) {
      return;
    }
    const std::uint64_t bytes = Geometry<TypeParam>::Bytes(level);
    for (const std::uint64_t offset : {std::uint64_t{0}, bytes / 2, bytes - this->kSmall}) {
      for (const VirtAddr at : TestTable<TypeParam>::PlacesFor(level)) {
        TestTable<TypeParam> test;
        ASSERT_TRUE(test.Map(VirtRange{at, bytes}, test.kFrames).ok());
        const VirtRange hole{at + offset, this->kSmall};
        const auto unmapped = test.Unmap(hole, UnmapMode::kSplit);
        ASSERT_TRUE(unmapped.ok());
        EXPECT_EQ(unmapped->leaves.at[0], 1u);
        EXPECT_EQ(unmapped->leaves.Total(), 1u);
        EXPECT_EQ(unmapped->splits, level);
        EXPECT_TRUE(test.table().Find(hole.begin).entry.IsAbsent());
        for (const VirtAddr beside : {hole.begin - this->kSmall, hole.end()}) {
          if (VirtRange{at, bytes}.Contains(beside)) {
            const Found found = test.table().Find(beside);
            ASSERT_TRUE(found.entry.IsLeaf());
            const VirtRange leaf = Geometry<TypeParam>::EntryRange(found.level, beside);
            EXPECT_EQ(found.entry.frame() + (beside - leaf.begin), test.kFrames + (beside - at));
          }
        }
        test.CheckInvariants();
      }
    }
  });
}

// Spec: T108
TYPED_TEST(MapperUnmapTest, InWholeLeafModeAllOfALargeLeafGoesAndNoPageIsNeeded) {
  testing_support::ForEachLeafLevel<TypeParam>([&](unsigned level) {
    const std::uint64_t bytes = Geometry<TypeParam>::Bytes(level);
    for (const VirtAddr at : TestTable<TypeParam>::PlacesFor(level)) {
      TestTable<TypeParam> test;
      ASSERT_TRUE(test.Map(VirtRange{at, bytes}, test.kFrames).ok());
      test.source().FailAfter(0);
      const auto unmapped =
          test.Unmap(VirtRange{at + (bytes - this->kSmall), this->kSmall}, UnmapMode::kWholeLeaf);
      ASSERT_TRUE(unmapped.ok());
      EXPECT_EQ(unmapped->leaves.at[level], 1u);
      EXPECT_EQ(unmapped->leaves.Total(), 1u);
      EXPECT_TRUE(test.table().Find(at).entry.IsAbsent());
      EXPECT_EQ(
          test.flusher().requests(),
          (std::vector<FlushRequest>{{VirtRange{at, bytes}, Geometry<TypeParam>::Shift(level)}}))
          << "all that went is flushed, not only what was asked for";
      test.CheckInvariants();
    }
  });
}

TYPED_TEST(MapperUnmapTest, ASplitThatRunsOutChangesNothing) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, 2 * this->kHuge}, test.kFrames).ok());
  const std::vector<std::uint64_t> before = test.memory().words();
  // Four tables: two at either end.
  const VirtRange range{this->kAt + this->kSmall, this->kHuge};
  for (std::uint64_t granted = 0; granted < 4; ++granted) {
    test.source().FailAfter(granted);
    const auto unmapped = test.Unmap(range);
    ASSERT_FALSE(unmapped.ok()) << granted;
    EXPECT_EQ(unmapped.error(), Error::kNoMemory);
    EXPECT_TRUE(this->IsMapped(range.begin));
    EXPECT_EQ(test.table().Find(range.begin).level, 2u);
    EXPECT_TRUE(test.flusher().requests().empty());
  }
  test.source().FailAfter(4);
  const auto unmapped = test.Unmap(range);
  ASSERT_TRUE(unmapped.ok());
  EXPECT_EQ(unmapped->splits, 4u);
}

TYPED_TEST(MapperUnmapTest, TablesGoOnlyIfTheRangeCoversAllTheyStandFor) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames, 0).ok());
  const std::uint64_t tables = test.table().table_count();
  const auto most = test.Unmap(VirtRange{this->kAt, this->kLarge - this->kSmall});
  EXPECT_EQ(most->tables_removed, 0u);
  const auto last = test.Unmap(VirtRange{this->kAt + (this->kLarge - this->kSmall), this->kSmall});
  EXPECT_EQ(last->tables_removed, 0u) << "somebody else could own the other addresses";
  EXPECT_EQ(test.table().table_count(), tables);
  const auto all = test.Unmap(VirtRange{this->kAt, this->kLarge});
  EXPECT_EQ(all->leaves.Total(), 0u);
  EXPECT_EQ(all->tables_removed, 1u);
  EXPECT_EQ(test.table().table_count(), tables - 1);
}

TYPED_TEST(MapperUnmapTest, HolesArePassedOver) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kSmall}, test.kFrames).ok());
  ASSERT_TRUE(test.Map(VirtRange{this->kAt + 3 * this->kLarge, this->kLarge}, test.kFrames).ok());
  const auto unmapped = test.Unmap(VirtRange{VirtAddr(0), 2 * this->kHuge});
  ASSERT_TRUE(unmapped.ok());
  EXPECT_EQ(unmapped->leaves.Total(), 2u);
  EXPECT_FALSE(this->IsMapped(this->kAt));
  EXPECT_EQ(test.Unmap(VirtRange{VirtAddr(0), this->kSmall})->leaves.Total(), 0u);
}

TYPED_TEST(MapperUnmapTest, UsageThatArrivesMeanwhileIsNotLeftBehind) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kSmall}, test.kFrames).ok());
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  test.memory().InterruptNextExchange([&] {
    const std::uint64_t word = test.memory().Load(cursor.slot());
    test.memory().Store(cursor.slot(),
                        test.table().format().WithUsage(word, LeafAttributes{.is_dirty = true}));
  });
  EXPECT_EQ(test.Unmap(VirtRange{this->kAt, this->kSmall})->leaves.Total(), 1u);
  EXPECT_FALSE(this->IsMapped(this->kAt));
}

// Spec: T113
TYPED_TEST(MapperUnmapTest, OneOperationIsOneFlushOverTheWholeRange) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kSmall}, test.kFrames).ok());
  ASSERT_TRUE(test.Map(VirtRange{this->kAt + 9 * this->kSmall, this->kSmall}, test.kFrames).ok());
  TlbGather gather = test.Gather(FlushMode::kMerged);
  ASSERT_TRUE(
      test.mapper()
          .Unmap(VirtRange{this->kAt, 100 * this->kSmall}, UnmapMode::kSplit, test.source(), gather)
          .ok());
  EXPECT_TRUE(test.flusher().requests().empty()) << "the caller says when";
  gather.Finish();
  EXPECT_EQ(test.flusher().requests(),
            (std::vector<FlushRequest>{{VirtRange{this->kAt, 10 * this->kSmall}, 12}}));
}

// Spec: T113
TYPED_TEST(MapperUnmapTest, WithoutGapsEachRunOfChangesIsOneFlush) {
  auto& test = this->test_;
  for (const std::uint64_t page : {0u, 1u, 2u, 9u, 20u, 21u}) {
    const VirtRange range{this->kAt + page * this->kSmall, this->kSmall};
    ASSERT_TRUE(test.Map(range, test.kFrames).ok());
  }
  TlbGather gather = test.Gather(FlushMode::kNoGaps);
  ASSERT_TRUE(
      test.mapper()
          .Unmap(VirtRange{this->kAt, 100 * this->kSmall}, UnmapMode::kSplit, test.source(), gather)
          .ok());
  gather.Finish();
  EXPECT_EQ(test.flusher().requests(),
            (std::vector<FlushRequest>{
                {VirtRange{this->kAt, 3 * this->kSmall}, 12},
                {VirtRange{this->kAt + 9 * this->kSmall, this->kSmall}, 12},
                {VirtRange{this->kAt + 20 * this->kSmall, 2 * this->kSmall}, 12}}));
}

TYPED_TEST(MapperUnmapTest, WhatWasNotReadableNeedsNoFlush) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(MapRequest{VirtRange{this->kAt, this->kSmall}, test.kFrames,
                                  LeafAttributes{.permissions = {.is_readable = false}}})
                  .ok());
  EXPECT_EQ(test.Unmap(VirtRange{this->kAt, this->kSmall})->leaves.Total(), 1u);
  EXPECT_TRUE(test.flusher().requests().empty());
}

// Looks, at each flush, whether the tables that were taken out are still outside.
class WatchingFlusher final : public TlbFlusher {
 public:
  WatchingFlusher(const testing_support::FakePtpSource& source, std::size_t expected)
      : source_(source), expected_(expected) {}
  void Flush(const FlushRequest& request) override {
    range_ = request.range;
    EXPECT_EQ(source_.outside(), expected_) << "a table was freed before the flush";
  }
  VirtRange range() const { return range_; }

 private:
  const testing_support::FakePtpSource& source_;
  std::size_t expected_;
  VirtRange range_;
};

TYPED_TEST(MapperUnmapTest, TablesAreFreedAfterTheFlushThatCoversThem) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames, 0).ok());
  WatchingFlusher flusher(test.source(), Geometry<TypeParam>::kTopLevel);
  TlbGather gather(FlushMode::kMerged, flusher, test.source());
  const auto unmapped = test.mapper().Unmap(TestTable<TypeParam>::Halves().front(),
                                            UnmapMode::kSplit, test.source(), gather);
  EXPECT_EQ(unmapped->tables_removed, unsigned{Geometry<TypeParam>::kTopLevel});
  EXPECT_EQ(test.source().outside(), unsigned{Geometry<TypeParam>::kTopLevel});
  gather.Finish();
  EXPECT_EQ(test.source().outside(), 0u);
  EXPECT_TRUE(Covers(flusher.range(), VirtRange{this->kAt, this->kLarge}));
}

TYPED_TEST(MapperUnmapTest, AnEmptyTableIsFlushedToo) {
  auto& test = this->test_;
  ASSERT_TRUE(test.mapper().Prepare(VirtRange{this->kAt, this->kLarge}, 0, test.source()).ok());
  const auto unmapped = test.Unmap(VirtRange{this->kAt, this->kLarge});
  EXPECT_EQ(unmapped->tables_removed, 1u);
  EXPECT_EQ(test.flusher().requests(),
            (std::vector<FlushRequest>{{VirtRange{this->kAt, this->kLarge}, 12}}))
      << "the way to it may be cached";
}

TYPED_TEST(MapperUnmapTest, NonsenseIsInvalid) {
  auto& test = this->test_;
  const VirtRange half = TestTable<TypeParam>::Halves().front();
  for (const VirtRange range : {VirtRange{this->kAt, 0}, VirtRange{this->kAt + 1, this->kSmall},
                                VirtRange{half.end() - this->kSmall, 2 * this->kSmall}}) {
    EXPECT_EQ(test.Unmap(range).error(), Error::kInvalid);
  }
}

}  // namespace
}  // namespace pageward::ptable
