#include "hooks/jemalloc/heap.h"

#include <cstring>

#include "hooks/jemalloc/bad_pointer.h"
#include "hooks/jemalloc/metadata_area.h"
#include "runtime/core/bits.h"

namespace pageward::hooks {
namespace {

using object::BytesOf;
using object::CacheSlots;
using object::ClassFor;
using object::FrameClass;
using object::kLargestCachedBytes;
using object::kLargestSlabObjectBytes;
using object::SizeClass;
using object::SizeClassOf;

// Objects that pass no cache are asked for as extents of their own, of which this is the smallest.
constexpr std::size_t kSmallestExtentBytes = 16384;
// jemalloc's smallest size class has 8 bytes, ours 16.
constexpr std::size_t kSmallestBytes = 16;
// How many trips to the source a thread makes until its cache is looked through.
constexpr std::uint16_t kSlowCallsPerCollection = 256;
constexpr std::uint64_t kSlotsAtOnce = 8;

// jemalloc's number of a size class of slab objects.
unsigned BinOf(SizeClass size_class) {
  return static_cast<unsigned>(size_class.index()) + 1;
}

}  // namespace

constinit thread_local ThreadHeap t_heap;

// What a thread cache refills from: one arena of jemalloc's, and the map that knows the objects.
class Heap::Source final : public object::ObjectSource {
 public:
  Source(Heap& heap, ArenaSlot arena) : heap_(heap), arena_(arena) {}

  std::size_t Fill(SizeClass size_class, std::span<void*> slots) override {
    const std::size_t bytes = BytesOf(size_class);
    std::size_t filled = 0;
    if (size_class.IsSlab()) {
      filled = heap_.arenas_.Fill(arena_, BinOf(size_class), bytes, slots);
    } else {
      for (std::size_t i = slots.size(); i-- > 0; ++filled) {
        slots[i] = jemalloc_mallocx(bytes, heap_.arenas_.FlagsOf(arena_));
        if (slots[i] == nullptr) {
          break;
        }
      }
    }
    for (void* object : slots.last(filled)) {
      heap_.map_.SetClassAt(object, object::FrameClassOf(size_class));
    }
    return filled;
  }

  void Flush(SizeClass size_class, std::span<void*> objects) override {
    if (size_class.IsSlab()) {
      heap_.arenas_.Flush(arena_, BinOf(size_class), BytesOf(size_class), objects);
      return;
    }
    for (void* object : objects) {
      jemalloc_sdallocx(object, BytesOf(size_class), kAllocxNoCache);
    }
  }

