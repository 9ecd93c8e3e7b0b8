// The sizes that small objects come in: jemalloc's, without its smallest.
//
// Four classes per doubling, as in jemalloc (doc: "Implementation notes", size classes), so that a
// class of ours is a bin of jemalloc's. jemalloc's class of 8 bytes is left out: a request of up to
// 8 bytes gets 16, which lets every object start on a multiple of 16 and one byte of the object map
// speak for each.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "runtime/core/bits.h"
#include "runtime/core/check.h"

namespace pageward::object {

inline constexpr std::size_t kGranuleBytes = 16;
inline constexpr unsigned kGranuleBytesLog2 = 4;

/// Objects up to this size come from slabs that they share with others of their class.
inline constexpr std::size_t kLargestSlabObjectBytes = 14336;
/// Objects up to this size pass through the thread caches.
inline constexpr std::size_t kLargestCachedBytes = 32768;

inline constexpr std::size_t kSizeClassCount = 40;
/// The classes below this one are slab objects; the others are extents of their own.
inline constexpr std::size_t kSlabClassCount = 35;

/// The index of a size class, 0 to kSizeClassCount - 1.
class SizeClass {
 public:
  constexpr SizeClass() = default;
  explicit constexpr SizeClass(std::size_t index) : index_(static_cast<std::uint8_t>(index)) {
    PW_ASSERT(index < kSizeClassCount);
  }

  constexpr std::size_t index() const { return index_; }
  constexpr bool IsSlab() const { return index_ < kSlabClassCount; }

  friend constexpr auto operator<=>(SizeClass, SizeClass) = default;

 private:
  std::uint8_t index_ = 0;
};

namespace internal {

constexpr std::array<std::uint16_t, kSizeClassCount> MakeSizes() {
  std::array<std::uint16_t, kSizeClassCount> sizes{};
  std::size_t count = 0;
  // 16 and 32 stand alone; then each doubling has four classes, a quarter of it apart.
  sizes[count++] = 16;
  sizes[count++] = 32;
  for (std::size_t base = 32; count < kSizeClassCount; base *= 2) {
    const std::size_t step = base / 4 < kGranuleBytes ? kGranuleBytes : base / 4;
    for (std::size_t size = base + step; size <= 2 * base && count < kSizeClassCount;
         size += step) {
      sizes[count++] = static_cast<std::uint16_t>(size);
    }
  }
  return sizes;
}

inline constexpr std::array<std::uint16_t, kSizeClassCount> kSizes = MakeSizes();
static_assert(kSizes[kSlabClassCount - 1] == kLargestSlabObjectBytes);
static_assert(kSizes[kSizeClassCount - 1] == kLargestCachedBytes);

// By size in granules, rounded up.
constexpr std::array<std::uint8_t, kLargestCachedBytes / kGranuleBytes + 1> MakeClassBySize() {
  std::array<std::uint8_t, kLargestCachedBytes / kGranuleBytes + 1> table{};
  std::size_t index = 0;
  for (std::size_t granules = 0; granules < table.size(); ++granules) {
    while (kSizes[index] < granules * kGranuleBytes) {
      ++index;
    }
    table[granules] = static_cast<std::uint8_t>(index);
  }
  return table;
}

inline constexpr auto kClassBySize = MakeClassBySize();

}  // namespace internal

/// Returns how many bytes an object of `size_class` has.
constexpr std::size_t BytesOf(SizeClass size_class) {
  return internal::kSizes[size_class.index()];
}

/// Returns the smallest class whose objects have at least `bytes`; 0 bytes get the smallest.
///
/// Requires: `bytes` <= kLargestCachedBytes.
constexpr SizeClass ClassFor(std::size_t bytes) {
  PW_ASSERT(bytes <= kLargestCachedBytes);
  return SizeClass(internal::kClassBySize[(bytes + kGranuleBytes - 1) >> kGranuleBytesLog2]);
}

/// Returns how many bytes to ask ClassFor() for, so that objects of the class lie on multiples of
/// `alignment`.
///
/// Slabs start on pages, so a class serves every alignment that divides its size; rounding the size
/// up to a multiple of the alignment reaches such a class, because a class of a doubling [s, 2s] is
/// a multiple of s/4, and what is left are s and 1.5 s and 2 s, which are classes themselves.
///
/// Requires: `alignment` is a power of two of at most a page; the sum does not wrap around.
constexpr std::size_t BytesForAlignment(std::size_t bytes, std::size_t alignment) {
  return AlignUp(bytes == 0 ? std::size_t{1} : bytes, alignment);
}

}  // namespace pageward::object
