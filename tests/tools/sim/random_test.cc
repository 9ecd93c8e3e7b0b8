#include "tools/pageward/sim/random.h"

#include <gtest/gtest.h>

namespace pageward::tool {
namespace {

// The first numbers of the published generator for this seed.
TEST(RandomTest, IsTheSameEverywhere) {
  Random random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
}

TEST(RandomTest, StaysBelowALimit) {
  Random random(1);
  bool seen[3] = {};
  for (int i = 0; i < 100; ++i) {
    seen[random.Below(3)] = true;
  }
  EXPECT_TRUE(seen[0] && seen[1] && seen[2]);
}

}  // namespace
}  // namespace pageward::tool
