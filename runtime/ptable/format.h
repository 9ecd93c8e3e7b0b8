// What a page-table format is: how entries are laid out, and nothing about who walks or owns them.
//
// This page alone says what a format must offer. exemplar_format.h is the smallest format that does
// so and shares no bit with a real one; it goes through every test that the real ones go through.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>

#include "runtime/core/address.h"
#include "runtime/core/bits.h"
#include "runtime/ptable/entry.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// A value type whose members are free of side effects and may be called from any thread.
///
/// Laws, beyond the signatures, all of them proved by the conformance suite:
///   * The word 0 is an absent entry and nothing else is, so that a zeroed page is an empty table.
///   * Decode() gives back what TableEntry() and LeafEntry() were given.
///   * A level below one with leaves has leaves, so that a leaf can be split in steps of one level.
///   * Part(l, w, i) maps the i-th part of what leaf w maps, and permits the same;
///     Whole(l, Part(l, w, 0)) is w.
///   * Whatever bits of a leaf a format has beyond LeafAttributes survive all of these.
template <typename F>
concept PageTableFormat = requires(const F& format, unsigned level, unsigned index,
                                   std::uint64_t word, PhysAddr address, VirtAddr at,
                                   LeafAttributes attributes, Permissions permissions) {
  /// How many levels of tables there are, at most kMaxLevels.
  { F::kLevels } -> std::convertible_to<unsigned>;
  /// Whether the top bit of an address is repeated in all bits above it. If not, those are 0.
  { F::kSignExtends } -> std::convertible_to<bool>;
  /// Log2 of the number of entries in a table of `level`; 9 but for the top level, at most 9.
  { F::IndexBits(level) } -> std::same_as<unsigned>;
  /// Whether entries of `level` can be leaves. Always at level 0.
  { F::HasLeaves(level) } -> std::same_as<bool>;

  /// Tells what a word in a table of `level` is.
  { format.Decode(level, word) } -> std::same_as<Entry>;
  /// Returns whether a leaf of `level` can say this, at an address: the frame fits and is
  /// aligned, and a user may get to the address if the page is a user's.
  { format.CanMap(level, at, address, attributes) } -> std::same_as<bool>;

  /// Returns an entry that leads to a table, at an address. It permits all that leaves may.
  { format.TableEntry(at, address) } -> std::same_as<std::uint64_t>;
  /// Returns a leaf. Requires: CanMap().
  { format.LeafEntry(level, address, attributes) } -> std::same_as<std::uint64_t>;

  /// Returns the leaf `word` with other permissions and everything else as it is.
  { format.WithPermissions(level, word, permissions) } -> std::same_as<std::uint64_t>;
  /// Returns the leaf `word` with the accessed and the dirty bit as in the attributes.
  { format.WithUsage(word, attributes) } -> std::same_as<std::uint64_t>;

  /// Returns the leaf of `level` - 1 for part `index` of the leaf `word` of `level`.
  { format.Part(level, word, index) } -> std::same_as<std::uint64_t>;
  /// Returns the leaf of `level` whose first part is the leaf `word` of `level` - 1.
  { format.Whole(level, word) } -> std::same_as<std::uint64_t>;

  /// Returns whether no bit is set that the processor would refuse. For invariants.
  { format.IsWellFormed(level, word) } -> std::same_as<bool>;
};

/// The arithmetic that follows from the number of bits of each level.
template <PageTableFormat Format>
class Geometry {
 public:
  static constexpr unsigned kTopLevel = Format::kLevels - 1;

  /// Returns log2 of the bytes that one entry of `level` stands for.
  static constexpr unsigned Shift(unsigned level) { return kShifts[level]; }
  static constexpr std::uint64_t Bytes(unsigned level) { return std::uint64_t{1} << Shift(level); }
  static constexpr unsigned Entries(unsigned level) { return 1u << Format::IndexBits(level); }

  /// How many bits of an address are translated.
  static constexpr unsigned kAddressBits = kTableBytesLog2 + [] {
    unsigned bits = 0;
    for (unsigned level = 0; level < Format::kLevels; ++level) {
      bits += Format::IndexBits(level);
    }
    return bits;
  }();

  /// Returns which entry of its table of `level` decides about `at`.
  static constexpr unsigned Index(unsigned level, VirtAddr at) {
    return static_cast<unsigned>(at.value() >> Shift(level)) & (Entries(level) - 1);
  }

  /// Returns the addresses that the entry of `level` for `at` stands for.
  static constexpr VirtRange EntryRange(unsigned level, VirtAddr at) {
    return AlignedRange(at, Shift(level));
  }

  /// Returns whether `at` can be translated at all.
  static constexpr bool Contains(VirtAddr at) {
    constexpr unsigned kUnused = 64 - kAddressBits;
    if constexpr (Format::kSignExtends) {
      const auto shifted = static_cast<std::int64_t>(at.value() << kUnused);
      return static_cast<std::uint64_t>(shifted >> kUnused) == at.value();
    } else {
      return at.value() << kUnused >> kUnused == at.value();
    }
  }

  /// Returns whether `range` is not empty, made of whole frames, and can be translated everywhere.
  static constexpr bool Contains(VirtRange range) {
    if (range.bytes == 0 || !IsAligned<std::uint64_t>(range.bytes, kFrameBytes) ||
        !IsAligned<std::uint64_t>(range.begin.value(), kFrameBytes)) {
      return false;
    }
    // The two halves of a sign-extended address space do not touch.
    const VirtAddr last = LastOf(range);
    const bool is_one_piece =
        last >= range.begin &&
        (!Format::kSignExtends || (last.value() ^ range.begin.value()) >> 63 == 0);
    return is_one_piece && Contains(range.begin) && Contains(last);
  }

 private:
  // One more than there are levels: the last is what the whole of the tables stands for.
  static constexpr auto kShifts = [] {
    std::array<unsigned, kMaxLevels + 1> shifts{};
    shifts[0] = kTableBytesLog2;
    for (unsigned level = 0; level < Format::kLevels; ++level) {
      shifts[level + 1] = shifts[level] + Format::IndexBits(level);
    }
    return shifts;
  }();
};

}  // namespace pageward::ptable
