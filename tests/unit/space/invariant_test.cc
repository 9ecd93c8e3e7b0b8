#include "runtime/space/invariant.h"

#include <gtest/gtest.h>

namespace pageward::space {
namespace {

TEST(InvariantTest, WhatHoldsPasses) {
  PW_SPACE_HOLDS("V1", 1 + 1 == 2, 0);
  EXPECT_TRUE(Holds("V1", true));
  EXPECT_FALSE(Holds("V1", false));
}

TEST(InvariantDeathTest, TheReportNamesNumberAndObject) {
  EXPECT_DEATH(PW_SPACE_HOLDS("V1", 1 + 1 == 3, 0x2a), "invariant broken: 0x2a .*\"V1\"");
}

}  // namespace
}  // namespace pageward::space
