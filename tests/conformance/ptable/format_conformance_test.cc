// The laws of runtime/ptable/format.h, for every format, at every level, for the attributes one by
// one and together, at the first, the last and a boundary place of the address space.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::ForEachLeafLevel;
using testing_support::TestTable;

// Everything that leaves can say, or nearly: each yes and no, and keys with each bit.
std::vector<LeafAttributes> SomeOfAllAttributes() {
  std::vector<LeafAttributes> all;
  for (unsigned bits = 0; bits < 1u << 7; ++bits) {
    for (const unsigned key : {0u, 1u, 6u, 15u}) {
      const auto bit = [bits](unsigned index) { return (bits >> index & 1) != 0; };
      all.push_back(LeafAttributes{.permissions = {.is_readable = bit(0),
                                                   .is_writable = bit(1),
                                                   .is_executable = bit(2),
                                                   .is_user = bit(3),
                                                   .key = arch::Pkey(key)},
                                   .is_global = bit(4),
                                   .is_accessed = bit(5),
                                   .is_dirty = bit(6)});
    }
  }
  return all;
}

template <typename Format>
class FormatConformanceTest : public testing::Test {
 protected:
  using Shape = Geometry<Format>;

  // Places in physical memory that a leaf of `level` can be at: the first and the last.
  static std::vector<PhysAddr> FramesFor(unsigned level) {
    const std::uint64_t bytes = Shape::Bytes(level);
    PhysAddr last(std::uint64_t{1} << 63);
    while (!kFormat.CanMap(level, VirtAddr(0), last, LeafAttributes{})) {
      last = PhysAddr(last.value() >> 1);
    }
    return {PhysAddr(0), PhysAddr(bytes), last, last + (last - PhysAddr(bytes))};
  }

  // Calls `body(level, at, frame, attributes, word)` for every leaf that can be made.
  template <typename Body>
  void ForEachLeaf(Body body) {
    ForEachLeafLevel<Format>([&](unsigned level) {
      for (const VirtAddr at : TestTable<Format>::PlacesFor(level)) {
        for (const PhysAddr frame : FramesFor(level)) {
          for (const LeafAttributes& attributes : SomeOfAllAttributes()) {
            if (kFormat.CanMap(level, at, frame, attributes)) {
              body(level, at, frame, attributes, kFormat.LeafEntry(level, frame, attributes));
            }
          }
        }
      }
    });
  }

  static constexpr Format kFormat{};
};
TYPED_TEST_SUITE(FormatConformanceTest, testing_support::AllFormats, testing_support::FormatNames);

TYPED_TEST(FormatConformanceTest, LevelsAreWithinTheLimits) {
  EXPECT_GE(TypeParam::kLevels, 1u);
  EXPECT_LE(unsigned{TypeParam::kLevels}, kMaxLevels);
  for (unsigned level = 0; level < TypeParam::kLevels; ++level) {
    if (level + 1 < TypeParam::kLevels) {
      EXPECT_EQ(TypeParam::IndexBits(level), 9u) << level;
    }
    EXPECT_LE(TypeParam::IndexBits(level), 9u) << level;
    EXPECT_LE(TypeParam::HasLeaves(level), level == 0 || TypeParam::HasLeaves(level - 1)) << level;
  }
  EXPECT_TRUE(TypeParam::HasLeaves(0));
}

TYPED_TEST(FormatConformanceTest, ZeroIsAbsentAndNothingElseIs) {
  for (unsigned level = 0; level < TypeParam::kLevels; ++level) {
    EXPECT_TRUE(this->kFormat.Decode(level, 0).IsAbsent()) << level;
  }
  this->ForEachLeaf(
      [&](unsigned level, VirtAddr, PhysAddr, const LeafAttributes&, std::uint64_t word) {
        ASSERT_NE(word, 0u) << level;
        ASSERT_FALSE(this->kFormat.Decode(level, word).IsAbsent()) << level;
      });
}

