#include "runtime/core/lock_rank.h"

#include <gtest/gtest.h>

namespace pageward {
namespace {

TEST(LockRankTest, RanksMayGoUpAndBeGivenBackInAnyOrder) {
  NoteLockTaken(LockRank::kEngine);
  NoteLockTaken(LockRank::kZone);
  NoteLockReleased(LockRank::kEngine);
  NoteLockTaken(LockRank::kLeaf);
  NoteLockReleased(LockRank::kZone);
  NoteLockReleased(LockRank::kLeaf);
  NoteLockTaken(LockRank::kTest);
  NoteLockReleased(LockRank::kTest);
}

TEST(LockRankDeathTest, TheSameRankTwiceDies) {
  NoteLockTaken(LockRank::kZone);
  EXPECT_DEATH(NoteLockTaken(LockRank::kZone), "lock order");
  ForgetLocksHeld();
}

}  // namespace
}  // namespace pageward
