// Which frames are shown by views, live ones and such as have been put and not flushed.
//
// A frame must not go back to the allocator while that is so: whoever gets it next could be read
// through the old view. One number for each frame answers it without a search.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/check.h"
#include "runtime/core/units.h"

namespace pageward::space {

/// Counts the live and the stale views of each frame, both in one word. Thread-safe.
///
/// A thread that looks for live views after it has said that a frame goes, and one that says that
/// it goes after having got a view, can't both miss each other: changes are sequentially
/// consistent.
class StaleFrames {
 public:
  /// How many views of a frame may be live, or stale, at the same time.
  static constexpr std::uint32_t kMostLive = (1u << 14) - 1;
  static constexpr std::uint32_t kMostStale = (1u << 18) - 1;

  /// Requires: `counts` has a number for each frame of the zone, zero at first.
  explicit StaleFrames(std::span<std::uint32_t> counts) : counts_(counts) {}
  StaleFrames(const StaleFrames&) = delete;
  StaleFrames& operator=(const StaleFrames&) = delete;

  // All of these die with Violation::kForeignFrame if there is no such frame, and with kInvariant
  // if a number would leave its range.

  /// Notes that one more view of `frame` is stale, or one less.
  void Add(FrameNumber frame) { Change(frame, 0, 1); }
  void Remove(FrameNumber frame) { Change(frame, 0, -1); }
  /// Notes that a view of `frame` is live that was not there, and that a live one is stale now.
  void Show(FrameNumber frame) { Change(frame, 1, 0); }
  void Retire(FrameNumber frame) { Change(frame, -1, 1); }
  /// Notes that a live view of `frame` is gone altogether.
  void Forget(FrameNumber frame) { Change(frame, -1, 0); }

  /// Returns whether any view of `frame` is stale.
  bool Contains(FrameNumber frame) const { return (Load(frame) & kMostStale) != 0; }
  /// Returns whether any view of `frame` is live.
  bool IsShown(FrameNumber frame) const { return Load(frame) >= kOneLive; }

  /// The same for any frame of `frames`.
  bool ContainsAny(FrameRange frames) const {
    return AnyOf(frames, [this](FrameNumber frame) { return Contains(frame); });
  }
  bool IsAnyShown(FrameRange frames) const {
    return AnyOf(frames, [this](FrameNumber frame) { return IsShown(frame); });
  }

 private:
  static constexpr std::uint32_t kOneLive = kMostStale + 1;  // Above the stale ones.

  std::uint32_t& CountOf(FrameNumber frame) const {
    PW_CHECK(frame.value < counts_.size(), Violation::kForeignFrame, frame.value);
    return counts_[frame.value];
  }

  std::uint32_t Load(FrameNumber frame) const {
    return __atomic_load_n(&CountOf(frame), __ATOMIC_SEQ_CST);
  }

  static constexpr bool Fits(std::uint32_t number, int change, std::uint32_t most) {
    return change == 0 || (change > 0 ? number < most : number > 0);
  }

  void Change(FrameNumber frame, int live, int stale) {
    const std::uint32_t by =
        static_cast<std::uint32_t>(live) * kOneLive + static_cast<std::uint32_t>(stale);
    const std::uint32_t former = __atomic_fetch_add(&CountOf(frame), by, __ATOMIC_SEQ_CST);
    PW_CHECK(
        Fits(former / kOneLive, live, kMostLive) && Fits(former & kMostStale, stale, kMostStale),
        Violation::kInvariant, frame.value);
  }

  template <typename Test>
  static bool AnyOf(FrameRange frames, Test test) {
    for (FrameNumber frame = frames.begin; frame < frames.end(); ++frame.value) {
      if (test(frame)) {
        return true;
      }
    }
    return false;
  }

  std::span<std::uint32_t> counts_;
};

}  // namespace pageward::space
