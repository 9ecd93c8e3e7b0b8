// What a pageblock is kept for and who can reach it: the key by which free frames are grouped.
//
// Mobility and visibility are orthogonal, hence two fields and not one enumeration of their
// product. Not every product exists: memory that ordinary code can't reach is unmovable, because
// nobody could move its contents. A freetype without lists is a value all the same, so that
// searches can vary one field and skip what does not exist.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/core/check.h"

// Set to 0 for a whole build to leave unmapped memory out. Visibility::kUnmapped does not exist
// then, so code that needs unmapped memory fails to compile; it never gets ordinary memory.
#ifndef PW_FRAME_UNMAPPED
#define PW_FRAME_UNMAPPED 1
#endif

namespace pageward::frame {

/// How long the contents of a frame stay where they are.
enum class Mobility : std::uint8_t { kUnmovable, kMovable, kReclaimable };
inline constexpr std::size_t kMobilityCount = 3;

/// Who can reach a frame at its home address. Zero is what a zone starts with.
enum class Visibility : std::uint8_t {
  kMapped,  ///< Everybody.
  kKeyed,   ///< Whoever has a window of the owner's open.
#if PW_FRAME_UNMAPPED
  kUnmapped,  ///< Nobody; only views at other addresses show it.
#endif
};
inline constexpr std::size_t kVisibilityCount = 2 + PW_FRAME_UNMAPPED;

/// Who owns keyed memory: a domain, or a pool of table pages. Not a hardware key.
struct OwnerId {
  std::uint16_t value = 0;

  constexpr OwnerId() = default;
  explicit constexpr OwnerId(std::uint16_t id) : value(id) {}

  friend constexpr bool operator==(OwnerId, OwnerId) = default;
};

/// The owner of everything that is not keyed.
inline constexpr OwnerId kNoOwner{};

/// What all frames of a pageblock have in common.
struct Freetype {
  Mobility mobility = Mobility::kMovable;
  Visibility visibility = Visibility::kMapped;
  OwnerId owner = kNoOwner;

  static constexpr Freetype Mapped(Mobility mobility) {
    return Freetype{mobility, Visibility::kMapped, kNoOwner};
  }
#if PW_FRAME_UNMAPPED
  static constexpr Freetype Unmapped() {
    return Freetype{Mobility::kUnmovable, Visibility::kUnmapped, kNoOwner};
  }
#endif
  static constexpr Freetype Keyed(OwnerId owner) {
    return Freetype{Mobility::kUnmovable, Visibility::kKeyed, owner};
  }

  /// Returns the same with another mobility: the only field that a fallback may vary.
  constexpr Freetype With(Mobility other) const {
    return Freetype{other, visibility, owner};
  }

  constexpr bool IsMapped() const {
    return visibility == Visibility::kMapped;
  }
  constexpr bool IsKeyed() const {
    return visibility == Visibility::kKeyed;
  }

  friend constexpr bool operator==(const Freetype&, const Freetype&) = default;
};

/// Returns whether free frames of `type` have lists anywhere, so that blocks may be of this type.
/// Numbers that are no enumerators, as a caller from outside may bring them, have none.
constexpr bool HasLists(Freetype type) {
  const bool is_known = static_cast<std::size_t>(type.mobility) < kMobilityCount &&
                        static_cast<std::size_t>(type.visibility) < kVisibilityCount;
  const bool owner_fits = type.IsKeyed() == (type.owner != kNoOwner);
  return is_known && owner_fits && (type.IsMapped() || type.mobility == Mobility::kUnmovable);
}

/// Returns whether free blocks of both types may become one.
///
/// Mobility is bookkeeping and follows the merge. Visibility and owner are facts about mappings,
/// which a merge must not have to change.
constexpr bool CanMerge(Freetype a, Freetype b) {
  return a.visibility == b.visibility && a.owner == b.owner;
}

/// The number of freetypes whose lists are the allocator's own; those of keyed memory belong to
/// its owners.
inline constexpr std::size_t kCentralTypeCount = kMobilityCount + PW_FRAME_UNMAPPED;

/// The dense number of a freetype with central lists.
class FreetypeIndex {
 public:
  /// Requires: `value` < kCentralTypeCount.
  explicit constexpr FreetypeIndex(std::size_t value) : value_(static_cast<std::uint8_t>(value)) {
    PW_ASSERT(value < kCentralTypeCount);
  }

  constexpr std::size_t value() const { return value_; }

  friend constexpr bool operator==(FreetypeIndex, FreetypeIndex) = default;

 private:
  std::uint8_t value_;
};

/// Returns the index of `type`, or nothing if it has no central lists.
constexpr std::optional<FreetypeIndex> IndexOf(Freetype type) {
  if (!HasLists(type) || type.IsKeyed()) {
    return std::nullopt;
  }
  // The mapped types come first, so that an index without unmapped memory is the mobility.
  return FreetypeIndex(type.IsMapped() ? static_cast<std::size_t>(type.mobility) : kMobilityCount);
}

/// Returns the freetype whose index is `index`.
constexpr Freetype FreetypeAt(FreetypeIndex index) {
#if PW_FRAME_UNMAPPED
  if (index.value() == kMobilityCount) {
    return Freetype::Unmapped();
  }
#endif
  return Freetype::Mapped(static_cast<Mobility>(index.value()));
}

}  // namespace pageward::frame
