// The arenas that serve the program, all of them over our extent hooks.
//
// jemalloc's automatic arenas are not used, but for the one that it needs itself: they would take
// metadata through the hooks, and the one for oversized requests would escape them. Each thread is
// given one of ours and keeps it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "hooks/jemalloc/jemalloc_api.h"
#include "hooks/jemalloc/jemalloc_batch.h"
#include "runtime/core/mutex.h"
#include "runtime/core/result.h"

namespace pageward::hooks {

/// An arena's place in the set.
struct ArenaSlot {
  std::uint16_t value = 0;
};

/// Makes arenas as threads need them and spreads threads over them.
///
/// Thread-safe (lock rank kHeapArena).
class ArenaSet {
 public:
  static constexpr std::uint32_t kMostArenas = 64;
  /// jemalloc's number of the arena that it needs itself. It is no part of the set, but has our
  /// extent hooks: it serves jemalloc, and threads whose own data jemalloc has cleaned up already.
  static constexpr unsigned kJemallocsOwn = 0;

  constexpr ArenaSet() = default;
  ArenaSet(const ArenaSet&) = delete;
  ArenaSet& operator=(const ArenaSet&) = delete;

  /// Makes the first of up to `most` arenas. Requires: jemalloc is configured (options.h).
  /// Errors: kNoMemory.
  Status Init(std::uint32_t most) PW_EXCLUDES(mutex_);

  /// Picks the arena with the fewest threads, making a new one while there may be more.
  ArenaSlot Enter() PW_EXCLUDES(mutex_);
  /// Ends what Enter() began.
  void Leave(ArenaSlot slot) PW_EXCLUDES(mutex_);

  /// The *allocx flags that take memory from the arena and past jemalloc's thread caches.
  int FlagsOf(ArenaSlot slot) const {
    return AllocxArena(arenas_[slot.value].index) | kAllocxNoCache;
  }

  /// Takes small objects of jemalloc's bin `bin_index`; see BatchFill().
  std::size_t Fill(ArenaSlot slot, unsigned bin_index, std::size_t object_bytes,
                   std::span<void*> slots);
  /// Gives small objects back; see BatchFlush().
  void Flush(ArenaSlot slot, unsigned bin_index, std::size_t object_bytes,
             std::span<void*> objects);

  std::uint32_t count() const { return count_.load(std::memory_order_acquire); }
  unsigned IndexOf(ArenaSlot slot) const { return arenas_[slot.value].index; }

  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }
  /// In a fork child: only the thread in `survivor` is left, or none that has an arena.
  void ForgetOtherThreads(std::optional<ArenaSlot> survivor) PW_NO_THREAD_SAFETY_ANALYSIS;

 private:
  struct Arena {
    unsigned index = 0;  ///< jemalloc's number
    std::uint32_t threads = 0;
    FlushTarget flush_target;
  };

  Status Make() PW_REQUIRES(mutex_);

  Mutex mutex_{LockRank::kHeapArena};
  Arena arenas_[kMostArenas] = {};
  std::atomic<std::uint32_t> count_{0};
  std::uint32_t most_ = 1;
  std::size_t arena_word_ = FlushTarget::kSlowWords;
};

}  // namespace pageward::hooks
