// The heap that a program sees: thread caches in front, jemalloc's arenas behind.
//
//   malloc  ->  thread cache  ->  batch out of a jemalloc arena  ->  extent hooks  ->  runs
//
// Why a cache of our own and not jemalloc's: every pointer that comes back is checked against the
// object map before anything believes it, which would come on top of jemalloc's own lookup; and
// what runs without the heap's gate is then our code alone. docs/DESIGN.md has the measurements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hooks/jemalloc/arena_set.h"
#include "hooks/jemalloc/large_arena.h"
#include "runtime/object/object_map.h"
#include "runtime/object/thread_cache.h"

namespace pageward::hooks {

/// How the heap behaves; fixed before its first object.
struct HeapOptions {
  /// Objects from this size on get extents or slabs of their own and pass no cache, so that giving
  /// them back is seen by the extent hooks at once.
  std::size_t uncached_from_bytes = object::kLargestCachedBytes + 1;
  /// No thread caches: every call goes to jemalloc. For jemalloc options that act on each call.
  bool bypasses_caches = false;
  std::uint32_t arenas = 1;
  /// Objects from this size on come from the arena of large objects.
  std::size_t large_from_bytes = std::size_t{1} << 20;
};

/// What one thread has of the heap. Zero is a thread that has not used it yet.
struct ThreadHeap {
  enum class State : std::uint8_t {
    kNew,  ///< Has no cache yet; gets one with its first object.
    kCaching,
    kWithout,  ///< Does without: it is ending, or caches are off.
  };

  object::ThreadCache cache;
  ThreadHeap* next = nullptr;  ///< In the list of caching threads.
  ThreadHeap* previous = nullptr;
  ArenaSlot arena;
  bool has_arena = false;  ///< Not before it allocates: a thread that only frees needs none.
  State state = State::kNew;
  std::uint16_t slow_calls = 0;  ///< Until the cache is looked through for what it does not need.
};

/// The one heap of the process.
///
/// Thread-safe. All sizes are bytes. Null means out of memory (or, for Find functions, absence).
/// A pointer that is not a live object is a death that names it: Violation::kDoubleFree,
/// kForeignPointer or kInteriorPointer.
class Heap {
 public:
  constexpr Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  /// Makes the heap usable: `map` covers the zone that the extent hooks hand out.
  Status Start(const object::ObjectMap& map, const HeapOptions& options);

  /// Returns `bytes`, at a multiple of 16; zero bytes are as good as one.
  void* Allocate(std::size_t bytes) {
    void* object = TryAllocate(bytes);
    return object != nullptr ? object : AllocateSlow(bytes);
  }
  /// The first half of Allocate(): only what this thread has at hand. Safe before Start().
  [[gnu::always_inline]] void* TryAllocate(std::size_t bytes);
  /// The second half.
  void* AllocateSlow(std::size_t bytes);

  void* AllocateZeroed(std::size_t bytes);
  /// `alignment` is a power of two.
  void* AllocateAligned(std::size_t bytes, std::size_t alignment);

  /// Takes `object` back; null is ignored.
  void Free(void* object) {
    if (!TryFree(object)) {
      FreeSlow(object);
    }
  }
  /// The first half of Free(): a live object of a size class. Safe before Start().
  [[gnu::always_inline]] bool TryFree(void* object);
  /// The second half.
  void FreeSlow(void* object);

  /// Makes `object` `bytes` large, moving it if it has to; null leaves it as it was.
  void* Reallocate(void* object, std::size_t bytes);

  /// Returns how many bytes may be used at `object`.
  std::size_t UsableSize(const void* object);
  /// The same for a live object of a size class; 0 for anything else. Safe before Start().
  [[gnu::always_inline]] std::size_t TryUsableSize(const void* object) const;

  /// Returns how many bytes an object of `bytes`, asked for with `flags`, would have; 0 if there
  /// can be none.
  std::size_t SizeFor(std::size_t bytes, int flags) const;

  // jemalloc's *allocx, with flags that may name arenas and caches of the program's own.
  void* AllocateWithFlags(std::size_t bytes, int flags);
  void* ReallocateWithFlags(void* object, std::size_t bytes, int flags);
  std::size_t ResizeInPlace(void* object, std::size_t bytes, std::size_t extra, int flags);
  void FreeWithFlags(void* object, int flags);

  /// Returns this thread's cached objects to the arenas.
  void FlushThread();

  /// Ends a thread's part: its objects go back and it does without a cache from now on.
  void LeaveThread();

