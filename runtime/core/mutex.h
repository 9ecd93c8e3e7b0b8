// A mutex with a place in the lock order, usable before any constructor has run.
#pragma once

#include <pthread.h>

#include "runtime/core/check.h"
#include "runtime/core/lock_rank.h"
#include "runtime/core/thread_annotations.h"

namespace pageward {

/// Mutual exclusion between threads of this process.
///
/// POSIX's mutex, because std::mutex brings libstdc++'s exceptions with it. From check level
/// `debug` on, taking locks against the order of LockRank is a death.
class PW_CAPABILITY("mutex") Mutex {
 public:
  explicit constexpr Mutex(LockRank rank) : rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() PW_ACQUIRE() {
    NoteTaken();
    pthread_mutex_lock(&native_);
  }

  /// Returns whether the lock was free and is now held.
  [[nodiscard]] bool TryLock() PW_TRY_ACQUIRE(true) {
    if (pthread_mutex_trylock(&native_) != 0) {
      return false;
    }
    NoteTaken();
    return true;
  }

  void Unlock() PW_RELEASE() {
    pthread_mutex_unlock(&native_);
    NoteReleased();
  }

  /// Makes the lock anew, free. Only for a fork child, where its holder does not exist.
  void ReinitializeAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS {
    native_ = pthread_mutex_t PTHREAD_MUTEX_INITIALIZER;
  }

 private:
  void NoteTaken() {
    if constexpr (PW_CHECK_LEVEL >= 1) {
      NoteLockTaken(rank_);
    }
  }
  void NoteReleased() {
    if constexpr (PW_CHECK_LEVEL >= 1) {
      NoteLockReleased(rank_);
    }
  }

  pthread_mutex_t native_ = PTHREAD_MUTEX_INITIALIZER;
  LockRank rank_;
};

/// Holds a mutex for a scope.
class PW_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) PW_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() PW_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace pageward
