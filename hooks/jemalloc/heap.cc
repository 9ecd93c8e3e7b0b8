#include "hooks/jemalloc/heap.h"

#include <cstring>

#include "hooks/jemalloc/bad_pointer.h"
#include "hooks/jemalloc/metadata_area.h"
#include "runtime/core/bits.h"
#include "runtime/keys/gate.h"

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

  // A cache can be overwritten: whatever it says about where its slots are is believed outside the
  // gate only, and inside it work goes on with copies.

  std::size_t Fill(SizeClass size_class, std::span<void*> slots) override {
    if (!keys::IsMetadataClosed()) [[likely]] {
      return FillInto(size_class, slots);
    }
    const keys::BaselineScope closed;
    CheckArena();
    void* taken[kMostAtOnce];
    const std::span<void*> room(taken, slots.size() < kMostAtOnce ? slots.size() : kMostAtOnce);
    const std::size_t filled = FillInto(size_class, room);
    for (std::size_t i = 1; i <= filled; ++i) {
      slots[slots.size() - i] = room[room.size() - i];
    }
    return filled;
  }

  void Flush(SizeClass size_class, std::span<void*> objects) override {
    if (!keys::IsMetadataClosed()) [[likely]] {
      FlushFrom(size_class, objects);
      return;
    }
    const keys::BaselineScope closed;
    CheckArena();
    void* given[kMostAtOnce];
    while (!objects.empty()) {
      const std::size_t count = objects.size() < kMostAtOnce ? objects.size() : kMostAtOnce;
      for (std::size_t i = 0; i < count; ++i) {
        given[i] = Checked(size_class, objects[i]);
      }
      FlushFrom(size_class, std::span(given, count));
      objects = objects.subspan(count);
    }
  }

 private:
  // No bin holds more.
  static constexpr std::size_t kMostAtOnce = 200;

  void CheckArena() const {
    PW_CHECK(arena_.value < heap_.arenas_.count(), Violation::kInvariant, arena_.value);
  }

  // Dies unless `object` is where objects of its class are, and not in the program's hands.
  void* Checked(SizeClass size_class, void* object) const {
    const FrameClass frame_class = object::FrameClassOf(size_class);
    PW_CHECK(heap_.map_.IsPlausible(object) && heap_.map_.ClassAt(object) == frame_class &&
                 !heap_.map_.IsLive(object, frame_class),
             Violation::kForeignPointer, VirtAddr::Of(object).value());
    return object;
  }

  std::size_t FillInto(SizeClass size_class, std::span<void*> slots) {
    const keys::Gate gate;
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

  void FlushFrom(SizeClass size_class, std::span<void*> objects) {
    const keys::Gate gate;
    if (size_class.IsSlab()) {
      heap_.arenas_.Flush(arena_, BinOf(size_class), BytesOf(size_class), objects);
      return;
    }
    for (void* object : objects) {
      jemalloc_sdallocx(object, BytesOf(size_class), kAllocxNoCache);
    }
  }

  Heap& heap_;
  ArenaSlot arena_;
};

Status Heap::Start(const object::ObjectMap& map, const HeapOptions& options) {
  map_ = map;
  options_ = options;
  if (const Status made = arenas_.Init(options.arenas); !made.ok()) {
    return made;
  }
  large_.Init(ArenaSet::kJemallocsOwn, options.large_from_bytes);
  return Status();
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
  const keys::Gate gate;
  // Lets jemalloc set up its own thread-specific data: the batch functions expect it, and its
  // destructor is where LeaveThread() is called from.
  static_cast<void>(jemalloc_nallocx(object::kGranuleBytes, 0));
  MutexLock lock(threads_mutex_);
  CacheSlots* slots = TakeSlots();
  if (slots == nullptr) {
    return false;
  }
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

// Returns whether the thread has a cache to allocate through.
bool Heap::PrepareToAllocate(ThreadHeap& thread) {
  if (!EnsureCache(thread)) {
    return false;
  }
  if (!thread.has_arena) {
    const keys::Gate gate;
    thread.arena = arenas_.Enter();
    thread.has_arena = true;
  }
  return true;
}

// What threads know of each other lies where each of them can write: it is followed at the
// baseline.
void Heap::Unlink(ThreadHeap& thread) {
  if (thread.previous == nullptr) {
    threads_ = thread.next;
  }
  --thread_count_;
  const keys::BaselineScope closed;
  if (thread.previous != nullptr) {
    thread.previous->next = thread.next;
  }
  if (thread.next != nullptr) {
    thread.next->previous = thread.previous;
  }
}

void Heap::LeaveThread() {
  ThreadHeap& thread = t_heap;
  if (thread.state == ThreadHeap::State::kCaching) {
    Source source(*this, thread.arena);
    CacheSlots* slots = thread.cache.Detach(source);
    {
      const keys::Gate gate;
      MutexLock lock(threads_mutex_);
      Unlink(thread);
      {
        const keys::BaselineScope closed;
        slots->next_free = free_slots_;
      }
      free_slots_ = slots;
    }
  }
  if (thread.has_arena) {
    const keys::Gate gate;
    arenas_.Leave(thread.arena);
    thread.has_arena = false;
  }
  thread.state = ThreadHeap::State::kWithout;
}

void Heap::FlushThread() {
  if (t_heap.state == ThreadHeap::State::kCaching) {
    const keys::BaselineScope closed;
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
  return thread.has_arena ? thread.arena : ArenaSlot{0};
}

std::size_t Heap::CachedBytes() {
  const keys::Gate gate;
  MutexLock lock(threads_mutex_);
  std::size_t bytes = 0;
  for (const ThreadHeap* thread = threads_; thread != nullptr; thread = thread->next) {
    bytes += thread->cache.CachedBytes();
  }
  return bytes;
}

std::uint32_t Heap::ThreadCount() {
  const keys::Gate gate;
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
  arenas_.ForgetOtherThreads(thread.has_arena ? std::optional(thread.arena) : std::nullopt);
  ParentAfterFork();
}

// --- Allocating ----------------------------------------------------------------------------------

void* Heap::AllocateSlow(std::size_t bytes) {
  ThreadHeap& thread = t_heap;
  const bool is_caching = PrepareToAllocate(thread);
  if (bytes >= options_.uncached_from_bytes || !is_caching) {
    return AllocateUncached(bytes, FlagsFor(bytes));
  }
  AfterSlowCall(thread);
  if (bytes > kLargestCachedBytes) {
    return AllocateUncached(bytes, FlagsFor(bytes));
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

void* Heap::AllocateZeroed(std::size_t bytes) {
  if (bytes > kLargestCachedBytes) {
    // Fresh runs are zero already, and jemalloc knows which are.
    const keys::Gate gate;
    static_cast<void>(PrepareToAllocate(t_heap));
    return AllocateUncached(bytes, FlagsFor(bytes) | kAllocxZero);
  }
  void* object = Allocate(bytes);
  if (object != nullptr) {
    std::memset(object, 0, bytes);
  }
  return object;
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
    const keys::Gate gate;
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
    FreeUncached(object, frame_class, kAllocxNoCache);
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

}  // namespace pageward::hooks
