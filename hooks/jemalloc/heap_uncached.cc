// Objects that pass no thread cache: large ones, those with flags of the program's own, and what is
// resized.
#include <cstring>

#include "hooks/jemalloc/bad_pointer.h"
#include "hooks/jemalloc/extent_hooks.h"
#include "hooks/jemalloc/heap.h"
#include "runtime/core/bits.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

using object::BytesOf;
using object::ClassFor;
using object::FrameClass;
using object::kLargestCachedBytes;
using object::kLargestSlabObjectBytes;
using object::SizeClassOf;

// The smallest object of jemalloc's that is an extent of its own by its size.
constexpr std::size_t kSmallestExtentBytes = 16384;
// The classes below that are alone in their slab, which goes with them. An extent has a page more
// than its object, and one of 16 KiB is a lot for 4.
constexpr std::size_t kAloneInSlab[] = {4096, 8192, 12288};
// jemalloc's smallest size class has 8 bytes, ours 16.
constexpr std::size_t kSmallestBytes = 16;

// How large an object is that passes no cache. The first call of a thread makes jemalloc note it.
std::size_t SizeOfUncached(const void* object) {
  const keys::Gate gate;
  return jemalloc_sallocx(object, 0);
}

}  // namespace

std::size_t Heap::BytesToAskFor(std::size_t bytes) const {
  if (bytes >= options_.uncached_from_bytes) {
    for (const std::size_t alone : kAloneInSlab) {
      if (bytes <= alone) {
        return alone;
      }
    }
    return bytes < kSmallestExtentBytes ? kSmallestExtentBytes : bytes;
  }
  return bytes < kSmallestBytes ? kSmallestBytes : bytes;
}

// --- Arenas and flags ----------------------------------------------------------------------------

unsigned Heap::ArenaFor(std::size_t bytes) const {
  return large_.Serves(bytes) ? large_.index() : arenas_.IndexOf(ArenaOf(t_heap));
}

// The *allocx flags for a request of this thread.
int Heap::FlagsFor(std::size_t bytes) const {
  return AllocxArena(ArenaFor(bytes)) | kAllocxNoCache;
}

// The program's flags, completed with an arena unless they name one. Arena 0 is jemalloc's
// automatic one: whoever names it means "the usual".
int Heap::Complete(std::size_t bytes, int flags) const {
  constexpr unsigned kArenaZero = 1;
  constexpr int kArenaMask = static_cast<int>(~0u << kAllocxArenaShift);
  if (static_cast<unsigned>(flags) >> kAllocxArenaShift <= kArenaZero) {
    flags = (flags & ~kArenaMask) | AllocxArena(ArenaFor(bytes));
  }
  return (flags & kAllocxCacheMask) == 0 ? flags | kAllocxNoCache : flags;
}

Heap::Origin Heap::OriginOf(int flags) const {
  return static_cast<unsigned>(flags) >> kAllocxArenaShift == large_.index() + 1
             ? Origin::kLargeArena
             : Origin::kElsewhere;
}

// --- Allocating ----------------------------------------------------------------------------------

void* Heap::AllocateUncached(std::size_t bytes, int flags) {
  const keys::Gate gate;
  void* object = jemalloc_mallocx(BytesToAskFor(bytes), flags);
  if (object == nullptr && GiveUpSlack(bytes)) {
    object = jemalloc_mallocx(BytesToAskFor(bytes), flags);
  }
  return Admit(object, OriginOf(flags));
}

// Freed memory that jemalloc keeps for its decay time can be in the way of a request of another
// size. Called when a request has failed; returns whether it is worth another try.
bool Heap::GiveUpSlack(std::size_t wanted_bytes) {
  if (wanted_bytes > map_.range().bytes) {
    return false;
  }
  FlushThread();
  const keys::Gate gate;
  // 4096 stands for all arenas (MALLCTL_ARENAS_ALL).
  const int error = jemalloc_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
  FinishPurge();
  return error == 0;
}

std::size_t Heap::SizeFor(std::size_t bytes, int flags) const {
  const keys::Gate gate;
  return jemalloc_nallocx(BytesToAskFor(bytes), flags);
}

FrameClass Heap::ClassOf(std::size_t usable, Origin origin) const {
  if (usable <= kLargestCachedBytes && usable < options_.uncached_from_bytes) {
    return object::FrameClassOf(ClassFor(usable));
  }
  return origin == Origin::kLargeArena ? FrameClass::kLarge : FrameClass::kUncached;
}

// Enters what jemalloc handed out one by one into the object map.
void* Heap::Admit(void* block, Origin origin) {
  if (block != nullptr && map_.range().Contains(VirtAddr::Of(block))) {
    const std::size_t usable = jemalloc_sallocx(block, 0);
    const FrameClass frame_class = ClassOf(usable, origin);
    map_.SetClassAt(block, frame_class);
    map_.SetLive(block, frame_class);
    if (frame_class == FrameClass::kLarge) {
      large_.NoteAllocated(usable);
    }
  }
  return block;
}

