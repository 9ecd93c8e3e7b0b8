// Moving many small objects in and out of an arena under one lock.
//
// jemalloc's public interface gives objects one at a time. Its own thread cache fills and flushes
// in batches through two functions inside the archive, and takes the cache bin that it works on as
// an argument; ours is made on the stack around an array of our own. That is five symbols and one
// layout, all of which cmake/check_jemalloc.cc tries out when the build is configured. Where they
// do not fit, PAGEWARD_JEMALLOC_BATCH is 0 and one object at a time it is.
//
// Source: jemalloc 5.3.0, cache_bin.h, tcache.c, arena.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" {

/// cache_bin_t: a stack of pointers that grows down from low_bits_empty to low_bits_full.
struct JemallocCacheBin {
  void** stack_head;
  std::uint64_t request_count;
  std::uint16_t low_bits_low_water;
  std::uint16_t low_bits_full;
  std::uint16_t low_bits_empty;
};

/// cache_bin_info_t.
struct JemallocCacheBinInfo {
  std::uint16_t capacity;
};

/// The start of tcache_t: all that a flush looks at.
struct JemallocTcache {
  void* slow;
};

/// tcaches_t, the table of explicit caches.
union JemallocTcaches {
  JemallocTcache* tcache;
  JemallocTcaches* next;
};

extern void* je_arenas[];
extern JemallocTcaches* je_tcaches;
extern JemallocCacheBinInfo* je_tcache_bin_info;
extern __thread char je_tsd_tls[] __attribute__((tls_model("initial-exec")));

void je_arena_cache_bin_fill_small(void* tsd, void* arena, JemallocCacheBin* bin,
                                   JemallocCacheBinInfo* info, unsigned bin_index, unsigned count);
void je_tcache_bin_flush_small(void* tsd, JemallocTcache* tcache, JemallocCacheBin* bin,
                               unsigned bin_index, unsigned kept);

}  // extern "C"

namespace pageward::hooks {

/// The thread-cache object that a flush wants, standing for one arena.
///
/// A flush reads the arena of the cache from it, to add the cache's statistics to that arena's. The
/// offset of that field is found by looking: an explicit cache of jemalloc's own holds a pointer to
/// arena 0, which is known.
class FlushTarget {
 public:
  static constexpr std::size_t kSlowWords = 64;

  constexpr FlushTarget() = default;
  FlushTarget(const FlushTarget&) = delete;
  FlushTarget& operator=(const FlushTarget&) = delete;

  /// Stands for `arena` from now on, with its pointer at word `arena_word`.
  void Init(void* arena, std::size_t arena_word) {
    tcache_.slow = slow_;
    slow_[arena_word] = arena;
  }

  JemallocTcache* tcache() { return &tcache_; }

 private:
  JemallocTcache tcache_ = {};
  void* slow_[kSlowWords] = {};
};

/// Returns at which word of a tcache_slow_t the arena stands, or kSlowWords if it can't be told.
///
/// Requires: `cache_index` is an explicit cache (tcache.create) that belongs to arena 0.
inline std::size_t FindArenaWord(unsigned cache_index) {
  void* const* words = static_cast<void* const*>(je_tcaches[cache_index].tcache->slow);
  std::size_t found = FlushTarget::kSlowWords;
  // The arena stands before the table of fill divisors, within the first ten words.
  for (std::size_t i = 0; i < 10; ++i) {
    if (words[i] == je_arenas[0]) {
      if (found != FlushTarget::kSlowWords) {
        return FlushTarget::kSlowWords;
      }
      found = i;
    }
  }
  return found;
}

namespace internal {

inline JemallocCacheBin BinAround(void** head, void** end, unsigned bin_index) {
  const auto low_bits = [](void** slot) {
    return static_cast<std::uint16_t>(reinterpret_cast<std::uintptr_t>(slot));
  };
  JemallocCacheBin bin = {};
  bin.stack_head = head;
  bin.low_bits_empty = low_bits(end);
  bin.low_bits_low_water = low_bits(head);
  // "Full" at the nominal capacity says that nothing is stashed (use-after-free detection).
  bin.low_bits_full = static_cast<std::uint16_t>(
      bin.low_bits_empty - je_tcache_bin_info[bin_index].capacity * sizeof(void*));
  return bin;
}

}  // namespace internal

/// Takes up to `slots.size()` objects of bin `bin_index` out of `arena` into the last of `slots`;
/// returns how many.
///
/// Requires: this thread has called jemalloc before.
inline std::size_t BatchFill(void* arena, unsigned bin_index, std::span<void*> slots) {
  void** const end = slots.data() + slots.size();
  JemallocCacheBin bin = internal::BinAround(end, end, bin_index);
  je_arena_cache_bin_fill_small(je_tsd_tls, arena, &bin, &je_tcache_bin_info[bin_index], bin_index,
                                static_cast<unsigned>(slots.size()));
  return static_cast<std::size_t>(end - bin.stack_head);
}

/// Gives `objects` of bin `bin_index` back to the arenas that they came from.
///
/// Requires: this thread has called jemalloc before.
inline void BatchFlush(FlushTarget& target, unsigned bin_index, std::span<void*> objects) {
  void** const end = objects.data() + objects.size();
  JemallocCacheBin bin = internal::BinAround(objects.data(), end, bin_index);
  je_tcache_bin_flush_small(je_tsd_tls, target.tcache(), &bin, bin_index, 0);
}

}  // namespace pageward::hooks
