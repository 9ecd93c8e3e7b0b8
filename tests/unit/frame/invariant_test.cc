#include "runtime/frame/invariant.h"

#include <gtest/gtest.h>

namespace pageward::frame {
namespace {

TEST(InvariantTest, WhatHoldsPasses) {
  PW_FRAME_HOLDS("F2", 1 + 1 == 2, 0);
  EXPECT_TRUE(Holds("F2", true));
  EXPECT_FALSE(Holds("F2", false));
}

TEST(InvariantDeathTest, TheReportNamesNumberAndObject) {
  EXPECT_DEATH(PW_FRAME_HOLDS("F2", 1 + 1 == 3, 0x2a), "invariant broken: 0x2a .*\"F2\"");
}

}  // namespace
}  // namespace pageward::frame
