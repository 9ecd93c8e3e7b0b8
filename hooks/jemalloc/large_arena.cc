#include "hooks/jemalloc/large_arena.h"

#include "hooks/jemalloc/extent_hooks.h"
#include "runtime/core/text.h"

namespace pageward::hooks {

void LargeArena::Init(unsigned index, std::size_t from_bytes) {
  WatchArena(index);
  index_ = index;
  from_bytes_ = from_bytes;
}

std::uint64_t LargeArena::kept_bytes() const {
  // Both change without a lock, so their difference can be below zero for a moment.
  const std::uint64_t live = live_bytes();
  const std::uint64_t held = WatchedBytes();
  return held > live ? held - live : 0;
}

std::uint64_t LargeArena::MostKept() const {
  const std::uint64_t share = live_bytes() / kKeptShare;
  return share > kLeastKeptBytes ? share : kLeastKeptBytes;
}

void LargeArena::NoteFreed(std::size_t bytes) {
  live_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (kept_bytes() <= MostKept() || is_purging_.exchange(true, std::memory_order_acquire)) {
    return;
  }
  char name[64] = {};
  TextWriter(name, sizeof(name) - 1).Append("arena.").AppendDecimal(index_).Append(".purge");
  const int error = jemalloc_mallctl(name, nullptr, nullptr, nullptr, 0);
  PW_CHECK(error == 0, Violation::kInvariant, error);
  is_purging_.store(false, std::memory_order_release);
}

}  // namespace pageward::hooks
