#include "runtime/core/check.h"

#include <gtest/gtest.h>

namespace pageward {
namespace {

struct Checked {
  void CheckInvariants() const { PW_CHECK(is_sound, Violation::kInvariant, 1); }
  bool is_sound = true;
};

constexpr int Halve(int even) {
  PW_ASSERT(even % 2 == 0);
  return even / 2;
}
static_assert(Halve(4) == 2, "checks are usable in constant expressions");

TEST(CheckTest, WhatHoldsIsSilent) {
  PW_CHECK(true, Violation::kInvariant, 0);
  PW_ASSERT(true);
  PW_INVARIANT(Checked{});
}

TEST(CheckTest, SwitchedOffAssertionsDoNotEvaluateTheirArgument) {
  int evaluations = 0;
  PW_ASSERT(++evaluations > 0);
  EXPECT_EQ(evaluations, PW_CHECK_LEVEL >= 1 ? 1 : 0);
}

TEST(CheckDeathTest, ChecksAreOnAtEveryLevel) {
  EXPECT_DEATH(PW_CHECK(false, Violation::kForeignPointer, 1), "foreign pointer");
}

#if PW_CHECK_LEVEL >= 2
TEST(CheckDeathTest, ParanoidBuildsWalkTheObject) {
  EXPECT_DEATH(PW_INVARIANT(Checked{false}), "invariant broken");
}
#endif

}  // namespace
}  // namespace pageward
