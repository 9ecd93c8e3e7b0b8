// Random choices that are the same everywhere for the same seed.
#pragma once

#include <cstdint>

namespace pageward::tool {

/// SplitMix64, by Steele, Lea and Flood ("Fast splittable pseudorandom number generators", 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    state_ += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t word = state_;
    word = (word ^ word >> 30) * 0xbf58'476d'1ce4'e5b9;
    word = (word ^ word >> 27) * 0x94d0'49bb'1331'11eb;
    return word ^ word >> 31;
  }
  /// Returns a number below `limit`, which is not 0.
  std::uint64_t Below(std::uint64_t limit) { return Next() % limit; }
  std::uint32_t Below32(std::uint32_t limit) { return static_cast<std::uint32_t>(Below(limit)); }

 private:
  std::uint64_t state_;
};

}  // namespace pageward::tool
