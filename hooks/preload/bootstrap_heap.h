// Memory for the moments when there is no heap yet: while the heap itself starts, and for what libc
// asks for on the way (dlsym, atexit tables).
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/core/address.h"

namespace pageward::hooks {

/// Hands out pieces of one static buffer, front to back. What is freed is not used again: the
/// pieces are few and mostly live as long as the process.
///
/// Thread-safe, without locks.
class BootstrapHeap {
 public:
  static constexpr std::size_t kBytes = 256 * 1024;

  constexpr BootstrapHeap() = default;
  BootstrapHeap(const BootstrapHeap&) = delete;
  BootstrapHeap& operator=(const BootstrapHeap&) = delete;

  /// Returns zeroed `bytes` at a multiple of `alignment` (a power of two of up to a page), or null
  /// if the buffer is used up.
  void* Allocate(std::size_t bytes, std::size_t alignment = 16);

  bool Contains(const void* pointer) const {
    return static_cast<std::size_t>(static_cast<const unsigned char*>(pointer) - buffer_) < kBytes;
  }

  /// Returns how many bytes a piece has. Requires: `piece` came from Allocate().
  std::size_t SizeOf(const void* piece) const;

  std::size_t used_bytes() const { return __atomic_load_n(&used_, __ATOMIC_RELAXED); }

 private:
  // The size of each piece stands in the 16 bytes before it.
  static constexpr std::size_t kHeaderBytes = 16;

  std::size_t used_ = 0;
  alignas(4096) unsigned char buffer_[kBytes] = {};
};

}  // namespace pageward::hooks
