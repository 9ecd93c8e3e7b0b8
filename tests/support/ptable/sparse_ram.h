// Simulated RAM of any size of which only the frames exist that were written.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

#include "runtime/core/address.h"
#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/ptable/table_memory.h"

namespace pageward::testing_support {

/// Words at physical addresses that are multiples of 8; 0 where nothing was written. A value: a
/// copy is a snapshot. For one thread.
class SparseRam {
 public:
  using Frame = std::array<std::uint64_t, kFrameBytes / 8>;

  std::uint64_t Load(PhysAddr at) const {
    PW_ASSERT(at.value() % 8 == 0);
    const auto found = frames_.find(at.value() >> kFrameBytesLog2);
    return found == frames_.end() ? 0 : found->second[WordOf(at)];
  }

  void Store(PhysAddr at, std::uint64_t word) {
    PW_ASSERT(at.value() % 8 == 0);
    frames_[at.value() >> kFrameBytesLog2][WordOf(at)] = word;
  }

  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    const std::uint64_t old = Load(at);
    if (old == expected) {
      Store(at, word);
    }
    return old;
  }

  /// The frames that exist, by number.
  const std::unordered_map<std::uint64_t, Frame>& frames() const { return frames_; }
  /// Makes a frame exist, zeroed if it is new.
  Frame& FrameAt(std::uint64_t number) { return frames_[number]; }

 private:
  static std::size_t WordOf(PhysAddr at) { return at.value() % kFrameBytes / 8; }

  std::unordered_map<std::uint64_t, Frame> frames_;
};
static_assert(ptable::TableMemory<SparseRam>);

}  // namespace pageward::testing_support
