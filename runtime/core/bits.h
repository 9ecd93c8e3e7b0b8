// Arithmetic on powers of two and alignment, for every layer above.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

namespace pageward {

/// Returns whether `value` is a power of two. Zero is not.
template <std::unsigned_integral T>
constexpr bool IsPowerOfTwo(T value) {
  return std::has_single_bit(value);
}

/// Returns `value` rounded down to a multiple of `alignment`.
///
/// Requires: `alignment` is a power of two.
template <std::unsigned_integral T>
constexpr T AlignDown(T value, T alignment) {
  return value & ~(alignment - 1);
}

/// Returns `value` rounded up to a multiple of `alignment`; wraps around past the top of T.
///
/// Requires: `alignment` is a power of two.
template <std::unsigned_integral T>
constexpr T AlignUp(T value, T alignment) {
  return AlignDown(static_cast<T>(value + alignment - 1), alignment);
}

/// Returns whether `value` is a multiple of `alignment`.
///
/// Requires: `alignment` is a power of two.
template <std::unsigned_integral T>
constexpr bool IsAligned(T value, T alignment) {
  return (value & (alignment - 1)) == 0;
}

/// Returns the largest n with 2^n <= `value`.
///
/// Requires: `value` is not zero.
template <std::unsigned_integral T>
constexpr unsigned FloorLog2(T value) {
  return static_cast<unsigned>(std::bit_width(value)) - 1;
}

/// Returns the smallest n with 2^n >= `value`.
///
/// Requires: `value` is not zero.
template <std::unsigned_integral T>
constexpr unsigned CeilLog2(T value) {
  return value == 1 ? 0 : FloorLog2(static_cast<T>(value - 1)) + 1;
}

/// Returns `dividend` / `divisor`, rounded up.
///
/// Requires: `divisor` is not zero, and the sum of both fits T.
template <std::unsigned_integral T>
constexpr T DivideRoundUp(T dividend, T divisor) {
  return (dividend + divisor - 1) / divisor;
}

}  // namespace pageward
