// Changing permissions and splitting.
#include <gtest/gtest.h>

#include <vector>

#include "runtime/ptable/mapper.h"
#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::TestTable;

constexpr PermissionChange kReadOnly{.is_writable = false};
constexpr PermissionChange kReadWrite{.is_writable = true};

template <typename Format>
class MapperProtectTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  static constexpr std::uint64_t kSmall = kFrameBytes;
  static constexpr std::uint64_t kLarge = Shape::Bytes(1);
  static constexpr std::uint64_t kHuge = Shape::Bytes(2);
  static constexpr VirtAddr kAt{0x4000'0000};

  void SetUp() override { ASSERT_TRUE(test_.Map(VirtRange{kAt, 2 * kHuge}, test_.kFrames).ok()); }
  void TearDown() override { test_.CheckInvariants(); }

  bool IsWritable(VirtAddr at) { return test_.table().Find(at).entry.permissions().is_writable; }

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(MapperProtectTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(MapperProtectTest, ActsOnExactlyTheRangeWhereverItLies) {
  const std::uint64_t small = this->kSmall;
  const std::uint64_t large = this->kLarge;
  for (const std::uint64_t begin : {std::uint64_t{0}, small, large, this->kHuge - small}) {
    for (const std::uint64_t bytes : {small, large, large + small, this->kHuge}) {
      TestTable<TypeParam> test;
      ASSERT_TRUE(test.Map(VirtRange{this->kAt, 2 * this->kHuge}, test.kFrames).ok());
      const VirtRange range{this->kAt + begin, bytes};
      ASSERT_TRUE(test.Protect(range, kReadOnly).ok());
      const auto is_writable = [&](VirtAddr at) {
        return test.table().Find(at).entry.permissions().is_writable;
      };
      EXPECT_FALSE(is_writable(range.begin));
      EXPECT_FALSE(is_writable(LastOf(range)));
      EXPECT_FALSE(is_writable(range.begin + range.bytes / 2));
      if (begin > 0) {
        EXPECT_TRUE(is_writable(range.begin - 1));
      }
      EXPECT_TRUE(is_writable(range.end()));
      EXPECT_EQ(test.flusher().requests().size(), 1u);
      EXPECT_EQ(test.flusher().requests()[0].range, range) << "and exactly that is flushed";
      test.CheckInvariants();
    }
  }
}

TYPED_TEST(MapperProtectTest, AWholeLargeLeafIsRewrittenInOnePiece) {
  auto& test = this->test_;
  const auto changed = test.Protect(VirtRange{this->kAt, this->kHuge}, kReadOnly);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->leaves.at[2], 1u);
  EXPECT_EQ(changed->leaves.Total(), 1u);
  EXPECT_EQ(changed->splits, 0u);
  EXPECT_EQ(test.table().Find(this->kAt).level, 2u);
  EXPECT_EQ(test.flusher().requests(),
            (std::vector<FlushRequest>{{VirtRange{this->kAt, this->kHuge}, 30}}));
}

TYPED_TEST(MapperProtectTest, WhatIsAsItShouldBeIsNeitherSplitNorFlushed) {
  auto& test = this->test_;
  test.source().FailAfter(0);
  const auto changed = test.Protect(VirtRange{this->kAt + this->kSmall, this->kSmall}, kReadWrite);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(*changed, Changes{});
  EXPECT_TRUE(test.flusher().requests().empty());
}

TYPED_TEST(MapperProtectTest, AProtectThatRunsOutAtAnyPageChangesNothing) {
  auto& test = this->test_;
  const VirtRange range{this->kAt + this->kSmall, this->kHuge};
  const std::vector<std::uint64_t> before = test.memory().words();
  for (std::uint64_t granted = 0; granted < 4; ++granted) {
    test.source().FailAfter(granted);
    const auto changed = test.Protect(range, kReadOnly);
    ASSERT_FALSE(changed.ok()) << granted;
    EXPECT_EQ(changed.error(), Error::kNoMemory);
    EXPECT_EQ(test.table().Find(this->kAt).level, 2u);
    EXPECT_TRUE(this->IsWritable(range.begin));
    EXPECT_TRUE(test.flusher().requests().empty());
  }
  test.source().FailAfter(4);
  EXPECT_EQ(test.Protect(range, kReadOnly)->splits, 4u);
}

TYPED_TEST(MapperProtectTest, UsageSurvivesAChangeEvenIfItArrivesMeanwhile) {
  auto& test = this->test_;
  Cursor cursor(test.table());
  cursor.Seek(this->kAt);
  test.memory().InterruptNextExchange([&] {
    const LeafAttributes used{.is_accessed = true, .is_dirty = true};
    test.memory().Store(cursor.slot(),
                        test.table().format().WithUsage(test.memory().Load(cursor.slot()), used));
  });
  ASSERT_TRUE(test.Protect(VirtRange{this->kAt, this->kHuge}, kReadOnly).ok());
  const Entry leaf = test.table().Find(this->kAt).entry;
  EXPECT_TRUE(leaf.attributes().is_accessed);
  EXPECT_TRUE(leaf.attributes().is_dirty);
  EXPECT_FALSE(leaf.permissions().is_writable);
}

TYPED_TEST(MapperProtectTest, MakingReadableAgainNeedsNoFlush) {
  auto& test = this->test_;
  const VirtRange range{this->kAt, this->kSmall};
  ASSERT_TRUE(test.Protect(range, PermissionChange{.is_readable = false}).ok());
  EXPECT_EQ(test.flusher().requests().size(), 1u);
  test.flusher().Clear();
  ASSERT_TRUE(test.Protect(range, PermissionChange{.is_readable = true}).ok());
  EXPECT_TRUE(test.flusher().requests().empty());
}

TYPED_TEST(MapperProtectTest, HolesArePassedOver) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Unmap(VirtRange{this->kAt + this->kLarge, this->kLarge}).ok());
  const auto changed = test.Protect(VirtRange{this->kAt, 3 * this->kLarge}, kReadOnly);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->leaves.at[1], 2u);
}

