// One entry of a table, decoded: absent, a table, or a leaf, and never two of them at once.
#pragma once

#include <cstdint>

#include "runtime/core/address.h"
#include "runtime/core/check.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

enum class EntryKind : std::uint8_t { kAbsent, kTable, kLeaf };

/// A copy of an entry as it was when it was read, with the word it was made from.
///
/// A copy, because processors write the accessed and dirty bits whenever they like. Whoever changes
/// an entry exchanges the word for another and starts again if it is a different one by then.
class Entry {
 public:
  constexpr Entry() = default;

  static constexpr Entry Absent() { return Entry(); }
  static constexpr Entry Table(std::uint64_t word, PhysAddr table) {
    return Entry(EntryKind::kTable, word, table, LeafAttributes{});
  }
  static constexpr Entry Leaf(std::uint64_t word, PhysAddr frame, LeafAttributes attributes) {
    return Entry(EntryKind::kLeaf, word, frame, attributes);
  }

  constexpr EntryKind kind() const { return kind_; }
  constexpr std::uint64_t word() const { return word_; }
  constexpr bool IsAbsent() const { return kind_ == EntryKind::kAbsent; }
  constexpr bool IsTable() const { return kind_ == EntryKind::kTable; }
  constexpr bool IsLeaf() const { return kind_ == EntryKind::kLeaf; }

  /// Returns the table below. Requires: IsTable().
  constexpr PhysAddr table() const {
    PW_ASSERT(IsTable());
    return address_;
  }

  /// Returns the first address that the leaf maps to. Requires: IsLeaf().
  constexpr PhysAddr frame() const {
    PW_ASSERT(IsLeaf());
    return address_;
  }

  /// Requires: IsLeaf().
  constexpr const LeafAttributes& attributes() const {
    PW_ASSERT(IsLeaf());
    return attributes_;
  }
  constexpr const Permissions& permissions() const { return attributes().permissions; }

  friend constexpr bool operator==(const Entry&, const Entry&) = default;

 private:
  constexpr Entry(EntryKind kind, std::uint64_t word, PhysAddr address, LeafAttributes attributes)
      : word_(word), address_(address), kind_(kind), attributes_(attributes) {}

  std::uint64_t word_ = 0;
  PhysAddr address_;
  EntryKind kind_ = EntryKind::kAbsent;
  LeafAttributes attributes_;
};

}  // namespace pageward::ptable
