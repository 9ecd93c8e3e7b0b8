// Table memory in an array, for benchmarks: a load is a bounds check and a load.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/ptable/table_memory.h"

namespace pageward::ptable {

/// Frames from kBase on, zero at first.
class ArrayMemory {
 public:
  static constexpr PhysAddr kBase{0x40'0000'0000};

  explicit ArrayMemory(std::size_t frames) : words_(frames * (kFrameBytes / 8)) {}

  std::uint64_t Load(PhysAddr at) const { return __atomic_load_n(Word(at), __ATOMIC_ACQUIRE); }
  void Store(PhysAddr at, std::uint64_t word) {
    __atomic_store_n(Word(at), word, __ATOMIC_RELEASE);
  }
  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    __atomic_compare_exchange_n(Word(at), &expected, word, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    return expected;
  }

 private:
  std::uint64_t* Word(PhysAddr at) const {
    PW_CHECK(at - kBase < words_.size() * 8, Violation::kForeignFrame, at.value());
    return &words_[(at - kBase) / 8];
  }

  mutable std::vector<std::uint64_t> words_;
};
static_assert(TableMemory<ArrayMemory>);

}  // namespace pageward::ptable
