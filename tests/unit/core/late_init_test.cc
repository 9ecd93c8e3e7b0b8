#include "runtime/core/late_init.h"

#include <gtest/gtest.h>

namespace pageward {
namespace {

struct Pair {
  Pair(int a, int b) : first(a), second(b) {}
  ~Pair() { ADD_FAILURE() << "a late-made global is never destroyed"; }
  int first;
  int second;
};

constinit LateInit<Pair> g_pair;

TEST(LateInitTest, IsAbsentUntilItIsMade) {
  ASSERT_FALSE(g_pair.IsMade());
  g_pair.Emplace(1, 2);
  ASSERT_TRUE(g_pair.IsMade());
  EXPECT_EQ(g_pair->first, 1);
  EXPECT_EQ((*g_pair).second, 2);
}

#if PW_CHECK_LEVEL >= 1
TEST(LateInitDeathTest, DiesWhenItIsUsedTooEarly) {
  LateInit<int> absent;
  EXPECT_DEATH(static_cast<void>(*absent), "is_made_");
}
#endif

}  // namespace
}  // namespace pageward
