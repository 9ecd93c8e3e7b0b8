#include "tools/pageward/import/gfp_flags.h"

#include <gtest/gtest.h>

namespace pageward::tool {
namespace {

using Flag = GfpFlags::Flag;

TEST(GfpFlagsTest, ACombinationHasItsFlagsWhateverStandsBesideIt) {
  const auto flags = ParseGfpFlags("GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP");
  ASSERT_TRUE(flags.has_value());
  for (const Flag flag : {Flag::kHighmem, Flag::kMovable, Flag::kHardwall, Flag::kDirectReclaim,
                          Flag::kIo, Flag::kFs, Flag::kZero, Flag::kComp}) {
    EXPECT_TRUE(flags->Has(flag)) << static_cast<int>(flag);
  }
  EXPECT_FALSE(flags->Has(Flag::kAccount));
  EXPECT_FALSE(flags->Has(Flag::kUnknown));
}

TEST(GfpFlagsTest, ALargePageOfAUserMayDoWithoutReclaim) {
  EXPECT_FALSE(ParseGfpFlags("GFP_TRANSHUGE_LIGHT")->Has(Flag::kDirectReclaim));
  EXPECT_TRUE(ParseGfpFlags("GFP_TRANSHUGE")->Has(Flag::kDirectReclaim));
}

TEST(GfpFlagsTest, ANumberMeansWhatKernelsFrom50OnMean) {
  // From the message of the commit that gave these events their names back, 60295b944ff6: the same
  // flags before it and after.
  EXPECT_EQ(ParseGfpFlags("0x140cca"), ParseGfpFlags("GFP_HIGHUSER_MOVABLE|__GFP_COMP"));
  EXPECT_EQ(ParseGfpFlags("1313994"), ParseGfpFlags("0x140cca"));
}

TEST(GfpFlagsTest, ANumberMayStandBesideNames) {
  EXPECT_EQ(ParseGfpFlags("GFP_KERNEL|0x100"), ParseGfpFlags("GFP_KERNEL|__GFP_ZERO"));
  EXPECT_TRUE(ParseGfpFlags("GFP_KERNEL|0x4000000")->Has(Flag::kUnknown));
}

TEST(GfpFlagsTest, FormerNamesMeanTheirSuccessors) {
  EXPECT_EQ(ParseGfpFlags("__GFP_REPEAT"), ParseGfpFlags("__GFP_RETRY_MAYFAIL"));
  EXPECT_EQ(ParseGfpFlags("__GFP_WAIT|__GFP_IO"), ParseGfpFlags("GFP_NOFS"));
}

TEST(GfpFlagsTest, AFlagThatNobodyKnowsYetIsUnknownAndNoError) {
  const auto flags = ParseGfpFlags("GFP_KERNEL|__GFP_TELEPATHY");
  ASSERT_TRUE(flags.has_value());
  EXPECT_TRUE(flags->Has(Flag::kUnknown));
  EXPECT_TRUE(flags->Has(Flag::kIo));
}

TEST(GfpFlagsTest, NoFlagsAreSpelledNone) {
  EXPECT_EQ(ParseGfpFlags("none"), GfpFlags());
}

TEST(GfpFlagsTest, WhatIsNeitherNameNorNumberIsRefused) {
  for (const char* const text : {"", "|", "GFP_KERNEL|", "GFP_KERNEL||__GFP_ZERO", "0x", "0xzz",
                                 "kernel", "99999999999999999999999", "-1"}) {
    EXPECT_FALSE(ParseGfpFlags(text).has_value()) << text;
  }
}

TEST(GfpFlagsTest, OnlyKnownNamesCanBeAskedFor) {
  EXPECT_TRUE(GfpFlagsNamed("__GFP_UNMAPPED").has_value());
  EXPECT_TRUE(GfpFlagsNamed("GFP_USER").has_value());
  EXPECT_FALSE(GfpFlagsNamed("__GFP_TELEPATHY").has_value());
  EXPECT_FALSE(GfpFlagsNamed("ZERO").has_value());
  EXPECT_FALSE(GfpFlagsNamed("0x100").has_value());
}

}  // namespace
}  // namespace pageward::tool
