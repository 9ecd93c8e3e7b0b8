// Small freed runs that wait to be put out of reach together.
//
// Slabs come and go in numbers, and putting each one out of reach is a system call that costs more
// than all else about it. A few wait here instead: neighbours are closed with one call, and a run
// that is wanted again meanwhile costs nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/mutex.h"
#include "runtime/core/units.h"

namespace pageward::extent {

/// Holds up to kMost runs of up to kMostFrames frames in all, with their contents. They stay runs
/// of the page allocator meanwhile, so that freeing one again can be told from freeing one that is
/// in use: Contains().
///
/// Thread-safe (lock rank kClosingRuns). Never allocates.
///
/// Invariants, checked by CheckInvariants():
///   E1  no run is empty, and no two overlap
///   E2  the runs together have held() frames, which is at most kMostFrames
class ClosingRuns {
 public:
  static constexpr std::size_t kMost = 32;
  static constexpr FrameCount kMostFrames{64};
  /// How many leave together, the oldest first, when there is no room.
  static constexpr std::size_t kBatch = kMost / 2;

  /// Runs that left, in the order of their addresses.
  class Batch {
   public:
    std::span<const FrameRange> runs() const { return std::span(runs_).first(count_); }

   private:
    friend class ClosingRuns;
    void Insert(FrameRange run);

    std::array<FrameRange, kMost> runs_ = {};
    std::size_t count_ = 0;
  };

  constexpr ClosingRuns() = default;
  ClosingRuns(const ClosingRuns&) = delete;
  ClosingRuns& operator=(const ClosingRuns&) = delete;

  /// Adds `run`, which has at most kMostFrames frames. What leaves for it is the caller's then.
  Batch Put(FrameRange run) PW_EXCLUDES(mutex_);

  /// Takes the newest run of exactly `count` frames at a multiple of `alignment`, if there is one.
  std::optional<FrameRange> Take(FrameCount count, Order alignment) PW_EXCLUDES(mutex_);

  /// Lets all of them leave.
  Batch TakeAll() PW_EXCLUDES(mutex_);

  bool Contains(FrameNumber frame) const PW_EXCLUDES(mutex_);
  FrameCount held() const PW_EXCLUDES(mutex_);

  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }

  void CheckInvariants() const PW_EXCLUDES(mutex_);

 private:
  void LetOldestLeave(std::size_t count, Batch& batch) PW_REQUIRES(mutex_);

  mutable Mutex mutex_{LockRank::kClosingRuns};
  // The oldest first.
  std::array<FrameRange, kMost> runs_ PW_GUARDED_BY(mutex_) = {};
  std::size_t count_ PW_GUARDED_BY(mutex_) = 0;
  FrameCount held_ PW_GUARDED_BY(mutex_);
};

}  // namespace pageward::extent
