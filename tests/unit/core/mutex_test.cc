#include "runtime/core/mutex.h"

#include <gtest/gtest.h>

#include <thread>

namespace pageward {
namespace {

bool TryOnce(Mutex& mutex) {
  if (mutex.TryLock()) {
    mutex.Unlock();
    return true;
  }
  return false;
}

TEST(MutexTest, ExcludesOtherThreads) {
  Mutex mutex(LockRank::kTest);
  MutexLock lock(mutex);
  bool was_free = true;
  std::thread other([&] { was_free = TryOnce(mutex); });
  other.join();
  EXPECT_FALSE(was_free);
}

TEST(MutexTest, CountsWithoutLoss) {
  Mutex mutex(LockRank::kTest);
  int count = 0;
  const auto work = [&] {
    for (int i = 0; i < 10000; ++i) {
      MutexLock lock(mutex);
      ++count;
    }
  };
  std::thread a(work);
  std::thread b(work);
  a.join();
  b.join();
  EXPECT_EQ(count, 20000);
}

// What a fork child finds: a lock whose holder is not there any more.
void TakeAndForget(Mutex& mutex) PW_NO_THREAD_SAFETY_ANALYSIS {
  mutex.Lock();
  mutex.ReinitializeAfterFork();
  ForgetLocksHeld();
}

TEST(MutexTest, IsFreeAgainAfterAFork) {
  Mutex mutex(LockRank::kTest);
  TakeAndForget(mutex);
  EXPECT_TRUE(TryOnce(mutex));
}

#if PW_CHECK_LEVEL >= 1
TEST(MutexDeathTest, DiesWhenRanksGoDown) {
  Mutex upper(LockRank::kEngine);
  Mutex lower(LockRank::kZone);
  EXPECT_DEATH(
      {
        MutexLock first(lower);
        MutexLock second(upper);
      },
      "lock order");
}

TEST(MutexDeathTest, DiesWhenALockIsGivenBackThatIsNotHeld) {
  EXPECT_DEATH(NoteLockReleased(LockRank::kZone), "lock order");
}
#endif

}  // namespace
}  // namespace pageward
