// What every entry point of the preload library has in common.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hooks/preload/start.h"

/// An entry point with C linkage; exports.map lists the same names.
#define PW_EXPORT extern "C" [[gnu::visibility("default")]]

namespace pageward::hooks {

/// Larger requests are refused: no difference of pointers could span them.
inline constexpr std::size_t kMostBytes = PTRDIFF_MAX;

/// malloc() beyond what the thread has at hand. Sets errno if there is no memory.
void* ShimAllocateSlow(std::size_t bytes);
/// free() of anything but a live object of a size class.
void ShimFreeSlow(void* object);
/// An aligned object; `alignment` is a power of two. Sets errno if there is no memory.
void* ShimAllocateAligned(std::size_t bytes, std::size_t alignment);

[[gnu::always_inline]] inline void* ShimAllocate(std::size_t bytes) {
  void* object = g_heap.TryAllocate(bytes);
  return object != nullptr ? object : ShimAllocateSlow(bytes);
}

[[gnu::always_inline]] inline void ShimFree(void* object) {
  if (!g_heap.TryFree(object)) {
    ShimFreeSlow(object);
  }
}

}  // namespace pageward::hooks
