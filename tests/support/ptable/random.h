// Randomness that is the same in every run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pageward::testing_support {

/// xorshift64*. Seeds are constants; 0 is none.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15 | 1) {}

  std::uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545'f491'4f6c'dd1d;
  }

  /// Returns a number in [0, bound).
  std::uint64_t Below(std::uint64_t bound) { return (Next() >> 11) % bound; }

  /// Returns true once in `times`.
  bool OneIn(std::uint64_t times) { return Below(times) == 0; }

  template <typename T, std::size_t kSize>
  T OneOf(const T (&choices)[kSize]) {
    return choices[Below(kSize)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace pageward::testing_support
