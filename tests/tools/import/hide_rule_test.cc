#include "tools/pageward/import/hide_rule.h"

#include <gtest/gtest.h>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

KmemEvent Allocation(std::string_view flags, frame::Mobility mobility) {
  return KmemEvent{.mobility = mobility, .gfp = *ParseGfpFlags(flags)};
}

const KmemEvent kUserPage =
    Allocation("GFP_HIGHUSER_MOVABLE|__GFP_ZERO", frame::Mobility::kMovable);
const KmemEvent kLargeUserPage = Allocation("GFP_TRANSHUGE_LIGHT", frame::Mobility::kMovable);
const KmemEvent kGuestPage = Allocation("GFP_HIGHUSER", frame::Mobility::kUnmovable);
const KmemEvent kKernelPage = Allocation("GFP_KERNEL|__GFP_ZERO", frame::Mobility::kUnmovable);
const KmemEvent kPageTable =
    Allocation("GFP_KERNEL_ACCOUNT|__GFP_ZERO", frame::Mobility::kUnmovable);
const KmemEvent kInode = Allocation("GFP_NOFS|__GFP_RECLAIMABLE", frame::Mobility::kReclaimable);

TEST(HideRuleTest, TheStandardHidesMemoryOfUsersAndNothingElse) {
  const HideRule rule(HideRule::kStandard);
  EXPECT_TRUE(rule.Hides(kUserPage));
  EXPECT_TRUE(rule.Hides(kLargeUserPage));
  EXPECT_TRUE(rule.Hides(kGuestPage));
  EXPECT_FALSE(rule.Hides(kKernelPage));
  EXPECT_FALSE(rule.Hides(kPageTable));
  EXPECT_FALSE(rule.Hides(kInode));
}

TEST(HideRuleTest, AllFlagsOfATermAreNeeded) {
  const HideRule rule("gfp:__GFP_ZERO+__GFP_MOVABLE");
  EXPECT_TRUE(rule.Hides(kUserPage));
  EXPECT_FALSE(rule.Hides(kLargeUserPage));
  EXPECT_FALSE(rule.Hides(kKernelPage));
}

TEST(HideRuleTest, OneOfSeveralTermsIsEnough) {
  const HideRule rule("gfp:__GFP_ACCOUNT,migratetype:reclaimable");
  EXPECT_TRUE(rule.Hides(kPageTable));
  EXPECT_TRUE(rule.Hides(kInode));
  EXPECT_FALSE(rule.Hides(kUserPage));
  EXPECT_EQ(rule.text(), "gfp:__GFP_ACCOUNT,migratetype:reclaimable");
}

TEST(HideRuleTest, AllAndNone) {
  EXPECT_TRUE(HideRule("all").Hides(kInode));
  EXPECT_FALSE(HideRule("none").Hides(kUserPage));
  EXPECT_TRUE(HideRule("none,user").Hides(kUserPage));
}

TEST(HideRuleTest, NonsenseIsRefused) {
  for (const char* const text :
       {"", ",", "user,", "users", "gfp:", "gfp:__GFP_TELEPATHY", "gfp:__GFP_ZERO+", "gfp:none",
        "migratetype:", "migratetype:9", "migratetype:isolate", "ALL", " user"}) {
    EXPECT_THROW(HideRule{text}, Failure) << text;
  }
}

}  // namespace
}  // namespace pageward::tool
