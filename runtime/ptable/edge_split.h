// Splitting leaves at addresses that a change begins or ends at, with exactly the table pages that
// it takes.
#pragma once

#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/ptable/cursor.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// The levels, half-open, at which the entries across a boundary have to become tables.
struct EdgeNeed {
  unsigned begin = 0;
  unsigned end = 0;

  constexpr std::uint64_t tables() const { return end - begin; }
  constexpr bool Contains(unsigned level) const { return level >= begin && level < end; }
};

/// Splits leaves of `table` until none lies across either end of a range.
///
/// A leaf that `affects(entry)` says no to stays as it is: what a change leaves alone needs no
/// split. At most two tables are needed for each end, for the largest leaf of x86-64 has two levels
/// below it; what both ends need together is counted once.
template <typename Table, typename Affects>
class EdgeSplit {
  using Shape = typename Table::Shape;

 public:
  EdgeSplit(Table& table, Affects affects) : table_(table), affects_(affects) {}

  /// Returns how many tables both ends of `range` need.
  std::uint64_t CountTables(VirtRange range) const {
    const EdgeNeed at_begin = NeedAt(range.begin);
    const EdgeNeed at_end = NeedAt(range.end());
    std::uint64_t count = at_begin.tables();
    for (unsigned level = at_end.begin; level < at_end.end; ++level) {
      const bool is_counted = at_begin.Contains(level) && Shape::EntryRange(level, range.begin) ==
                                                              Shape::EntryRange(level, range.end());
      count += is_counted ? 0u : 1u;
    }
    return count;
  }

  /// Splits at both ends. Requires: the stock holds CountTables(range) pages.
  void SplitEnds(VirtRange range, PtpStock<typename Table::Memory>& stock, Changes& changes) {
    SplitAt(range.begin, stock, changes);
    SplitAt(range.end(), stock, changes);
  }

  /// Returns what it takes that no leaf lies across `boundary`.
  EdgeNeed NeedAt(VirtAddr boundary) const {
    // The end of the address space, or of one half of it: no leaf goes on behind.
    if (!Shape::Contains(boundary)) {
      return EdgeNeed{};
    }
    const Found found = table_.Find(boundary);
    if (!found.entry.IsLeaf() || !affects_(found.entry)) {
      return EdgeNeed{};
    }
    EdgeNeed need{0, found.level + 1};
    while (need.begin < need.end && Shape::EntryRange(need.begin, boundary).begin == boundary) {
      ++need.begin;
    }
    return need;
  }

  /// Splits until no leaf lies across `boundary`. Requires: the stock has NeedAt() pages.
  void SplitAt(VirtAddr boundary, PtpStock<typename Table::Memory>& stock, Changes& changes) {
    const EdgeNeed need = NeedAt(boundary);
    if (need.tables() == 0) {
      return;
    }
    Cursor cursor(table_);
    cursor.Seek(boundary);
    for (std::uint64_t i = 0; i < need.tables(); ++i) {
      table_.SplitLeaf(cursor.level(), cursor.slot(), boundary, cursor.entry(), stock);
      ++changes.splits;
      ++changes.tables_added;
      cursor.Seek(boundary);
    }
  }

 private:
  Table& table_;
  Affects affects_;
};

}  // namespace pageward::ptable
