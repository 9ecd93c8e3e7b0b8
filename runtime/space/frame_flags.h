// One bit for each frame of a zone.
#pragma once

#include <bit>
#include <cstdint>

#include "runtime/core/check.h"

namespace pageward::space {

/// A view of a bit table. Ranges that different threads own may share a word, so words are changed
/// atomically; what was done before a flag was changed is seen by whoever sees the change.
class FrameFlags {
 public:
  constexpr FrameFlags() = default;
  /// `words` has a bit for each index in use, least significant first.
  explicit constexpr FrameFlags(std::uint64_t* words) : words_(words) {}

  bool Test(std::uint32_t index) const {
    return (__atomic_load_n(words_ + index / 64, __ATOMIC_ACQUIRE) >> (index % 64) & 1) != 0;
  }

  void Set(std::uint32_t begin, std::uint32_t end) {
    ForEachWord(begin, end, [](std::uint64_t* word, std::uint64_t mask) {
      __atomic_fetch_or(word, mask, __ATOMIC_RELEASE);
      return true;
    });
  }

  void Clear(std::uint32_t begin, std::uint32_t end) {
    ForEachWord(begin, end, [](std::uint64_t* word, std::uint64_t mask) {
      __atomic_fetch_and(word, ~mask, __ATOMIC_RELEASE);
      return true;
    });
  }

  bool Any(std::uint32_t begin, std::uint32_t end) const {
    bool is_none = true;
    ForEachWord(begin, end, [&is_none](std::uint64_t* word, std::uint64_t mask) {
      is_none = (__atomic_load_n(word, __ATOMIC_ACQUIRE) & mask) == 0;
      return is_none;
    });
    return !is_none;
  }

  /// Returns how many flags in [begin, end) are set.
  std::uint32_t Count(std::uint32_t begin, std::uint32_t end) const {
    std::uint32_t count = 0;
    ForEachWord(begin, end, [&count](std::uint64_t* word, std::uint64_t mask) {
      count +=
          static_cast<std::uint32_t>(std::popcount(__atomic_load_n(word, __ATOMIC_ACQUIRE) & mask));
      return true;
    });
    return count;
  }

  /// Returns the first index in [begin, end) whose flag is `value`, or `end`.
  std::uint32_t Find(std::uint32_t begin, std::uint32_t end, bool value) const {
    while (begin < end) {
      std::uint64_t word = __atomic_load_n(words_ + begin / 64, __ATOMIC_ACQUIRE);
      word = (value ? word : ~word) >> (begin % 64);
      if (word != 0) {
        const auto at = begin + static_cast<std::uint32_t>(__builtin_ctzll(word));
        return at < end ? at : end;
      }
      begin = (begin / 64 + 1) * 64;
    }
    return end;
  }

 private:
  template <typename Visit>
  void ForEachWord(std::uint32_t begin, std::uint32_t end, Visit visit) const {
    PW_ASSERT(begin <= end);
    while (begin < end) {
      const std::uint32_t word_end = (begin / 64 + 1) * 64;
      const std::uint32_t stop = end < word_end ? end : word_end;
      const std::uint32_t bits = stop - begin;
      const std::uint64_t mask =
          bits == 64 ? ~std::uint64_t{0} : ((std::uint64_t{1} << bits) - 1) << (begin % 64);
      if (!visit(words_ + begin / 64, mask)) {
        return;
      }
      begin = stop;
    }
  }

  std::uint64_t* words_ = nullptr;
};

}  // namespace pageward::space
