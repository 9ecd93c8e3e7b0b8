// Which addresses are objects that the program holds, and of which size class.
//
// The heap answers one question with it before it believes a pointer: does a live object start
// exactly here? One byte answers, so that a wrong pointer - foreign, into the middle of an object,
// given back already, never handed out - is told from a right one by one load and one comparison,
// without a lock and without touching the object.
//
//   class table     one byte for each frame: the size class of the objects that start in it
//   live tables     one byte for each 16 bytes (objects under 64 bytes) or 64 bytes (the others):
//                   0, or 1 + the granule of the unit in which a live object starts
//
// Objects of at least 64 bytes start at least 64 bytes apart, so each unit has at most one start.
// Bytes and not bits: neighbours belong to different threads, and a byte can be stored without an
// atomic read-modify-write and without losing the neighbour's store.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/core/address.h"
#include "runtime/core/bits.h"
#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/object/size_class.h"

namespace pageward::object {

/// What the class table says about a frame.
enum class FrameClass : std::uint8_t {
  kNone = 0,  ///< No object has started here yet.
  // 1 + index of a SizeClass
  kLarge = 254,     ///< As kUncached, and from the place that large objects have of their own.
  kUncached = 255,  ///< The one object that starts here is larger than every class.
};

constexpr FrameClass FrameClassOf(SizeClass size_class) {
  return static_cast<FrameClass>(size_class.index() + 1);
}

/// Returns whether objects of `frame_class` pass through the thread caches: one comparison.
constexpr bool IsCached(FrameClass frame_class) {
  return static_cast<unsigned>(frame_class) - 1 < kSizeClassCount;
}

/// Returns the size class that `frame_class` stands for. Requires: IsCached(frame_class).
constexpr SizeClass SizeClassOf(FrameClass frame_class) {
  PW_ASSERT(IsCached(frame_class));
  return SizeClass(static_cast<std::size_t>(frame_class) - 1);
}

/// Live objects of one range of addresses.
///
/// Thread-safe in this sense: bytes are read and written as relaxed atomics, each object's byte is
/// only written by the thread that holds the object, and handing an object to another thread is
/// ordered by whatever the program or the heap uses to hand it over. Never allocates.
class ObjectMap {
 public:
  /// Objects under this size have a byte for each 16 bytes, the others one for each 64.
  static constexpr std::size_t kCoarseFromBytes = 64;
  static constexpr unsigned kCoarseUnitLog2 = 6;

  /// Memory that the map needs for `range_bytes` of addresses, each of which must be zero-filled
  /// where the range is in use.
  static constexpr std::uint64_t ClassBytesFor(std::uint64_t range_bytes) {
    return range_bytes >> kFrameBytesLog2;
  }
  static constexpr std::uint64_t FineBytesFor(std::uint64_t range_bytes) {
    return range_bytes >> kGranuleBytesLog2;
  }
  static constexpr std::uint64_t CoarseBytesFor(std::uint64_t range_bytes) {
    return range_bytes >> kCoarseUnitLog2;
  }

  /// A map of nothing: every pointer lies outside.
  constexpr ObjectMap() = default;

  /// A map of `range`, whose bounds are multiples of a frame, in the given tables.
  ObjectMap(VirtRange range, std::uint8_t* class_table, std::uint8_t* fine_table,
            std::uint8_t* coarse_table)
      : base_(range.begin.value()),
        granules_(range.bytes >> kGranuleBytesLog2),
        class_table_(class_table),
        fine_table_(fine_table),
        coarse_table_(coarse_table) {}

  VirtRange range() const { return {VirtAddr(base_), granules_ << kGranuleBytesLog2}; }

  /// Returns whether `object` lies in the range and on a multiple of 16. One comparison: rotating
  /// the offset moves its low bits to the top, where any of them makes it too large.
  bool IsPlausible(const void* object) const {
    return std::rotr(OffsetOf(object), kGranuleBytesLog2) < granules_;
  }

  /// Returns what starts in the frame of `object`. Requires: IsPlausible(object).
  FrameClass ClassAt(const void* object) const {
    return static_cast<FrameClass>(Load(class_table_ + (OffsetOf(object) >> kFrameBytesLog2)));
  }

  /// Says that objects of `frame_class` start in the frame of `object` from now on.
  void SetClassAt(const void* object, FrameClass frame_class) {
    std::uint8_t* entry = class_table_ + (OffsetOf(object) >> kFrameBytesLog2);
    // Most often it says so already, and a store would take the line away from other threads.
    if (Load(entry) != static_cast<std::uint8_t>(frame_class)) {
      Store(entry, static_cast<std::uint8_t>(frame_class));
    }
  }

  /// Returns whether a live object of `frame_class` starts at `object`.
  ///
  /// Requires: IsPlausible(object), ClassAt(object) == frame_class, which is not kNone.
  bool IsLive(const void* object, FrameClass frame_class) const {
    const std::uint64_t offset = OffsetOf(object);
    return IsFine(frame_class) ? Load(fine_table_ + FineIndex(offset)) == kFineLive
                               : Load(coarse_table_ + CoarseIndex(offset)) == CoarseLive(offset);
  }

  /// Notes that `object` has been handed to the program. Requires: as IsLive().
  void SetLive(const void* object, FrameClass frame_class) {
    const std::uint64_t offset = OffsetOf(object);
    if (IsFine(frame_class)) {
      Store(fine_table_ + FineIndex(offset), kFineLive);
    } else {
      Store(coarse_table_ + CoarseIndex(offset), CoarseLive(offset));
    }
  }

  /// Notes that `object` has come back. Requires: as IsLive().
  void SetDead(const void* object, FrameClass frame_class) {
    const std::uint64_t offset = OffsetOf(object);
    Store(
        IsFine(frame_class) ? fine_table_ + FineIndex(offset) : coarse_table_ + CoarseIndex(offset),
        0);
  }

  /// Returns the start of the live object of a size class that `inside` points into, if there is
  /// one. For reports: it searches backwards, up to the largest slab object.
  std::optional<const void*> FindObjectAround(const void* inside) const;

 private:
  static constexpr std::uint8_t kFineLive = 1;

  static bool IsFine(FrameClass frame_class) {
    constexpr auto kFirstCoarse = FrameClassOf(ClassFor(kCoarseFromBytes));
    return frame_class < kFirstCoarse;
  }
  static std::uint64_t FineIndex(std::uint64_t offset) { return offset >> kGranuleBytesLog2; }
  static std::uint64_t CoarseIndex(std::uint64_t offset) { return offset >> kCoarseUnitLog2; }
  static std::uint8_t CoarseLive(std::uint64_t offset) {
    constexpr std::uint64_t kGranuleInUnit = (1 << (kCoarseUnitLog2 - kGranuleBytesLog2)) - 1;
    return static_cast<std::uint8_t>(1 + (offset >> kGranuleBytesLog2 & kGranuleInUnit));
  }

  static std::uint8_t Load(const std::uint8_t* byte) {
    return __atomic_load_n(byte, __ATOMIC_RELAXED);
  }
  static void Store(std::uint8_t* byte, std::uint8_t value) {
    __atomic_store_n(byte, value, __ATOMIC_RELAXED);
  }

  std::uint64_t OffsetOf(const void* object) const {
    return reinterpret_cast<std::uintptr_t>(object) - base_;
  }

  std::uint64_t base_ = 0;
  std::uint64_t granules_ = 0;
  std::uint8_t* class_table_ = nullptr;
  std::uint8_t* fine_table_ = nullptr;
  std::uint8_t* coarse_table_ = nullptr;
};

}  // namespace pageward::object
