// malloc and its family: POSIX's and C's rules about sizes, alignments and errno, and nothing else.
//
// What all is well needs is inlined here from heap.h; everything else goes through the functions
// that start the heap first. Source of the rules: POSIX.1-2017 and ISO C17 for malloc, calloc,
// realloc, free, aligned_alloc and posix_memalign; the Linux man pages for the others.
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "hooks/preload/shim.h"
#include "runtime/core/bits.h"
#include "runtime/core/units.h"

namespace pageward::hooks {
namespace {

void* OrNoMemory(void* object) {
  if (object == nullptr) [[unlikely]] {
    errno = ENOMEM;
  }
  return object;
}

}  // namespace

void* ShimAllocateSlow(std::size_t bytes) {
  if (EnsureStarted() == Started::kByThisThread) {
    return OrNoMemory(g_bootstrap_heap.Allocate(bytes));
  }
  return OrNoMemory(bytes <= kMostBytes ? g_heap.AllocateSlow(bytes) : nullptr);
}

void ShimFreeSlow(void* object) {
  if (object == nullptr || g_bootstrap_heap.Contains(object)) {
    return;
  }
  static_cast<void>(EnsureStarted());
  g_heap.FreeSlow(object);
}

std::size_t ShimUsableSizeSlow(void* object) {
  if (object == nullptr) {
    return 0;
  }
  if (g_bootstrap_heap.Contains(object)) {
    return g_bootstrap_heap.SizeOf(object);
  }
  static_cast<void>(EnsureStarted());
  return g_heap.UsableSize(object);
}

void* ShimAllocateAligned(std::size_t bytes, std::size_t alignment) {
  if (EnsureStarted() == Started::kByThisThread) {
    return OrNoMemory(g_bootstrap_heap.Allocate(bytes, alignment));
  }
  // The sum of both is what an aligned object may need.
  return OrNoMemory(bytes <= kMostBytes - alignment ? g_heap.AllocateAligned(bytes, alignment)
                                                    : nullptr);
}

namespace {

void* MoveFromBootstrap(void* object, std::size_t bytes) {
  void* moved = ShimAllocate(bytes);
  if (moved != nullptr) {
    const std::size_t old_bytes = g_bootstrap_heap.SizeOf(object);
    std::memcpy(moved, object, old_bytes < bytes ? old_bytes : bytes);
  }
  return moved;
}

}  // namespace
}  // namespace pageward::hooks

using namespace pageward::hooks;

PW_EXPORT void* malloc(std::size_t bytes) {
  return ShimAllocate(bytes);
}

PW_EXPORT void free(void* object) {
  ShimFree(object);
}

PW_EXPORT void* calloc(std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > kMostBytes) {
    errno = ENOMEM;
    return nullptr;
  }
  if (EnsureStarted() == Started::kByThisThread) {
    return OrNoMemory(g_bootstrap_heap.Allocate(bytes));
  }
  return OrNoMemory(g_heap.AllocateZeroed(bytes));
}

PW_EXPORT void* realloc(void* object, std::size_t bytes) {
  if (object == nullptr) {
    return malloc(bytes);
  }
  if (g_bootstrap_heap.Contains(object)) {
    return MoveFromBootstrap(object, bytes);
  }
  static_cast<void>(EnsureStarted());
  if (bytes == 0) {
    // As glibc does, on which programs rely: the object is freed and there is none.
    free(object);
    return nullptr;
  }
  return OrNoMemory(bytes <= kMostBytes ? g_heap.Reallocate(object, bytes) : nullptr);
}

PW_EXPORT void* reallocarray(void* object, std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return realloc(object, bytes);
}

PW_EXPORT int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  if (!pageward::IsPowerOfTwo(alignment) || alignment % sizeof(void*) != 0 ||
      alignment > kMostBytes / 2) {
    return EINVAL;
  }
  const int saved = errno;
  void* object = ShimAllocateAligned(bytes, alignment);
  errno = saved;  // The answer is the return value; errno stays as it was.
  if (object == nullptr) {
    return ENOMEM;
  }
  *result = object;
  return 0;
}

PW_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  if (!pageward::IsPowerOfTwo(alignment) || alignment > kMostBytes / 2) {
    errno = EINVAL;
    return nullptr;
  }
  return ShimAllocateAligned(bytes, alignment);
}

PW_EXPORT void* memalign(std::size_t alignment, std::size_t bytes) {
  if (alignment > kMostBytes / 2) {
    errno = EINVAL;
    return nullptr;
  }
  // glibc rounds an alignment up to a power of two instead of refusing it.
  return ShimAllocateAligned(bytes, alignment == 0 ? 16 : std::bit_ceil(alignment));
}

PW_EXPORT void* valloc(std::size_t bytes) {
  return ShimAllocateAligned(bytes, pageward::kFrameBytes);
}

PW_EXPORT void* pvalloc(std::size_t bytes) {
  if (bytes > kMostBytes - pageward::kFrameBytes) {
    errno = ENOMEM;
    return nullptr;
  }
  const std::size_t whole = bytes == 0 ? 1 : bytes;
  return ShimAllocateAligned(pageward::AlignUp(whole, pageward::kFrameBytes),
                             pageward::kFrameBytes);
}

// Servers that account for their memory ask at every malloc and free.
PW_EXPORT std::size_t malloc_usable_size(void* object) {
  const std::size_t bytes = g_heap.TryUsableSize(object);
  return bytes != 0 ? bytes : ShimUsableSizeSlow(object);
}
