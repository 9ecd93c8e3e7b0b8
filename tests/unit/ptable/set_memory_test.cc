#include "runtime/ptable/set_memory.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::TestTable;

struct Pair {
  const char* name;
  PermissionChange change;
  PermissionChange inverse;
};

// Beginning with what a direct map is made with: writable, not executable, key 0.
const std::vector<Pair>& Pairs() {
  static const std::vector<Pair> kPairs{
      {"ro", SetMemoryTo::kReadOnly, SetMemoryTo::kReadWrite},
      {"x", SetMemoryTo::kExecute, SetMemoryTo::kNoExecute},
      {"pkey", SetMemoryTo::Key(arch::Pkey(5)), SetMemoryTo::Key(arch::kDefaultPkey)},
      {"invalid, valid", SetDirectMapTo::kInvalid, SetDirectMapTo::kValid},
      {"invalid, default", SetDirectMapTo::kInvalid, SetDirectMapTo::kDefault},
      {"ro, default", SetMemoryTo::kReadOnly, SetDirectMapTo::kDefault},
  };
  return kPairs;
}

template <typename Format>
class SetMemoryTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;
  static constexpr std::uint64_t kSmall = kFrameBytes;
  static constexpr std::uint64_t kLarge = Shape::Bytes(1);
  static constexpr std::uint64_t kHuge = Shape::Bytes(2);
  static constexpr VirtAddr kAt{0x4000'0000};

  Result<Changes> Set(TestTable<Format>& test, VirtRange range, const PermissionChange& change) {
    test.flusher().Clear();
    TlbGather gather = test.Gather();
    const auto changes = SetMemory(test.table(), range, change, test.source(), gather);
    gather.Finish();
    return changes;
  }

  // The permissions of a page as the definition of the change says, for every page of the map.
  void ExpectOnly(TestTable<Format>& test, VirtRange range, const Permissions& inside) {
    const Permissions outside = test.WritableData().permissions;
    for (const VirtAddr at : {kAt, range.begin - kSmall, range.begin, range.begin + range.bytes / 2,
                              LastOf(range), range.end(), kAt + 2 * kHuge - kSmall}) {
      if (VirtRange{kAt, 2 * kHuge}.Contains(at)) {
        const Entry entry = test.table().Find(at).entry;
        EXPECT_EQ(entry.permissions(), range.Contains(at) ? inside : outside) << at.value();
      }
    }
  }

  TestTable<Format> test_;
};
TYPED_TEST_SUITE(SetMemoryTest, testing_support::AllFormats, testing_support::FormatNames);

// Spec: T119
TYPED_TEST(SetMemoryTest, EachActsOnExactlyItsRangeAndIsUndoneByItsInverse) {
  const std::vector<std::uint64_t> sizes{this->kSmall, 3 * this->kSmall, this->kLarge,
                                         this->kLarge + this->kSmall, this->kHuge};
  for (const Pair& pair : Pairs()) {
    for (const std::uint64_t begin : {std::uint64_t{0}, this->kSmall, this->kLarge}) {
      for (const std::uint64_t bytes : sizes) {
        SCOPED_TRACE(std::string(pair.name) + " " + std::to_string(begin) + " " +
                     std::to_string(bytes));
        TestTable<TypeParam> test;
        ASSERT_TRUE(test.Map(VirtRange{this->kAt, 2 * this->kHuge}, test.kFrames).ok());
        const Permissions before = test.WritableData().permissions;
        const VirtRange range{this->kAt + begin, bytes};
        const auto changed = this->Set(test, range, pair.change);
        ASSERT_TRUE(changed.ok());
        this->ExpectOnly(test, range, pair.change.AppliedTo(before));
        ASSERT_EQ(test.flusher().requests().size(), 1u);
        EXPECT_EQ(test.flusher().requests()[0].range, range);
        const auto undone = this->Set(test, range, pair.inverse);
        ASSERT_TRUE(undone.ok());
        this->ExpectOnly(test, range, before);
        EXPECT_EQ(undone->leaves, changed->leaves);
        EXPECT_EQ(undone->splits, 0u) << "what is split stays split";
        test.CheckInvariants();
      }
    }
  }
}

// Spec: T119
TYPED_TEST(SetMemoryTest, ReportsWhatItSplitAndChanged) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, 2 * this->kHuge}, test.kFrames).ok());
  const VirtRange range{this->kAt + this->kLarge - this->kSmall, this->kLarge + 2 * this->kSmall};
  const auto changed = this->Set(test, range, SetMemoryTo::kReadOnly);
  ASSERT_TRUE(changed.ok());
  // The huge leaf once, and the large leaves at either end.
  EXPECT_EQ(changed->splits, 3u);
  EXPECT_EQ(changed->tables_added, 3u);
  EXPECT_EQ(changed->leaves.at[0], 2u);
  EXPECT_EQ(changed->leaves.at[1], 1u);
  EXPECT_EQ(changed->leaves.Total(), 3u);
}

