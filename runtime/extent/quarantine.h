// Freed runs that wait before their frames may be used again.
//
// A program that still holds a pointer to freed memory faults as long as the memory waits here.
// First in, first out, and bounded by bytes: what is pushed over the bound takes the oldest out.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/core/mutex.h"
#include "runtime/core/units.h"

namespace pageward::extent {

/// A queue of runs. They stay runs of the page allocator while they wait, so that freeing one again
/// can be told from freeing one that is in use: Contains().
///
/// Thread-safe (lock rank kQuarantine). Never allocates.
///
/// Invariants, checked by CheckInvariants():
///   Q1  waiting frames = the sum over the queue <= the bound
///   Q2  no two waiting runs overlap
class Quarantine {
 public:
  static constexpr std::size_t kMostRuns = 1024;

  /// Holds runs of up to `most` frames together. Zero: nothing ever waits.
  explicit constexpr Quarantine(FrameCount most) : most_(most) {}
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  /// Lets `run` wait and calls `release(FrameRange)`, without the lock, for each run whose time has
  /// come: the oldest ones, or `run` itself if it is larger than the whole quarantine.
  template <typename Release>
  void Push(FrameRange run, Release release) PW_EXCLUDES(mutex_) {
    if (run.count > most_) {
      release(run);
      return;
    }
    for (FrameRange oldest = TakeUnlessItFits(run); !oldest.IsEmpty();
         oldest = TakeUnlessItFits(run)) {
      release(oldest);
    }
  }

  /// Ends every wait.
  template <typename Release>
  void Flush(Release release) PW_EXCLUDES(mutex_) {
    for (FrameRange oldest = TakeOldest(); !oldest.IsEmpty(); oldest = TakeOldest()) {
      release(oldest);
    }
  }

  /// Returns whether `frame` lies in a waiting run. Linear in the number of runs: for reports, and
  /// for frees in profiles that have a quarantine.
  bool Contains(FrameNumber frame) const PW_EXCLUDES(mutex_);

  bool IsOff() const { return most_ == FrameCount(0); }
  FrameCount waiting() const PW_EXCLUDES(mutex_);

  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }

  void CheckInvariants() const PW_EXCLUDES(mutex_);

 private:
  // Puts `run` into the queue and returns nothing, if there is room; else takes the oldest out.
  FrameRange TakeUnlessItFits(FrameRange run) PW_EXCLUDES(mutex_);
  FrameRange TakeOldest() PW_EXCLUDES(mutex_);
  FrameRange TakeOldestLocked() PW_REQUIRES(mutex_);

  const FrameCount most_;
  mutable Mutex mutex_{LockRank::kQuarantine};
  std::array<FrameRange, kMostRuns> runs_ PW_GUARDED_BY(mutex_) = {};
  std::size_t first_ PW_GUARDED_BY(mutex_) = 0;
  std::size_t count_ PW_GUARDED_BY(mutex_) = 0;
  FrameCount waiting_ PW_GUARDED_BY(mutex_);
};

}  // namespace pageward::extent
