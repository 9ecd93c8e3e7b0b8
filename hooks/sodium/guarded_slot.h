// What is known of one place for a guarded object: one word, so that it can be read as a whole by a
// thread that holds no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/core/check.h"

namespace pageward::hooks {

enum class SlotState : std::uint8_t {
  kFresh,    ///< Never handed out; a guard marker keeps it out of reach.
  kFree,     ///< Wiped, and without access.
  kBusy,     ///< Between two states; belongs to the thread that made it so.
  kLive,     ///< An object, readable and writable since it was handed out.
  kToggled,  ///< An object whose access has been changed at least once.
  kUnwiped,  ///< Given back, but what it holds could not be reached. Its access is as it was.
};

/// A state, and what belongs to it: the bytes of an object, or the next slot of a list.
struct SlotWord {
  SlotState state = SlotState::kFresh;
  std::uint64_t value = 0;

  bool IsObject() const { return state == SlotState::kLive || state == SlotState::kToggled; }
};

/// Holds a SlotWord. All zeros is a fresh slot.
class GuardedSlot {
 public:
  /// The largest value.
  static constexpr std::uint64_t kMost = (std::uint64_t{1} << 56) - 1;

  SlotWord Load() const {
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    return {static_cast<SlotState>(word & 0xff), word >> 8};
  }
  void Store(SlotWord to) { word_.store(Pack(to), std::memory_order_release); }
  /// Changes `from` to `to`; returns false if it is not `from` any more.
  [[nodiscard]] bool TryChange(SlotWord from, SlotWord to) {
    std::uint64_t expected = Pack(from);
    return word_.compare_exchange_strong(expected, Pack(to), std::memory_order_acq_rel);
  }

 private:
  static std::uint64_t Pack(SlotWord word) {
    PW_ASSERT(word.value <= kMost);
    return word.value << 8 | static_cast<std::uint64_t>(word.state);
  }

  std::atomic<std::uint64_t> word_{0};
};

}  // namespace pageward::hooks
