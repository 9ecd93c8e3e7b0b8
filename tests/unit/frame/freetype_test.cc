#include "runtime/frame/freetype.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "tests/support/frame/fake_converter.h"

namespace pageward::frame {
namespace {

constexpr std::array kMobilities{Mobility::kUnmovable, Mobility::kMovable, Mobility::kReclaimable};
constexpr OwnerId kOwner{7};

// Spec: T1
TEST(FreetypeTest, IndexesAreDenseUniqueAndInRange) {
  std::set<std::size_t> seen;
  for (const Mobility mobility : kMobilities) {
    const auto index = IndexOf(Freetype::Mapped(mobility));
    ASSERT_TRUE(index.has_value());
    seen.insert(index->value());
  }
  ASSERT_TRUE(IndexOf(Freetype::Unmapped()).has_value());
  seen.insert(IndexOf(Freetype::Unmapped())->value());
  EXPECT_EQ(seen, (std::set<std::size_t>{0, 1, 2, 3}));
  EXPECT_EQ(kCentralTypeCount, 4u);
}

// Spec: T1
TEST(FreetypeTest, OnlyUnmovableUnmappedMemoryHasAnIndex) {
  for (const Mobility mobility : {Mobility::kMovable, Mobility::kReclaimable}) {
    EXPECT_EQ(IndexOf(Freetype::Unmapped().With(mobility)), std::nullopt);
    EXPECT_FALSE(HasLists(Freetype::Unmapped().With(mobility)));
  }
}

TEST(FreetypeTest, KeyedMemoryHasListsAtItsOwnerAndNoIndex) {
  EXPECT_TRUE(HasLists(Freetype::Keyed(kOwner)));
  EXPECT_EQ(IndexOf(Freetype::Keyed(kOwner)), std::nullopt);
  EXPECT_FALSE(HasLists(Freetype::Keyed(kOwner).With(Mobility::kMovable)));
}

TEST(FreetypeTest, AnOwnerIsThereExactlyIfMemoryIsKeyed) {
  EXPECT_FALSE(HasLists(Freetype::Keyed(kNoOwner)));
  EXPECT_FALSE(HasLists(Freetype{Mobility::kMovable, Visibility::kMapped, kOwner}));
  EXPECT_FALSE(HasLists(Freetype{Mobility::kUnmovable, Visibility::kUnmapped, kOwner}));
}

TEST(FreetypeTest, NumbersThatAreNoEnumeratorsHaveNoLists) {
  EXPECT_FALSE(HasLists(Freetype::Mapped(static_cast<Mobility>(kMobilityCount))));
  const auto visibility = static_cast<Visibility>(kVisibilityCount);
  EXPECT_FALSE(HasLists(Freetype{Mobility::kUnmovable, visibility, kNoOwner}));
}

// Spec: T2
TEST(FreetypeTest, EveryIndexLeadsToItsTypeAndBack) {
  for (std::size_t value = 0; value < kCentralTypeCount; ++value) {
    const FreetypeIndex index(value);
    EXPECT_EQ(IndexOf(FreetypeAt(index)), index);
    EXPECT_TRUE(HasLists(FreetypeAt(index)));
  }
}

// Spec: T3
TEST(FreetypeTest, TypesThatDifferInVisibilityOnlyAreUnequal) {
  EXPECT_NE(Freetype::Mapped(Mobility::kUnmovable), Freetype::Unmapped());
  EXPECT_NE(Freetype::Mapped(Mobility::kUnmovable), Freetype::Keyed(kOwner));
  EXPECT_NE(Freetype::Unmapped(), Freetype::Keyed(kOwner));
  EXPECT_NE(Freetype::Keyed(kOwner), Freetype::Keyed(OwnerId(8)));
}

TEST(FreetypeTest, AnotherMobilityKeepsVisibilityAndOwner) {
  const Freetype type = Freetype::Keyed(kOwner).With(Mobility::kMovable);
  EXPECT_EQ(type, (Freetype{Mobility::kMovable, Visibility::kKeyed, kOwner}));
}

TEST(FreetypeTest, MobilitiesMergeButVisibilitiesAndOwnersDoNot) {
  EXPECT_TRUE(
      CanMerge(Freetype::Mapped(Mobility::kMovable), Freetype::Mapped(Mobility::kUnmovable)));
  EXPECT_TRUE(CanMerge(Freetype::Keyed(kOwner), Freetype::Keyed(kOwner)));
  EXPECT_FALSE(CanMerge(Freetype::Mapped(Mobility::kUnmovable), Freetype::Unmapped()));
  EXPECT_FALSE(CanMerge(Freetype::Unmapped(), Freetype::Keyed(kOwner)));
  EXPECT_FALSE(CanMerge(Freetype::Keyed(kOwner), Freetype::Keyed(OwnerId(8))));
}

// A zone starts out zero, and zero must be what everybody can use.
TEST(FreetypeTest, ZeroIsMapped) {
  EXPECT_EQ(Visibility{}, Visibility::kMapped);
}

}  // namespace
}  // namespace pageward::frame