 private:
  Heap& heap_;
  ArenaSlot arena_;
};

Status Heap::Start(const object::ObjectMap& map, const HeapOptions& options) {
  map_ = map;
  options_ = options;
  return arenas_.Init(options.arenas);
}

// --- Threads -------------------------------------------------------------------------------------

CacheSlots* Heap::TakeSlots() {
  if (free_slots_ != nullptr) {
    CacheSlots* slots = free_slots_;
    free_slots_ = slots->next_free;
    return slots;
  }
  constexpr std::uint64_t kBytes = AlignUp(sizeof(CacheSlots), std::size_t{64});
  if (fresh_slots_.bytes < kBytes) {
    const Result<VirtRange> mapped =
        JemallocMetadata().os().MapZeroed(AlignUp(kSlotsAtOnce * kBytes, kFrameBytes));
    if (!mapped.ok()) {
      return nullptr;
    }
    fresh_slots_ = *mapped;
  }
  auto* slots = fresh_slots_.begin.AsPointer<CacheSlots>();
  fresh_slots_ = VirtRange{fresh_slots_.begin + kBytes, fresh_slots_.bytes - kBytes};
  return slots;
}

bool Heap::EnsureCache(ThreadHeap& thread) {
  if (thread.state == ThreadHeap::State::kCaching) {
    return true;
  }
  if (thread.state == ThreadHeap::State::kWithout || options_.bypasses_caches) {
    return false;
  }
  // Lets jemalloc set up its own thread-specific data: the batch functions expect it, and its
  // destructor is where LeaveThread() is called from.
  static_cast<void>(jemalloc_nallocx(kSmallestBytes, 0));
  thread.arena = arenas_.Enter();
  {
    MutexLock lock(threads_mutex_);
    CacheSlots* slots = TakeSlots();
    if (slots != nullptr) {
      thread.cache.Attach(slots);
      thread.next = threads_;
      thread.previous = nullptr;
      if (threads_ != nullptr) {
        threads_->previous = &thread;
      }
      threads_ = &thread;
      ++thread_count_;
      thread.state = ThreadHeap::State::kCaching;
      return true;
    }
  }
  arenas_.Leave(thread.arena);
  return false;
}

void Heap::Unlink(ThreadHeap& thread) {
  (thread.previous != nullptr ? thread.previous->next : threads_) = thread.next;
  if (thread.next != nullptr) {
    thread.next->previous = thread.previous;
  }
  --thread_count_;
}

void Heap::LeaveThread() {
  ThreadHeap& thread = t_heap;
  if (thread.state == ThreadHeap::State::kCaching) {
    Source source(*this, thread.arena);
    CacheSlots* slots = thread.cache.Detach(source);
    {
      MutexLock lock(threads_mutex_);
      Unlink(thread);
      slots->next_free = free_slots_;
      free_slots_ = slots;
    }
    arenas_.Leave(thread.arena);
  }
  thread.state = ThreadHeap::State::kWithout;
}

void Heap::FlushThread() {
  if (t_heap.state == ThreadHeap::State::kCaching) {
    Source source(*this, t_heap.arena);
    t_heap.cache.FlushAll(source);
  }
}

void Heap::AfterSlowCall(ThreadHeap& thread) {
  if (++thread.slow_calls >= kSlowCallsPerCollection) {
    thread.slow_calls = 0;
    Source source(*this, thread.arena);
    thread.cache.Collect(source);
  }
}

ArenaSlot Heap::ArenaOf(const ThreadHeap& thread) const {
  return thread.state == ThreadHeap::State::kCaching ? thread.arena : ArenaSlot{0};
}

std::size_t Heap::CachedBytes() {
  MutexLock lock(threads_mutex_);
  std::size_t bytes = 0;
  for (const ThreadHeap* thread = threads_; thread != nullptr; thread = thread->next) {
    bytes += thread->cache.CachedBytes();
  }
  return bytes;
}

std::uint32_t Heap::ThreadCount() {
  MutexLock lock(threads_mutex_);
  return thread_count_;
}

void Heap::PrepareFork() {
  threads_mutex_.Lock();
  arenas_.LockForFork();
}

void Heap::ParentAfterFork() {
  arenas_.UnlockAfterFork();
  threads_mutex_.Unlock();
}

void Heap::ChildAfterFork() {
  // The list leads through thread-local storage of threads that do not exist here. Their slots and
  // what was in them stay behind: any of them may have been in the middle of a change.
  ThreadHeap& thread = t_heap;
  const bool is_caching = thread.state == ThreadHeap::State::kCaching;
  threads_ = is_caching ? &thread : nullptr;
  thread_count_ = is_caching ? 1 : 0;
  thread.next = nullptr;
  thread.previous = nullptr;
  arenas_.ForgetOtherThreads(ArenaOf(thread));
  ParentAfterFork();
}

// --- Allocating ----------------------------------------------------------------------------------

void* Heap::AllocateSlow(std::size_t bytes) {
  ThreadHeap& thread = t_heap;
  const bool is_caching = EnsureCache(thread);
  if (bytes >= options_.uncached_from_bytes || !is_caching) {
    return AllocateUncached(bytes, arenas_.FlagsOf(ArenaOf(thread)));
  }
  AfterSlowCall(thread);
  if (bytes > kLargestCachedBytes) {
    return AllocateUncached(bytes, arenas_.FlagsOf(thread.arena));
  }
  const SizeClass size_class = ClassFor(bytes);
  // A first call finds the bin empty because there was none; a collection only takes away.
  Source source(*this, thread.arena);
  void* object = thread.cache.TakeFrom(source, size_class);
  if (object == nullptr && GiveUpSlack(bytes)) {
    object = thread.cache.TakeFrom(source, size_class);
  }
  if (object != nullptr) {
    map_.SetLive(object, object::FrameClassOf(size_class));
  }
  return object;
}

std::size_t Heap::BytesToAskFor(std::size_t bytes) const {
  if (bytes >= options_.uncached_from_bytes) {
    return bytes < kSmallestExtentBytes ? kSmallestExtentBytes : bytes;
  }
  return bytes < kSmallestBytes ? kSmallestBytes : bytes;
}

void* Heap::AllocateUncached(std::size_t bytes, int flags) {
  void* object = jemalloc_mallocx(BytesToAskFor(bytes), flags);
  if (object == nullptr && GiveUpSlack(bytes)) {
    object = jemalloc_mallocx(BytesToAskFor(bytes), flags);
  }
  return Admit(object);
}

// Freed memory that jemalloc keeps for its decay time can be in the way of a request of another
// size. Called when a request has failed; returns whether it is worth another try.
bool Heap::GiveUpSlack(std::size_t wanted_bytes) {
  if (wanted_bytes > map_.range().bytes) {
    return false;
  }
  FlushThread();
  // 4096 stands for all arenas (MALLCTL_ARENAS_ALL).
  return jemalloc_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0) == 0;
}

