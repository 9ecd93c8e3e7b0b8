// The words of page tables: levels, what a page permits, changes to that, what a change did.
//
// A *table* is a page of *entries*; an entry is absent, or leads to a table one level below, or is
// a *leaf* that maps a naturally aligned run of frames. Levels are counted from the leaf: tables of
// level 0 hold the smallest leaves, and a leaf of level n maps as much as a table of level n - 1.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

#include "runtime/arch/pkru.h"
#include "runtime/core/address.h"
#include "runtime/core/bits.h"
#include "runtime/core/units.h"

namespace pageward::ptable {

/// No format has more levels than x86-64 with five.
inline constexpr unsigned kMaxLevels = 5;
/// A table fills a frame, whatever the format.
inline constexpr unsigned kTableBytesLog2 = kFrameBytesLog2;
inline constexpr unsigned kEntryBytesLog2 = 3;

/// What whoever reaches a page may do with it.
struct Permissions {
  /// A leaf that is not readable keeps its frame and its other permissions and leads nowhere: how
  /// frames are taken out of a direct map and put back. On x86-64, the present bit.
  bool is_readable = true;
  bool is_writable = false;
  bool is_executable = false;
  bool is_user = false;
  arch::Pkey key{};

  friend constexpr bool operator==(const Permissions&, const Permissions&) = default;
};

/// All that is known of a leaf but its frame.
struct LeafAttributes {
  Permissions permissions{};
  bool is_global = false;    ///< Its translation serves every address space.
  bool is_accessed = false;  ///< Was used by a processor, as far as entries know.
  bool is_dirty = false;     ///< Was written through.

  friend constexpr bool operator==(const LeafAttributes&, const LeafAttributes&) = default;
};

/// What becomes of permissions: everything named takes the value given, the rest stays.
struct PermissionChange {
  std::optional<bool> is_readable = std::nullopt;
  std::optional<bool> is_writable = std::nullopt;
  std::optional<bool> is_executable = std::nullopt;
  std::optional<arch::Pkey> key = std::nullopt;

  constexpr Permissions AppliedTo(Permissions old) const {
    return Permissions{is_readable.value_or(old.is_readable), is_writable.value_or(old.is_writable),
                       is_executable.value_or(old.is_executable), old.is_user,
                       key.value_or(old.key)};
  }

  friend constexpr bool operator==(const PermissionChange&, const PermissionChange&) = default;
};

/// A number of leaves for each level.
struct LeafCounts {
  std::array<std::uint64_t, kMaxLevels> at{};

  constexpr std::uint64_t Total() const {
    std::uint64_t total = 0;
    for (const std::uint64_t count : at) {
      total += count;
    }
    return total;
  }

  friend constexpr bool operator==(const LeafCounts&, const LeafCounts&) = default;
};

/// What one operation did to the tables.
struct Changes {
  LeafCounts leaves{};               ///< Leaves made, removed or rewritten: see the operation.
  std::uint64_t splits = 0;          ///< Leaves that a table of smaller ones took the place of.
  std::uint64_t tables_added = 0;    ///< Those of splits included.
  std::uint64_t tables_removed = 0;  ///< Unlinked; they are freed after the flush.

  friend constexpr bool operator==(const Changes&, const Changes&) = default;
};

/// What unmapping a part of a leaf does to the rest of it.
enum class UnmapMode : std::uint8_t {
  kSplit,      ///< The rest stays mapped, by smaller leaves. May need table pages.
  kWholeLeaf,  ///< All of the leaf goes. Never fails.
};

// Ranges may end at the top of the address space, where end() wraps around to 0. Nothing here
// compares ends.

/// Returns the last address of `range`. Requires: it is not empty.
constexpr VirtAddr LastOf(VirtRange range) {
  return range.end() - 1;
}

/// Returns whether all of `inner` lies in `outer`. Requires: neither wraps around past its end.
constexpr bool Covers(VirtRange outer, VirtRange inner) {
  return inner.bytes <= outer.bytes && inner.begin - outer.begin <= outer.bytes - inner.bytes;
}

/// Returns what is left of `range` without its first `bytes`. Requires: it has that many.
constexpr VirtRange WithoutFirst(VirtRange range, std::uint64_t bytes) {
  return VirtRange{range.begin + bytes, range.bytes - bytes};
}

/// Returns what is left of `range` behind the end of `done`, which its first address lies in.
constexpr VirtRange Behind(VirtRange done, VirtRange range) {
  const std::uint64_t bytes = done.end() - range.begin;
  return bytes < range.bytes ? WithoutFirst(range, bytes) : VirtRange{};
}

/// Returns the naturally aligned range of 2^`bytes_log2` bytes that `address` lies in.
constexpr VirtRange AlignedRange(VirtAddr address, unsigned bytes_log2) {
  const std::uint64_t bytes = std::uint64_t{1} << bytes_log2;
  return VirtRange{VirtAddr(AlignDown(address.value(), bytes)), bytes};
}

}  // namespace pageward::ptable
