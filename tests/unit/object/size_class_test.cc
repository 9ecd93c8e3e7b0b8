#include "runtime/object/size_class.h"

#include <gtest/gtest.h>

namespace pageward::object {
namespace {

TEST(SizeClassTest, EachSizeGetsTheSmallestClassThatHoldsIt) {
  for (std::size_t bytes = 0; bytes <= kLargestCachedBytes; ++bytes) {
    const SizeClass size_class = ClassFor(bytes);
    EXPECT_GE(BytesOf(size_class), bytes);
    if (size_class.index() > 0) {
      EXPECT_LT(BytesOf(SizeClass(size_class.index() - 1)), bytes);
    }
  }
}

TEST(SizeClassTest, SizesRiseAndAreWholeGranules) {
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    EXPECT_EQ(BytesOf(SizeClass(i)) % kGranuleBytes, 0u) << i;
    if (i > 0) {
      EXPECT_GT(BytesOf(SizeClass(i)), BytesOf(SizeClass(i - 1)));
    }
  }
}

TEST(SizeClassTest, WasteStaysUnderAQuarterBeyondTheFirstClasses) {
  for (std::size_t i = 4; i < kSizeClassCount; ++i) {
    EXPECT_LE(BytesOf(SizeClass(i)) * 4, BytesOf(SizeClass(i - 1)) * 5) << i;
  }
}

TEST(SizeClassTest, KnowsTheClassesOfSlabs) {
  EXPECT_TRUE(ClassFor(kLargestSlabObjectBytes).IsSlab());
  EXPECT_FALSE(ClassFor(kLargestSlabObjectBytes + 1).IsSlab());
  EXPECT_EQ(BytesOf(ClassFor(kLargestSlabObjectBytes + 1)), 16384u);
}

TEST(SizeClassTest, ARoundedSizeFindsAClassThatTheAlignmentDivides) {
  for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    for (std::size_t bytes = 0; bytes <= kLargestSlabObjectBytes; ++bytes) {
      const std::size_t rounded = BytesForAlignment(bytes, alignment);
      if (rounded <= kLargestSlabObjectBytes) {
        ASSERT_EQ(BytesOf(ClassFor(rounded)) % alignment, 0u) << bytes << " at " << alignment;
        ASSERT_GE(BytesOf(ClassFor(rounded)), bytes);
      }
    }
  }
}

}  // namespace
}  // namespace pageward::object
