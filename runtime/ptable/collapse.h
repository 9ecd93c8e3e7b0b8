// Putting one large leaf back in the place of many small ones.
//
// A feature of its own, on purpose: nothing else in ptable makes a mapping larger than it was
// asked to be, so that leaves, once split, stay split unless somebody calls this.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/core/result.h"
#include "runtime/ptable/cursor.h"
#include "runtime/ptable/tlb_gather.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// Returns the leaf of `level` that could stand in the place of the table `below`, whose first
/// address is `at`, or nothing: its entries have to be leaves that map adjoining frames, aligned,
/// and agree in everything but the accessed and dirty bits, which are those of any of them.
template <typename Table>
std::optional<std::uint64_t> LeafInsteadOf(Table& table, unsigned level, VirtAddr at,
                                           PhysAddr below) {
  const auto& format = table.format();
  const Entry first = table.Load(level - 1, below);
  if (!first.IsLeaf() || !format.CanMap(level, at, first.frame(), first.attributes())) {
    return std::nullopt;
  }
  LeafAttributes usage;
  const std::uint64_t whole = format.WithUsage(format.Whole(level, first.word()), usage);
  bool is_accessed = false;
  bool is_dirty = false;
  for (unsigned i = 0; i < Table::Shape::Entries(level - 1); ++i) {
    const Entry part = table.Load(level - 1, SlotOf(below, i));
    if (!part.IsLeaf() ||
        format.WithUsage(part.word(), LeafAttributes{}) != format.Part(level, whole, i)) {
      return std::nullopt;
    }
    is_accessed = is_accessed || part.attributes().is_accessed;
    is_dirty = is_dirty || part.attributes().is_dirty;
  }
  usage.is_accessed = is_accessed;
  usage.is_dirty = is_dirty;
  return format.WithUsage(whole, usage);
}

/// Replaces the table of `level` - 1 for `at` by one leaf of `level`. One step; what a table two
/// levels below could become is collapsed from the bottom up.
///
/// Requires: no processor uses the addresses meanwhile, since accessed and dirty bits are read one
/// after the other; and no other thread works on the range.
///
/// Returns the one leaf made. Errors: kInvalid if the format has no leaves of `level` above level 0
/// there, or if its entries are not what one leaf could say.
template <typename Table>
Result<Changes> Collapse(Table& table, VirtAddr at, unsigned level, TlbGather& gather) {
  using Shape = typename Table::Shape;
  if (level == 0 || level > Shape::kTopLevel || !Table::Format::HasLeaves(level) ||
      !Shape::Contains(at)) {
    return Error::kInvalid;
  }
  Cursor cursor(table);
  cursor.SeekAbove(at, level);
  if (cursor.level() != level || !cursor.entry().IsTable()) {
    return Error::kInvalid;
  }
  const PhysAddr below = cursor.entry().table();
  const auto leaf = LeafInsteadOf(table, level, cursor.range().begin, below);
  if (!leaf) {
    return Error::kInvalid;
  }
  table.UnlinkTable(cursor.slot(), *leaf);
  gather.AddTable(below, cursor.range(), Shape::Shift(level - 1));
  Changes changes;
  changes.leaves.at[level] = 1;
  changes.tables_removed = 1;
  return changes;
}

}  // namespace pageward::ptable
