// Making something at most once, by whoever needs it first.
#pragma once

#include <atomic>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"

namespace pageward::space {

/// Knows whether something has been made. Thread-safe.
class PreparedOnce {
 public:
  explicit constexpr PreparedOnce(LockRank rank) : mutex_(rank) {}
  PreparedOnce(const PreparedOnce&) = delete;
  PreparedOnce& operator=(const PreparedOnce&) = delete;

  bool IsReady() const { return is_ready_.load(std::memory_order_acquire); }

  /// Calls `make()`, which returns a Status, unless it has succeeded before. Threads that come
  /// meanwhile wait. What it fails with is returned, and the next call tries again.
  template <typename Make>
  Status Prepare(Make make) PW_EXCLUDES(mutex_) {
    if (IsReady()) {
      return {};
    }
    MutexLock lock(mutex_);
    if (IsReady()) {
      return {};
    }
    const Status made = make();
    is_ready_.store(made.ok(), std::memory_order_release);
    return made;
  }

  /// Notes that it is gone. Requires: nobody uses it or prepares it.
  void Reset() { is_ready_.store(false, std::memory_order_release); }

 private:
  Mutex mutex_;
  std::atomic<bool> is_ready_{false};
};

}  // namespace pageward::space
