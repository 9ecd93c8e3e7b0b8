// Sets of simulated processors.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>

#include "runtime/core/check.h"

namespace pageward::ptable {

/// Which simulated processor.
struct CpuNumber {
  std::uint32_t value = 0;

  constexpr CpuNumber() = default;
  explicit constexpr CpuNumber(std::uint32_t number) : value(number) {}

  friend constexpr auto operator<=>(CpuNumber, CpuNumber) = default;
};

/// A set of processors: those that an address space has run on, those to interrupt.
class CpuSet {
 public:
  static constexpr std::uint32_t kMaxCpus = 256;

  constexpr CpuSet() = default;

  /// Returns the first `count` processors.
  static constexpr CpuSet FirstOf(std::uint32_t count) {
    CpuSet set;
    for (std::uint32_t i = 0; i < count; ++i) {
      set.Add(CpuNumber(i));
    }
    return set;
  }

  /// Returns the set of one processor.
  static constexpr CpuSet Only(CpuNumber cpu) {
    CpuSet set;
    set.Add(cpu);
    return set;
  }

  constexpr void Add(CpuNumber cpu) { WordOf(cpu) |= BitOf(cpu); }
  constexpr void Remove(CpuNumber cpu) { WordOf(cpu) &= ~BitOf(cpu); }
  constexpr bool Contains(CpuNumber cpu) const {
    return cpu.value < kMaxCpus && (words_[cpu.value / 64] & BitOf(cpu)) != 0;
  }

  constexpr bool IsEmpty() const { return Count() == 0; }
  constexpr std::uint32_t Count() const {
    std::uint32_t count = 0;
    for (const std::uint64_t word : words_) {
      count += static_cast<std::uint32_t>(std::popcount(word));
    }
    return count;
  }

  /// Calls `visit(cpu)` for each, the lowest number first.
  template <typename Visit>
  constexpr void ForEach(Visit visit) const {
    for (std::uint32_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        visit(CpuNumber(i * 64 + static_cast<std::uint32_t>(std::countr_zero(rest))));
      }
    }
  }

  friend constexpr bool operator==(const CpuSet&, const CpuSet&) = default;

 private:
  static constexpr std::uint64_t BitOf(CpuNumber cpu) { return std::uint64_t{1} << cpu.value % 64; }
  constexpr std::uint64_t& WordOf(CpuNumber cpu) {
    PW_ASSERT(cpu.value < kMaxCpus);
    return words_[cpu.value / 64];
  }

  std::array<std::uint64_t, kMaxCpus / 64> words_{};
};

}  // namespace pageward::ptable