void* Heap::AllocateAligned(std::size_t bytes, std::size_t alignment) {
  PW_ASSERT(IsPowerOfTwo(alignment));
  if (alignment <= kFrameBytes && bytes <= kLargestSlabObjectBytes) {
    const std::size_t rounded = object::BytesForAlignment(bytes, alignment);
    if (rounded <= kLargestSlabObjectBytes && rounded < options_.uncached_from_bytes) {
      return Allocate(rounded);
    }
  }
  const keys::Gate gate;
  static_cast<void>(PrepareToAllocate(t_heap));
  const int flags = FlagsFor(bytes) | AllocxAlignLog2(FloorLog2(alignment));
  // A large object without alignment starts on any cache line of its first page.
  return AllocateUncached(bytes < kSmallestExtentBytes ? kSmallestExtentBytes : bytes, flags);
}

void* Heap::AllocateWithFlags(std::size_t bytes, int flags) {
  const keys::Gate gate;
  static_cast<void>(PrepareToAllocate(t_heap));
  return AllocateUncached(bytes, Complete(bytes, flags));
}

// --- Giving back ---------------------------------------------------------------------------------

// Takes an object that the map no longer calls live past the caches.
void Heap::FreeUncached(void* object, FrameClass frame_class, int flags) {
  const keys::Gate gate;
  if (frame_class != FrameClass::kLarge) {
    jemalloc_dallocx(object, flags);
    return;
  }
  const std::size_t usable = jemalloc_sallocx(object, 0);
  jemalloc_dallocx(object, flags);
  large_.NoteFreed(usable);
}

void Heap::FreeWithFlags(void* object, int flags) {
  if ((flags & kAllocxCacheMask) == 0) {
    Free(object);
    return;
  }
  if (IsForeign(object)) {
    const keys::Gate gate;
    jemalloc_dallocx(object, flags);
    return;
  }
  const FrameClass frame_class = RequireLive(object, "dallocx");
  map_.SetDead(object, frame_class);
  const keys::Gate gate;
  FreeUncached(object, frame_class, flags);
}

// --- Resizing ------------------------------------------------------------------------------------

std::size_t Heap::UsableSize(const void* object) {
  if (object == nullptr) {
    return 0;
  }
  if (IsForeign(object)) {
    return SizeOfUncached(object);
  }
  const FrameClass frame_class = RequireLive(object, "malloc_usable_size");
  return IsCached(frame_class) ? BytesOf(SizeClassOf(frame_class)) : SizeOfUncached(object);
}

void* Heap::Reallocate(void* object, std::size_t bytes) {
  if (object == nullptr) {
    return Allocate(bytes);
  }
  if (IsForeign(object)) {
    const keys::Gate gate;
    return Admit(jemalloc_rallocx(object, bytes, kAllocxNoCache), Origin::kElsewhere);
  }
  const FrameClass frame_class = RequireLive(object, "realloc");
  if (!IsCached(frame_class) && bytes > kLargestCachedBytes) {
    return ReallocateWithFlags(object, bytes, FlagsFor(bytes));
  }
  const std::size_t old_bytes =
      IsCached(frame_class) ? BytesOf(SizeClassOf(frame_class)) : SizeOfUncached(object);
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
    const keys::Gate gate;
    return Admit(jemalloc_rallocx(object, bytes, flags), Origin::kElsewhere);
  }
  const FrameClass frame_class = RequireLive(object, "rallocx");
  const keys::Gate gate;
  const int all_flags = Complete(bytes, flags);
  const bool was_large = frame_class == FrameClass::kLarge;
  const std::size_t before = was_large ? jemalloc_sallocx(object, 0) : 0;
  // Dead while jemalloc works on it: its memory may be somebody else's object when the call
  // returns.
  map_.SetDead(object, frame_class);
  void* moved = jemalloc_rallocx(object, BytesToAskFor(bytes), all_flags);
  if (moved == nullptr && GiveUpSlack(bytes)) {
    moved = jemalloc_rallocx(object, BytesToAskFor(bytes), all_flags);
  }
  if (moved == nullptr) {
    map_.SetLive(object, frame_class);
    return nullptr;
  }
  // An object that stays where it is stays in its arena, whatever the flags say.
  const Origin stayed = was_large ? Origin::kLargeArena : Origin::kElsewhere;
  Admit(moved, moved == object ? stayed : OriginOf(all_flags));
  if (was_large) {
    large_.NoteFreed(before);
  }
  return moved;
}

std::size_t Heap::ResizeInPlace(void* object, std::size_t bytes, std::size_t extra, int flags) {
  if (IsForeign(object)) {
    const keys::Gate gate;
    return jemalloc_xallocx(object, bytes, extra, flags);
  }
  const FrameClass frame_class = RequireLive(object, "xallocx");
  const keys::Gate gate;
  const bool was_large = frame_class == FrameClass::kLarge;
  const std::size_t before = was_large ? jemalloc_sallocx(object, 0) : 0;
  map_.SetDead(object, frame_class);
  const std::size_t usable = jemalloc_xallocx(object, bytes, extra, flags);
  Admit(object, was_large ? Origin::kLargeArena : Origin::kElsewhere);
  if (was_large) {
    large_.NoteFreed(before);
  }
  return usable;
}

}  // namespace pageward::hooks
