// The arithmetic of tables, against what counting gives. The laws of formats are in the conformance
// suite.
#include "runtime/ptable/format.h"

#include <gtest/gtest.h>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::FormatNames;
using testing_support::X86FiveLevels;
using testing_support::X86FourLevels;

template <typename Format>
class GeometryTest : public testing::Test {};
TYPED_TEST_SUITE(GeometryTest, testing_support::AllFormats, FormatNames);

TYPED_TEST(GeometryTest, AnEntryStandsForAllEntriesOfTheTableBelow) {
  using Shape = Geometry<TypeParam>;
  EXPECT_EQ(Shape::Bytes(0), kFrameBytes);
  for (unsigned level = 1; level < TypeParam::kLevels; ++level) {
    EXPECT_EQ(Shape::Bytes(level), Shape::Bytes(level - 1) * Shape::Entries(level - 1)) << level;
  }
  const unsigned top = Shape::kTopLevel;
  EXPECT_EQ(std::uint64_t{1} << Shape::kAddressBits, Shape::Bytes(top) * Shape::Entries(top));
}

TYPED_TEST(GeometryTest, IndicesMakeUpTheAddress) {
  using Shape = Geometry<TypeParam>;
  for (const VirtRange half : testing_support::TestTable<TypeParam>::Halves()) {
    for (const VirtAddr at :
         {half.begin, half.begin + 0x1234'5678, half.begin + half.bytes / 3, LastOf(half)}) {
      std::uint64_t sum = at.value() % kFrameBytes;
      for (unsigned level = 0; level < TypeParam::kLevels; ++level) {
        EXPECT_LT(Shape::Index(level, at), Shape::Entries(level));
        sum += Shape::Index(level, at) * Shape::Bytes(level);
      }
      EXPECT_EQ(sum, at.value() & ((std::uint64_t{1} << Shape::kAddressBits) - 1));
    }
  }
}

TYPED_TEST(GeometryTest, TheEntryRangeHoldsTheAddress) {
  using Shape = Geometry<TypeParam>;
  for (const VirtRange half : testing_support::TestTable<TypeParam>::Halves()) {
    for (unsigned level = 0; level < TypeParam::kLevels; ++level) {
      const VirtRange range = Shape::EntryRange(level, LastOf(half));
      EXPECT_EQ(range.bytes, Shape::Bytes(level));
      EXPECT_TRUE(range.Contains(LastOf(half)));
      EXPECT_EQ(LastOf(range), LastOf(half));
    }
  }
}

TYPED_TEST(GeometryTest, AllOfEachHalfCanBeTranslatedAndNothingBeside) {
  using Shape = Geometry<TypeParam>;
  for (const VirtRange half : testing_support::TestTable<TypeParam>::Halves()) {
    EXPECT_TRUE(Shape::Contains(half));
    EXPECT_TRUE(Shape::Contains(half.begin));
    EXPECT_TRUE(Shape::Contains(LastOf(half)));
    const VirtRange first_page{half.begin, kFrameBytes};
    const VirtRange last_page{half.end() - kFrameBytes, kFrameBytes};
    EXPECT_TRUE(Shape::Contains(first_page));
    EXPECT_TRUE(Shape::Contains(last_page));
    EXPECT_FALSE(Shape::Contains(VirtRange{last_page.begin, 2 * kFrameBytes}));
    EXPECT_FALSE(Shape::Contains(VirtRange{first_page.begin - kFrameBytes, 2 * kFrameBytes}));
    EXPECT_FALSE(Shape::Contains(VirtRange{half.begin, 0}));
    EXPECT_FALSE(Shape::Contains(VirtRange{half.begin, kFrameBytes + 1}));
    EXPECT_FALSE(Shape::Contains(VirtRange{half.begin + 8, kFrameBytes}));
  }
}

TEST(FormatTest, TheHoleBelongsToNeitherHalf) {
  EXPECT_FALSE(Geometry<X86FourLevels>::Contains(VirtAddr(0x0000'8000'0000'0000)));
  EXPECT_FALSE(Geometry<X86FourLevels>::Contains(VirtAddr(0xffff'7fff'ffff'f000)));
  EXPECT_FALSE(Geometry<X86FiveLevels>::Contains(VirtAddr(0x0100'0000'0000'0000)));
  EXPECT_FALSE(Geometry<ExemplarFormat>::Contains(VirtAddr(0x1'0000'0000)));
  // From the lower half into the upper one, whose table entries are neighbours.
  EXPECT_FALSE(Geometry<X86FourLevels>::Contains(
      VirtRange{VirtAddr(0x0000'7fff'ffff'f000), 0xffff'0000'0000'2000}));
}

TEST(FormatTest, SizesOfX86PagesAreThoseOfTheManual) {
  EXPECT_EQ(Geometry<X86FourLevels>::Bytes(1), std::uint64_t{2} << 20);
  EXPECT_EQ(Geometry<X86FourLevels>::Bytes(2), std::uint64_t{1} << 30);
  EXPECT_EQ(Geometry<X86FourLevels>::kAddressBits, 48u);
  EXPECT_EQ(Geometry<X86FiveLevels>::kAddressBits, 57u);
}

struct NoFormat {};

TEST(FormatTest, TheConceptRefusesWhatIsNoFormat) {
  EXPECT_FALSE(PageTableFormat<NoFormat>);
  EXPECT_TRUE(PageTableFormat<ExemplarFormat>);
}

}  // namespace
}  // namespace pageward::ptable
