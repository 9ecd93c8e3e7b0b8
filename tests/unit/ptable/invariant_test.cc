#include "runtime/ptable/invariant.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

TEST(InvariantTest, WhatHoldsPasses) {
  PW_PTABLE_HOLDS("P1", 1 + 1 == 2, 0);
  EXPECT_TRUE(Holds("P1", true));
  EXPECT_FALSE(Holds("P1", false));
}

TEST(InvariantDeathTest, TheReportNamesNumberAndObject) {
  EXPECT_DEATH(PW_PTABLE_HOLDS("P1", 1 + 1 == 3, 0x2a), "invariant broken: 0x2a .*\"P1\"");
}

}  // namespace
}  // namespace pageward::ptable
