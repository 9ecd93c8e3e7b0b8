// Which addresses are objects that the program holds, and of which size class.
//
// The heap answers one question with it before it believes a pointer: does a live object start
// exactly here? One byte answers, so that a wrong pointer - foreign, into the middle of an object,
// given back already, never handed out - is told from a right one by one load and one comparison,
// without a lock and without touching the object.
//
//   class table     one byte for each frame: the size class of the objects that start in it
//   live tables     one byte for each unit of 16, 64, 128, 256 or 512 bytes, by the size of the
//                   objects: 0, or 1 + the granule of the unit in which a live object starts
//
// Objects are at least as large as the units of their table, so each unit has at most one
// start. The larger the unit, the fewer lines of the processor's cache the objects of a program
// share. Bytes and not bits: neighbours belong to different threads, and a byte can be stored
// without an atomic read-modify-write and without losing the neighbour's store.
#pragma once

#include <array>
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

namespace internal {

// The units of the live tables, each the size of the smallest objects that it is for.
inline constexpr std::array<std::uint8_t, 5> kUnitLog2 = {4, 6, 7, 8, 9};

// How the live objects of a class are noted. Four bytes, so that an entry is found by a scaled
// index.
struct alignas(4) Grain {
  std::uint8_t table;
  std::uint8_t unit_log2;
  std::uint8_t granule_mask;  // of a granule's number within its unit
};

// By FrameClass. A table and no comparisons: the sizes that a program asks for follow no pattern
// that a processor could predict.
inline constexpr std::array<Grain, 256> kGrains = [] {
  std::array<Grain, 256> grains{};
  for (std::size_t index = 0; index < grains.size(); ++index) {
    const auto frame_class = static_cast<FrameClass>(index);
    std::uint8_t table = 0;
    while (table + 1u < kUnitLog2.size() &&
           frame_class >= FrameClassOf(ClassFor(std::size_t{1} << kUnitLog2[table + 1u]))) {
      ++table;
    }
    const std::uint8_t unit_log2 = kUnitLog2[table];
    const auto mask = static_cast<std::uint8_t>((1u << (unit_log2 - kGranuleBytesLog2)) - 1);
    grains[index] = Grain{table, unit_log2, mask};
  }
  return grains;
}();

}  // namespace internal

/// Live objects of one range of addresses.
///
/// Thread-safe in this sense: bytes are read and written as relaxed atomics, each object's byte is
/// only written by the thread that holds the object, and handing an object to another thread is
/// ordered by whatever the program or the heap uses to hand it over. Never allocates.
class ObjectMap {
 public:
  /// How many live tables there are.
  static constexpr unsigned kLiveTableCount = internal::kUnitLog2.size();

  /// Memory that the map needs for `range_bytes` of addresses, each of which must be zero-filled
  /// where the range is in use.
  static constexpr std::uint64_t ClassBytesFor(std::uint64_t range_bytes) {
    return range_bytes >> kFrameBytesLog2;
  }
  static constexpr std::uint64_t LiveBytesFor(unsigned table, std::uint64_t range_bytes) {
    return range_bytes >> internal::kUnitLog2[table];
  }

  /// A map of nothing: every pointer lies outside.
  constexpr ObjectMap() = default;

  /// A map of `range`, whose bounds are multiples of a frame, in the given tables.
  ObjectMap(VirtRange range, std::uint8_t* class_table,
            const std::array<std::uint8_t*, kLiveTableCount>& live_tables)
      : base_(range.begin.value()),
        granules_(range.bytes >> kGranuleBytesLog2),
        class_table_(class_table),
        live_tables_(live_tables) {}

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
    const Place place = PlaceOf(object, frame_class);
    return Load(place.byte) == place.live;
  }

  /// Notes that `object` has been handed to the program. Requires: as IsLive().
  void SetLive(const void* object, FrameClass frame_class) {
    const Place place = PlaceOf(object, frame_class);
    Store(place.byte, place.live);
  }

  /// Notes that `object` has come back. Requires: as IsLive().
  void SetDead(const void* object, FrameClass frame_class) {
    Store(PlaceOf(object, frame_class).byte, 0);
  }

  /// Takes `object` back if it is live: IsLive() and SetDead() in one. Requires: as IsLive().
  [[nodiscard]] bool TrySetDead(const void* object, FrameClass frame_class) {
    const Place place = PlaceOf(object, frame_class);
    if (Load(place.byte) != place.live) [[unlikely]] {
      return false;
    }
    Store(place.byte, 0);
    return true;
  }

  /// Returns the start of the live object of a size class that `inside` points into, if there is
  /// one. For reports: it searches backwards, up to the largest slab object.
  std::optional<const void*> FindObjectAround(const void* inside) const;

 private:
  // Where a live object has its byte, and what it says then.
  struct Place {
    std::uint8_t* byte;
    std::uint8_t live;
  };

  Place PlaceOf(const void* object, FrameClass frame_class) const {
    // By reference: a copy of three bytes goes through the stack.
    const internal::Grain& grain = internal::kGrains[static_cast<std::size_t>(frame_class)];
    const std::uint64_t offset = OffsetOf(object);
    return Place{live_tables_[grain.table] + (offset >> grain.unit_log2),
                 static_cast<std::uint8_t>(1 + (offset >> kGranuleBytesLog2 & grain.granule_mask))};
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
  std::array<std::uint8_t*, kLiveTableCount> live_tables_ = {};
};

}  // namespace pageward::object
