// Which frames are still shown by a view that has been put and not flushed.
//
// A frame must not go back to the allocator while that is so: whoever gets it next could be read
// through the old view. One number for each frame answers it without a search.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/check.h"
#include "runtime/core/units.h"

namespace pageward::space {

/// Counts the stale views of each frame. Thread-safe.
class StaleFrames {
 public:
  /// Requires: `counts` has a number for each frame of the zone, zero at first.
  explicit StaleFrames(std::span<std::uint32_t> counts) : counts_(counts) {}
  StaleFrames(const StaleFrames&) = delete;
  StaleFrames& operator=(const StaleFrames&) = delete;

  /// Notes that one more view of `frame` is stale, or one less.
  ///
  /// Dies with Violation::kForeignFrame if there is no such frame.
  void Add(FrameNumber frame) { __atomic_fetch_add(&CountOf(frame), 1, __ATOMIC_RELAXED); }
  void Remove(FrameNumber frame) { __atomic_fetch_sub(&CountOf(frame), 1, __ATOMIC_RELAXED); }

  /// Returns whether any view of `frame` is stale.
  bool Contains(FrameNumber frame) const {
    return __atomic_load_n(&CountOf(frame), __ATOMIC_RELAXED) != 0;
  }

  /// Returns whether any view of any frame of `frames` is stale.
  bool ContainsAny(FrameRange frames) const {
    for (FrameNumber frame = frames.begin; frame < frames.end(); ++frame.value) {
      if (Contains(frame)) {
        return true;
      }
    }
    return false;
  }

 private:
  std::uint32_t& CountOf(FrameNumber frame) const {
    PW_CHECK(frame.value < counts_.size(), Violation::kForeignFrame, frame.value);
    return counts_[frame.value];
  }

  std::span<std::uint32_t> counts_;
};

}  // namespace pageward::space
