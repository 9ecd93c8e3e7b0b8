// Cutting arrays out of one range of memory that somebody else provides.
//
// The simulation allocates nothing: whoever runs it hands in zeroed memory that costs nothing until
// it is touched, and everything it keeps is carved out of that. The same code carves twice, first
// out of nothing to find out how much it needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "runtime/core/address.h"
#include "runtime/core/bits.h"
#include "runtime/core/check.h"

namespace pageward::sim {

/// Hands out pieces of a range, one behind the other.
class Carver {
 public:
  /// Carves out of nothing, for taken().
  constexpr Carver() = default;
  /// Requires: `range` begins at a multiple of 4 KiB, is zero, and outlives what is carved.
  explicit Carver(VirtRange range) : range_(range) {}
  Carver(const Carver&) = delete;
  Carver& operator=(const Carver&) = delete;

  /// Returns `count` zeroed objects at a multiple of `alignment`; empty if carving out of nothing.
  ///
  /// Requires: there is room, unless carving out of nothing.
  template <typename T>
  std::span<T> Take(std::size_t count, std::size_t alignment = alignof(T)) {
    static_assert(std::is_trivially_destructible_v<T>);
    const std::uint64_t begin = AlignUp<std::uint64_t>(taken_, alignment);
    taken_ = begin + count * sizeof(T);
    if (range_.bytes == 0) {
      return {};
    }
    PW_CHECK(taken_ <= range_.bytes, Violation::kAssertion, taken_);
    return std::span<T>((range_.begin + begin).AsPointer<T>(), count);
  }

  std::uint64_t taken() const { return taken_; }

 private:
  VirtRange range_;
  std::uint64_t taken_ = 0;
};

}  // namespace pageward::sim