std::size_t Heap::SizeFor(std::size_t bytes, int flags) const {
  return jemalloc_nallocx(BytesToAskFor(bytes), flags);
}

FrameClass Heap::ClassOfBlock(const void* block) const {
  const std::size_t usable = jemalloc_sallocx(block, 0);
  return usable > kLargestCachedBytes || usable >= options_.uncached_from_bytes
             ? FrameClass::kUncached
             : object::FrameClassOf(ClassFor(usable));
}

// Enters what jemalloc handed out one by one into the object map.
void* Heap::Admit(void* block) {
  if (block != nullptr && map_.range().Contains(VirtAddr::Of(block))) {
    const FrameClass frame_class = ClassOfBlock(block);
    map_.SetClassAt(block, frame_class);
    map_.SetLive(block, frame_class);
  }
  return block;
}

void* Heap::AllocateZeroed(std::size_t bytes) {
  if (bytes > kLargestCachedBytes) {
    // Fresh runs are zero already, and jemalloc knows which are.
    static_cast<void>(EnsureCache(t_heap));
    return AllocateUncached(bytes, arenas_.FlagsOf(ArenaOf(t_heap)) | kAllocxZero);
  }
  void* object = Allocate(bytes);
  if (object != nullptr) {
    std::memset(object, 0, bytes);
  }
  return object;
}

void* Heap::AllocateAligned(std::size_t bytes, std::size_t alignment) {
  PW_ASSERT(IsPowerOfTwo(alignment));
  if (alignment <= kFrameBytes && bytes <= kLargestSlabObjectBytes) {
    const std::size_t rounded = object::BytesForAlignment(bytes, alignment);
    if (rounded <= kLargestSlabObjectBytes && rounded < options_.uncached_from_bytes) {
      return Allocate(rounded);
    }
  }
  static_cast<void>(EnsureCache(t_heap));
  const int flags = arenas_.FlagsOf(ArenaOf(t_heap)) | AllocxAlignLog2(FloorLog2(alignment));
  // A large object without alignment starts on any cache line of its first page.
  return AllocateUncached(bytes < kSmallestExtentBytes ? kSmallestExtentBytes : bytes, flags);
}

// The program's flags, completed with this thread's arena unless they name one. Arena 0 is
// jemalloc's automatic one: whoever names it means "the usual".
int Heap::Complete(int flags) const {
  constexpr unsigned kArenaZero = 1;
  constexpr int kArenaMask = static_cast<int>(~0u << kAllocxArenaShift);
  if (static_cast<unsigned>(flags) >> kAllocxArenaShift <= kArenaZero) {
    flags = (flags & ~kArenaMask) | AllocxArena(arenas_.IndexOf(ArenaOf(t_heap)));
  }
  return (flags & kAllocxCacheMask) == 0 ? flags | kAllocxNoCache : flags;
}

void* Heap::AllocateWithFlags(std::size_t bytes, int flags) {
  static_cast<void>(EnsureCache(t_heap));
  return AllocateUncached(bytes, Complete(flags));
}

// --- Giving back ---------------------------------------------------------------------------------

FrameClass Heap::RequireLive(const void* object, const char* operation) const {
  if (map_.IsPlausible(object)) {
    const FrameClass frame_class = map_.ClassAt(object);
    if (frame_class != FrameClass::kNone && map_.IsLive(object, frame_class)) {
      return frame_class;
    }
  }
  DieOfBadPointer(map_, JemallocMetadata().os(), operation, object);
}

