// What every entry point of the preload library has in common.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hooks/preload/start.h"

/// An entry point with C linkage; exports.map lists the same names.
#define PW_EXPORT extern "C" [[gnu::visibility("default")]]

/// jemalloc's options as a program may have compiled them in, by defining this variable itself.
extern "C" [[gnu::visibility("default")]] const char* malloc_conf;

namespace pageward::hooks {

/// Larger requests are refused: no difference of pointers could span them.
inline constexpr std::size_t kMostBytes = PTRDIFF_MAX;

// The slow halves are never inlined, so that the fast ones end in a jump and need no frame.

/// malloc() beyond what the thread has at hand. Sets errno if there is no memory.
[[gnu::noinline, gnu::cold]] void* ShimAllocateSlow(std::size_t bytes);
/// free() of anything but a live object of a size class.
[[gnu::noinline, gnu::cold]] void ShimFreeSlow(void* object);
/// malloc_usable_size() of anything but that.
[[gnu::noinline, gnu::cold]] std::size_t ShimUsableSizeSlow(void* object);
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
