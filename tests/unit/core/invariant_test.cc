#include "runtime/core/invariant.h"

#include <gtest/gtest.h>

namespace pageward {
namespace {

TEST(InvariantTest, WhatHoldsPasses) {
  PW_HOLDS("F2", 1 + 1 == 2, 0);
  EXPECT_TRUE(InvariantHolds("F2", true));
  EXPECT_FALSE(InvariantHolds("F2", false));
}

TEST(InvariantDeathTest, TheReportNamesNumberAndObject) {
  EXPECT_DEATH(PW_HOLDS("F2", 1 + 1 == 3, 0x2a), "invariant broken: 0x2a .*\"F2\"");
}

}  // namespace
}  // namespace pageward
