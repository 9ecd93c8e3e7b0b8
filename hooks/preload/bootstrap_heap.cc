#include "hooks/preload/bootstrap_heap.h"

#include <cstring>

#include "runtime/core/bits.h"

namespace pageward::hooks {

void* BootstrapHeap::Allocate(std::size_t bytes, std::size_t alignment) {
  if (bytes > kBytes || alignment > 4096) {
    return nullptr;
  }
  alignment = alignment < kHeaderBytes ? kHeaderBytes : alignment;
  std::size_t used = __atomic_load_n(&used_, __ATOMIC_RELAXED);
  std::size_t begin = 0;
  std::size_t end = 0;
  do {
    begin = AlignUp(used + kHeaderBytes, alignment);
    end = begin + AlignUp(bytes, kHeaderBytes);
    if (end > kBytes) {
      return nullptr;
    }
  } while (
      !__atomic_compare_exchange_n(&used_, &used, end, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  std::memcpy(buffer_ + begin - kHeaderBytes, &bytes, sizeof(bytes));
  return buffer_ + begin;
}

std::size_t BootstrapHeap::SizeOf(const void* piece) const {
  std::size_t bytes = 0;
  std::memcpy(&bytes, static_cast<const unsigned char*>(piece) - kHeaderBytes, sizeof(bytes));
  return bytes;
}

}  // namespace pageward::hooks
