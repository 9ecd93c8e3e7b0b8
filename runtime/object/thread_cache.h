// A thread's own stock of small objects: what malloc and free touch when all is well.
//
// One bin for each size class, a stack of pointers that grows down. Taking and putting are a few
// instructions without locks or atomics; an empty or full bin goes to the ObjectSource for a batch.
// The pointers live outside the objects, so a freed object that the program still writes to can't
// lead the heap astray.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/core/check.h"
#include "runtime/object/object_source.h"
#include "runtime/object/size_class.h"

namespace pageward::object {

/// How many objects of a class a cache may hold.
///
/// About 12 KiB of objects, so that a cache stays small beside what it serves, but enough small
/// ones to make trips to the source rare and a few large ones to serve a loop.
constexpr std::size_t CapacityOf(SizeClass size_class) {
  const std::size_t by_bytes = 12288 / BytesOf(size_class);
  if (!size_class.IsSlab()) {
    return 4;
  }
  return by_bytes > 200 ? 200 : by_bytes < 20 ? 20 : by_bytes;
}

/// How many objects of a class a cache may hold that has never been asked for one: a thread that
/// only frees has no use for them.
constexpr std::size_t UnusedCapacityOf(SizeClass size_class) {
  const std::size_t capacity = CapacityOf(size_class);
  const std::size_t least = capacity < 16 ? capacity : 16;
  return capacity / 4 > least ? capacity / 4 : least;
}

namespace internal {

constexpr std::size_t TotalCapacity() {
  std::size_t total = 0;
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    total += CapacityOf(SizeClass(i));
  }
  return total;
}

}  // namespace internal

/// A stack of free objects of one class.
///
/// Slots [head, end) hold objects; a bin without slots is empty and full at once.
struct CacheBin {
  void** head = nullptr;
  void** end = nullptr;
  void** first = nullptr;  ///< The slot with which it is full.
  /// How many objects the next refill asks for; doubles while the bin keeps running dry.
  std::uint16_t fill_count = 0;
  /// Whether the bin ran dry since the last collection: then it holds nothing in excess.
  bool ran_dry = false;

  std::size_t count() const { return static_cast<std::size_t>(end - head); }
};

/// The slots of one cache. Given to a thread with its first object and passed on to a later thread
/// when it ends: memory whose pages have been touched already.
struct CacheSlots {
  std::array<void*, internal::TotalCapacity()> slots;
  CacheSlots* next_free;
};

/// One thread's cache. Lives in thread-local storage; all zero is a valid state, without slots.
///
/// Belongs to its thread: externally synchronized, and not usable in signal handlers that interrupt
/// it. Never allocates but through the source.
///
/// Invariants, checked by CheckInvariants():
///   C1  each bin has first <= head <= end, and end - first is a capacity of its class: the lesser
///       one until the bin is refilled for the first time
///   C2  no slot in [head, end) is null
///   C3  no object is in two slots of a bin
class ThreadCache {
 public:
  constexpr ThreadCache() = default;
  ThreadCache(const ThreadCache&) = delete;
  ThreadCache& operator=(const ThreadCache&) = delete;

  /// Takes the object put last, or returns null if the bin is empty.
  [[gnu::always_inline]] void* TryTake(SizeClass size_class) {
    CacheBin& bin = bins_[size_class.index()];
    void** head = bin.head;
    if (head == bin.end) [[unlikely]] {
      return nullptr;
    }
    bin.head = head + 1;
    void* object = *head;
    if (object == nullptr) {
      __builtin_unreachable();  // C2; so that callers need not ask again whether there was one.
    }
    return object;
  }

  /// Puts `object` on top; returns whether there was room.
  [[gnu::always_inline]] bool TryPut(SizeClass size_class, void* object) {
    CacheBin& bin = bins_[size_class.index()];
    void** head = bin.head;
    if (head == bin.first) [[unlikely]] {
      return false;
    }
    *--head = object;
    bin.head = head;
    return true;
  }

  bool HasSlots() const { return slots_ != nullptr; }

  /// Gives the cache its slots. Requires: !HasSlots().
  void Attach(CacheSlots* slots);

  /// Flushes everything and gives the slots up. Requires: HasSlots().
  CacheSlots* Detach(ObjectSource& source);

  /// Gives the slots up without touching the objects: for a fork child, where the slots of the
  /// threads that are gone may be in the middle of a change. Requires: HasSlots().
  CacheSlots* Abandon();

  /// Refills the bin from `source` and takes one object; null if there is no memory.
  ///
  /// Requires: HasSlots(), and the bin is empty.
  void* TakeFrom(ObjectSource& source, SizeClass size_class);

  /// Flushes the older half of the bin, which is the end of the stack, or all of a bin that nobody
  /// has taken from for long: a thread that only frees has no use for what it keeps.
  /// Requires: HasSlots().
  void MakeRoom(ObjectSource& source, SizeClass size_class);

  /// Returns what the bins hold in excess: half of each bin that has not run dry since the last
  /// call. Cheap enough to be called every few hundred refills. Requires: HasSlots().
  void Collect(ObjectSource& source);

  /// Flushes every bin. Requires: HasSlots().
  void FlushAll(ObjectSource& source);

  /// Bytes in all bins.
  std::size_t CachedBytes() const;

  void CheckInvariants() const;

 private:
  void FlushOldest(ObjectSource& source, SizeClass size_class, std::size_t count);

  std::array<CacheBin, kSizeClassCount> bins_ = {};
  CacheSlots* slots_ = nullptr;
};

}  // namespace pageward::object