// Spec: T113
TYPED_TEST(MapperProtectTest, WithoutGapsOnlyWhatChangedIsFlushed) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Protect(VirtRange{this->kAt + this->kLarge, this->kLarge}, kReadOnly).ok());
  test.flusher().Clear();
  TlbGather gather = test.Gather(FlushMode::kNoGaps);
  const auto changed = test.mapper().Protect(VirtRange{this->kAt, 3 * this->kLarge}, kReadOnly,
                                             test.source(), gather);
  gather.Finish();
  EXPECT_EQ(changed->leaves.at[1], 2u);
  EXPECT_EQ(
      test.flusher().requests(),
      (std::vector<FlushRequest>{{VirtRange{this->kAt, this->kLarge}, 21},
                                 {VirtRange{this->kAt + 2 * this->kLarge, this->kLarge}, 21}}));
}

TYPED_TEST(MapperProtectTest, SplittingTakesTwoPagesAtMostAndFailsCleanlyWithLess) {
  auto& test = this->test_;
  const VirtAddr boundary = this->kAt + this->kSmall;
  for (std::uint64_t granted = 0; granted < 2; ++granted) {
    test.source().FailAfter(granted);
    EXPECT_EQ(test.mapper().SplitAt(boundary, test.source()).error(), Error::kNoMemory);
    EXPECT_EQ(test.table().Find(this->kAt).level, 2u);
  }
  test.source().FailAfter(2);
  const auto split = test.mapper().SplitAt(boundary, test.source());
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->splits, 2u);
  EXPECT_EQ(test.table().Find(this->kAt).level, 0u);
  EXPECT_TRUE(test.flusher().requests().empty());
  // Now there is nothing to do, and nothing is asked for.
  const std::uint64_t requests = test.source().requests();
  EXPECT_EQ(*test.mapper().SplitAt(boundary, test.source()), Changes{});
  EXPECT_EQ(*test.mapper().SplitAt(this->kAt, test.source()), Changes{});
  EXPECT_EQ(test.source().requests(), requests);
}

TYPED_TEST(MapperProtectTest, SplittingOffAFrameIsInvalid) {
  EXPECT_EQ(this->test_.mapper().SplitAt(this->kAt + 8, this->test_.source()).error(),
            Error::kInvalid);
}

TYPED_TEST(MapperProtectTest, TheEndOfTheAddressSpaceIsNoPlaceToSplit) {
  for (const VirtRange half : TestTable<TypeParam>::Halves()) {
    EXPECT_EQ(*this->test_.mapper().SplitAt(half.end(), this->test_.source()), Changes{});
  }
}

TYPED_TEST(MapperProtectTest, NonsenseIsInvalid) {
  EXPECT_EQ(this->test_.Protect(VirtRange{this->kAt, 0}, kReadOnly).error(), Error::kInvalid);
}

}  // namespace
}  // namespace pageward::ptable