  /// Around fork(2). In the child, what other threads had cached is lost with them.
  void PrepareFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void ParentAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void ChildAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;

  /// Says that memory from elsewhere (arenas with the program's own hooks) may come back as well:
  /// pointers outside the zone are then passed on to jemalloc instead of being refused.
  void AdmitForeignMemory() { admits_foreign_.store(true, std::memory_order_relaxed); }

  const object::ObjectMap& map() const { return map_; }
  ArenaSet& arenas() { return arenas_; }
  const LargeArena& large() const { return large_; }

  /// Bytes in the caches of all threads. Other threads' caches are read while they change.
  std::size_t CachedBytes() PW_EXCLUDES(threads_mutex_);
  std::uint32_t ThreadCount() PW_EXCLUDES(threads_mutex_);

 private:
  class Source;

  std::size_t BytesToAskFor(std::size_t bytes) const;
  unsigned ArenaFor(std::size_t bytes) const;
  int FlagsFor(std::size_t bytes) const;
  int Complete(std::size_t bytes, int flags) const;
  void* AllocateUncached(std::size_t bytes, int flags);
  bool GiveUpSlack(std::size_t wanted_bytes);
  void FreeLive(void* object, object::FrameClass frame_class);

  bool EnsureCache(ThreadHeap& thread) PW_EXCLUDES(threads_mutex_);
  bool PrepareToAllocate(ThreadHeap& thread);
  void AfterSlowCall(ThreadHeap& thread);
  ArenaSlot ArenaOf(const ThreadHeap& thread) const;
  object::CacheSlots* TakeSlots() PW_REQUIRES(threads_mutex_);
  void Unlink(ThreadHeap& thread) PW_REQUIRES(threads_mutex_);

  object::FrameClass RequireLive(const void* object, const char* operation) const;
  // Where a block of jemalloc's came from: of the large arena more is known than of others.
  enum class Origin : std::uint8_t { kLargeArena, kElsewhere };
  Origin OriginOf(int flags) const;
  object::FrameClass ClassOf(std::size_t usable, Origin origin) const;
  void* Admit(void* block, Origin origin);
  void FreeUncached(void* object, object::FrameClass frame_class, int flags);
  bool IsForeign(const void* object) const {
    return !map_.range().Contains(VirtAddr::Of(object)) &&
           admits_foreign_.load(std::memory_order_relaxed);
  }

  object::ObjectMap map_;
  HeapOptions options_;
  ArenaSet arenas_;
  LargeArena large_;
  std::atomic<bool> admits_foreign_{false};

  Mutex threads_mutex_{LockRank::kThreadCaches};
  ThreadHeap* threads_ PW_GUARDED_BY(threads_mutex_) = nullptr;
  std::uint32_t thread_count_ PW_GUARDED_BY(threads_mutex_) = 0;
  object::CacheSlots* free_slots_ PW_GUARDED_BY(threads_mutex_) = nullptr;
  VirtRange fresh_slots_ PW_GUARDED_BY(threads_mutex_);
};

/// This thread's part of the heap.
extern constinit thread_local ThreadHeap t_heap;

// --- The hot path ------------------------------------------------------------------------------

inline void* Heap::TryAllocate(std::size_t bytes) {
  if (bytes > object::kLargestCachedBytes) [[unlikely]] {
    return nullptr;
  }
  const object::SizeClass size_class = object::ClassFor(bytes);
  void* object = t_heap.cache.TryTake(size_class);
  if (object != nullptr) [[likely]] {
    map_.SetLive(object, object::FrameClassOf(size_class));
  }
  return object;
}

inline std::size_t Heap::TryUsableSize(const void* object) const {
  if (!map_.IsPlausible(object)) [[unlikely]] {
    return 0;
  }
  const object::FrameClass frame_class = map_.ClassAt(object);
  if (!object::IsCached(frame_class) || !map_.IsLive(object, frame_class)) [[unlikely]] {
    return 0;
  }
  return object::BytesOf(object::SizeClassOf(frame_class));
}

inline bool Heap::TryFree(void* object) {
  if (!map_.IsPlausible(object)) [[unlikely]] {
    return false;
  }
  const object::FrameClass frame_class = map_.ClassAt(object);
  if (!object::IsCached(frame_class) || !map_.TrySetDead(object, frame_class)) [[unlikely]] {
    return false;
  }
  if (!t_heap.cache.TryPut(object::SizeClassOf(frame_class), object)) [[unlikely]] {
    FreeLive(object, frame_class);
  }
  return true;
}

}  // namespace pageward::hooks