TYPED_TEST(SetMemoryTest, ReturningToTheDirectMapNeedsNoFlush) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kHuge}, test.kFrames).ok());
  const VirtRange block{this->kAt, this->kLarge};
  ASSERT_TRUE(this->Set(test, block, SetDirectMapTo::kInvalid).ok());
  EXPECT_EQ(test.flusher().requests(), (std::vector<FlushRequest>{{block, 21}}))
      << "a pageblock is one leaf and one flush";
  ASSERT_TRUE(this->Set(test, block, SetDirectMapTo::kValid).ok());
  EXPECT_TRUE(test.flusher().requests().empty());
}

TYPED_TEST(SetMemoryTest, ValidBringsBackWhatWasThereAndDefaultDoesNot) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames).ok());
  const VirtRange range{this->kAt, this->kSmall};
  for (const PermissionChange& change :
       {SetMemoryTo::kReadOnly, SetMemoryTo::Key(arch::Pkey(3)), SetMemoryTo::kExecute}) {
    ASSERT_TRUE(this->Set(test, range, change).ok());
  }
  const Permissions special = test.table().Find(this->kAt).entry.permissions();
  ASSERT_TRUE(this->Set(test, range, SetDirectMapTo::kInvalid).ok());
  EXPECT_FALSE(test.table().Find(this->kAt).entry.permissions().is_readable);
  EXPECT_EQ(test.table().Find(this->kAt).entry.frame(), test.kFrames) << "the frame is not lost";
  ASSERT_TRUE(this->Set(test, range, SetDirectMapTo::kValid).ok());
  EXPECT_EQ(test.table().Find(this->kAt).entry.permissions(), special);
  ASSERT_TRUE(this->Set(test, range, SetDirectMapTo::kDefault).ok());
  EXPECT_EQ(test.table().Find(this->kAt).entry.permissions(), test.WritableData().permissions);
}

TYPED_TEST(SetMemoryTest, ARangeWithAHoleIsRefusedAndNothingChanges) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames).ok());
  ASSERT_TRUE(test.Map(VirtRange{this->kAt + 2 * this->kLarge, this->kLarge}, test.kFrames).ok());
  const std::vector<std::uint64_t> before = test.memory().words();
  const auto changed =
      this->Set(test, VirtRange{this->kAt, 3 * this->kLarge}, SetMemoryTo::kReadOnly);
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error(), Error::kInvalid);
  EXPECT_EQ(test.memory().words(), before);
  EXPECT_FALSE(this->Set(test, VirtRange{}, SetMemoryTo::kReadOnly).ok());
}

TYPED_TEST(SetMemoryTest, ALeafOutOfTheDirectMapCountsAsMapped) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, this->kLarge}, test.kFrames).ok());
  const VirtRange range{this->kAt, this->kLarge};
  ASSERT_TRUE(this->Set(test, range, SetDirectMapTo::kInvalid).ok());
  EXPECT_TRUE(IsMappedThroughout(test.table(), range));
  EXPECT_FALSE(IsMappedThroughout(test.table(), VirtRange{this->kAt, 2 * this->kLarge}));
  // Rights of what cannot be reached change without a flush.
  ASSERT_TRUE(this->Set(test, range, SetMemoryTo::kReadOnly).ok());
  EXPECT_TRUE(test.flusher().requests().empty());
}

// Spec: T39
TYPED_TEST(SetMemoryTest, WhatIsSplitNeverFormsALargeLeafAgain) {
  auto& test = this->test_;
  ASSERT_TRUE(test.Map(VirtRange{this->kAt, 2 * this->kHuge}, test.kFrames).ok());
  const auto small_leaves = [&] {
    std::uint64_t count = 0;
    for (std::uint64_t offset = 0; offset < 2 * this->kHuge;) {
      const Found found = test.table().Find(this->kAt + offset);
      count += found.level == 0 ? 1u : 0u;
      offset += Geometry<TypeParam>::Bytes(found.level);
    }
    return count;
  };
  std::uint64_t before = 0;
  for (std::uint64_t i = 1; i <= 8; ++i) {
    const VirtRange range{this->kAt + i * (7 * this->kLarge + this->kSmall), this->kSmall};
    ASSERT_TRUE(this->Set(test, range, SetDirectMapTo::kInvalid).ok());
    EXPECT_EQ(small_leaves(), before + 512);
    ASSERT_TRUE(this->Set(test, range, SetDirectMapTo::kDefault).ok());
    EXPECT_EQ(small_leaves(), before + 512);
    before += 512;
  }
}

}  // namespace
}  // namespace pageward::ptable