void Heap::FreeSlow(void* object) {
  if (object == nullptr) {
    return;
  }
  if (IsForeign(object)) {
    jemalloc_dallocx(object, kAllocxNoCache);
    return;
  }
  const FrameClass frame_class = RequireLive(object, "free");
  map_.SetDead(object, frame_class);
  FreeLive(object, frame_class);
}

// Takes an object that the map no longer calls live, and whose bin had no room or does not exist.
void Heap::FreeLive(void* object, FrameClass frame_class) {
  ThreadHeap& thread = t_heap;
  if (!IsCached(frame_class) || !EnsureCache(thread)) {
    jemalloc_dallocx(object, kAllocxNoCache);
    return;
  }
  const SizeClass size_class = SizeClassOf(frame_class);
  if (!thread.cache.TryPut(size_class, object)) {
    Source source(*this, thread.arena);
    thread.cache.MakeRoom(source, size_class);
    static_cast<void>(thread.cache.TryPut(size_class, object));
    AfterSlowCall(thread);
  }
}

void Heap::FreeWithFlags(void* object, int flags) {
  if ((flags & kAllocxCacheMask) == 0) {
    Free(object);
    return;
  }
  if (!IsForeign(object)) {
    map_.SetDead(object, RequireLive(object, "dallocx"));
  }
  jemalloc_dallocx(object, flags);
}

// --- Resizing ------------------------------------------------------------------------------------

std::size_t Heap::UsableSize(const void* object) {
  if (object == nullptr) {
    return 0;
  }
  if (IsForeign(object)) {
    return jemalloc_sallocx(object, 0);
  }
  const FrameClass frame_class = RequireLive(object, "malloc_usable_size");
  return IsCached(frame_class) ? BytesOf(SizeClassOf(frame_class)) : jemalloc_sallocx(object, 0);
}

void* Heap::Reallocate(void* object, std::size_t bytes) {
  if (object == nullptr) {
    return Allocate(bytes);
  }
  if (IsForeign(object)) {
    return Admit(jemalloc_rallocx(object, bytes, kAllocxNoCache));
  }
  const FrameClass frame_class = RequireLive(object, "realloc");
  if (!IsCached(frame_class) && bytes > kLargestCachedBytes) {
    return ReallocateWithFlags(object, bytes, arenas_.FlagsOf(ArenaOf(t_heap)));
  }
  const std::size_t old_bytes =
      IsCached(frame_class) ? BytesOf(SizeClassOf(frame_class)) : jemalloc_sallocx(object, 0);
  if (IsCached(frame_class) && bytes <= kLargestCachedBytes &&
      ClassFor(bytes) == SizeClassOf(frame_class)) {
    return object;
  }
  void* moved = Allocate(bytes);
  if (moved == nullptr) {
    return nullptr;
  }
  std::memcpy(moved, object, old_bytes < bytes ? old_bytes : bytes);
  Free(object);
  return moved;
}

void* Heap::ReallocateWithFlags(void* object, std::size_t bytes, int flags) {
  if (IsForeign(object)) {
    return Admit(jemalloc_rallocx(object, bytes, flags));
  }
  const FrameClass frame_class = RequireLive(object, "rallocx");
  // Dead while jemalloc works on it: its memory may be somebody else's object when the call
  // returns.
  map_.SetDead(object, frame_class);
  void* moved = jemalloc_rallocx(object, BytesToAskFor(bytes), Complete(flags));
  if (moved == nullptr && GiveUpSlack(bytes)) {
    moved = jemalloc_rallocx(object, BytesToAskFor(bytes), Complete(flags));
  }
  if (moved == nullptr) {
    map_.SetLive(object, frame_class);
    return nullptr;
  }
  return Admit(moved);
}

std::size_t Heap::ResizeInPlace(void* object, std::size_t bytes, std::size_t extra, int flags) {
  if (IsForeign(object)) {
    return jemalloc_xallocx(object, bytes, extra, flags);
  }
  const FrameClass frame_class = RequireLive(object, "xallocx");
  map_.SetDead(object, frame_class);
  const std::size_t usable = jemalloc_xallocx(object, bytes, extra, flags);
  static_cast<void>(Admit(object));
  return usable;
}

}  // namespace pageward::hooks