TYPED_TEST(FormatConformanceTest, ALeafDecodesToWhatItWasMadeFrom) {
  this->ForEachLeaf([&](unsigned level, VirtAddr, PhysAddr frame, const LeafAttributes& attributes,
                        std::uint64_t word) {
    const Entry entry = this->kFormat.Decode(level, word);
    ASSERT_TRUE(entry.IsLeaf()) << level;
    ASSERT_EQ(entry.frame(), frame) << level;
    ASSERT_EQ(entry.attributes(), attributes) << level;
    ASSERT_TRUE(this->kFormat.IsWellFormed(level, word)) << level;
  });
}

TYPED_TEST(FormatConformanceTest, ATableDecodesToWhatItWasMadeFrom) {
  for (unsigned level = 1; level < TypeParam::kLevels; ++level) {
    for (const VirtAddr at : TestTable<TypeParam>::PlacesFor(0)) {
      for (const PhysAddr table : this->FramesFor(0)) {
        const std::uint64_t word = this->kFormat.TableEntry(at, table);
        const Entry entry = this->kFormat.Decode(level, word);
        ASSERT_TRUE(entry.IsTable()) << level;
        EXPECT_EQ(entry.table(), table) << level;
        EXPECT_TRUE(this->kFormat.IsWellFormed(level, word)) << level;
      }
    }
  }
}

TYPED_TEST(FormatConformanceTest, APartMapsItsShareAndPermitsTheSame) {
  this->ForEachLeaf([&](unsigned level, VirtAddr, PhysAddr frame, const LeafAttributes& attributes,
                        std::uint64_t word) {
    if (level == 0) {
      return;
    }
    const unsigned last = Geometry<TypeParam>::Entries(level - 1) - 1;
    for (const unsigned index : {0u, 1u, last}) {
      const std::uint64_t part = this->kFormat.Part(level, word, index);
      const Entry entry = this->kFormat.Decode(level - 1, part);
      ASSERT_TRUE(entry.IsLeaf()) << level;
      ASSERT_EQ(entry.frame(), frame + index * Geometry<TypeParam>::Bytes(level - 1));
      ASSERT_EQ(entry.attributes(), attributes);
      ASSERT_TRUE(this->kFormat.IsWellFormed(level - 1, part)) << level;
    }
    ASSERT_EQ(this->kFormat.Whole(level, this->kFormat.Part(level, word, 0)), word) << level;
  });
}

TYPED_TEST(FormatConformanceTest, ChangingPermissionsAndUsageChangesNothingElse) {
  const std::vector<LeafAttributes> all = SomeOfAllAttributes();
  this->ForEachLeaf([&](unsigned level, VirtAddr at, PhysAddr frame, const LeafAttributes& before,
                        std::uint64_t word) {
    // Each against a few others: far apart in the list, so that many bits change at once.
    for (std::size_t i = 0; i < all.size(); i += 97) {
      const LeafAttributes& after = all[i];
      if (!this->kFormat.CanMap(level, at, frame, after)) {
        continue;
      }
      LeafAttributes expected = before;
      expected.permissions = after.permissions;
      const std::uint64_t permitted = this->kFormat.WithPermissions(level, word, after.permissions);
      ASSERT_EQ(permitted, this->kFormat.LeafEntry(level, frame, expected)) << level;
      expected.is_accessed = after.is_accessed;
      expected.is_dirty = after.is_dirty;
      ASSERT_EQ(this->kFormat.WithUsage(permitted, after),
                this->kFormat.LeafEntry(level, frame, expected))
          << level;
    }
  });
}

TYPED_TEST(FormatConformanceTest, AFrameOffItsAlignmentCannotBeMapped) {
  ForEachLeafLevel<TypeParam>([&](unsigned level) {
    const PhysAddr odd(Geometry<TypeParam>::Bytes(level) / 2);
    EXPECT_FALSE(this->kFormat.CanMap(level, VirtAddr(0), odd, LeafAttributes{}));
  });
}

}  // namespace
}  // namespace pageward::ptable
