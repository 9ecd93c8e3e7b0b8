// Changing page tables: map, unmap, protect, split, prepare.
//
// Every operation has two halves. The first only reads: it refuses what makes no sense, finds out
// how many table pages are needed, and takes them. The second changes and cannot fail any more. So
// an operation that returns an error has changed nothing, whatever ran out and whenever.
#pragma once

#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/ptable/cursor.h"
#include "runtime/ptable/edge_split.h"
#include "runtime/ptable/map_survey.h"
#include "runtime/ptable/tlb_gather.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// Changes a page table.
///
/// Threads may work on different ranges at the same time; no two on overlapping ones. What has to
/// be flushed is handed to the gather; mapping what was absent needs no flush (SDM 3A 4.10.4.3).
/// What was readable and is changed in any way is flushed: leaving that out where rights only grow
/// would be allowed and costs spurious faults.
///
/// Errors of every operation: kInvalid if the range is empty, not of whole frames, or not in the
/// address space in one piece; kNoMemory if the source has fewer pages than needed. Never allocates
/// but from the source that is passed.
template <typename Table>
class Mapper {
  using Shape = typename Table::Shape;
  using Stock = PtpStock<typename Table::Memory>;

 public:
  explicit Mapper(Table& table) : table_(table) {}

  /// Maps a range by as few leaves as the request allows. Where tables are left over from before,
  /// even empty ones, their entries are used.
  ///
  /// Returns the leaves made. Errors: kInUse if anything is mapped in the range; kInvalid, too, if
  /// the format cannot say this.
  Result<Changes> Map(const MapRequest& request, PtpSource& source) {
    const MapSurvey survey(table_, request);
    const Result<std::uint64_t> needed = survey.CountTables();
    if (!needed) {
      return needed.error();
    }
    Stock stock(table_.memory(), source);
    if (const Status filled = stock.Fill(*needed); !filled) {
      return filled.error();
    }
    Changes changes;
    Cursor cursor(table_);
    for (MapRequest rest = request; rest.range.bytes > 0;) {
      cursor.Seek(rest.range.begin);
      const unsigned level = survey.LeafLevel(rest, cursor.level());
      while (cursor.level() > level) {
        cursor.DescendInto(stock);
      }
      const std::uint64_t leaf = table_.format().LeafEntry(level, rest.frame, rest.attributes);
      const bool is_alone = cursor.entry().IsAbsent() && cursor.TryReplace(leaf);
      PW_CHECK(is_alone, Violation::kInvariant, rest.range.begin.value());
      ++changes.leaves.at[level];
      rest = WithoutFirst(rest, Shape::Bytes(level));
    }
    changes.tables_added = *needed - stock.count();
    return changes;
  }

  /// Makes the tables that a later Map() with leaves of `level` needs in the range, so that it
  /// needs none.
  ///
  /// Returns no leaves. Errors: kInUse if a leaf of a higher level is in the range.
  Result<Changes> Prepare(VirtRange range, unsigned level, PtpSource& source) {
    if (!Shape::Contains(range) || level > Shape::kTopLevel || !Table::Format::HasLeaves(level)) {
      return Error::kInvalid;
    }
    const Result<std::uint64_t> needed = CountMissingTables(table_, range, level);
    if (!needed) {
      return needed.error();
    }
    Stock stock(table_.memory(), source);
    if (const Status filled = stock.Fill(*needed); !filled) {
      return filled.error();
    }
    Cursor cursor(table_);
    for (VirtRange rest = range; rest.bytes > 0;) {
      cursor.SeekAbove(rest.begin, level);
      while (cursor.level() > level) {
        cursor.DescendInto(stock);
      }
      rest = Behind(cursor.table_range(), rest);
    }
    Changes changes;
    changes.tables_added = *needed - stock.count();
    return changes;
  }

  /// Removes what is mapped in a range, and the tables that stand for nothing but parts of it. What
  /// becomes of a leaf that lies across an end is `mode`'s to say.
  ///
  /// Returns the leaves removed, after the splits. kWholeLeaf needs no table pages.
  Result<Changes> Unmap(VirtRange range, UnmapMode mode, PtpSource& source, TlbGather& gather) {
    Changes changes;
    if (!Shape::Contains(range)) {
      return Error::kInvalid;
    }
    if (mode == UnmapMode::kSplit) {
      const Status split = SplitEnds(
          range, [](const Entry&) { return true; }, source, changes);
      if (!split) {
        return split.error();
      }
    }
    Cursor cursor(table_);
    for (VirtRange rest = range; rest.bytes > 0;) {
      cursor.Seek(rest.begin);
      if (cursor.entry().IsLeaf()) {
        Remove(cursor, gather, changes);
      }
      rest = Behind(cursor.range(), rest);
      Prune(cursor, range, gather, changes);
    }
    return changes;
  }

  /// Changes the permissions of what is mapped in a range. Leaves that have them already are left
  /// alone and not split; addresses where nothing is mapped are passed over.
  ///
  /// Returns the leaves rewritten, after the splits.
  Result<Changes> Protect(VirtRange range, const PermissionChange& change, PtpSource& source,
                          TlbGather& gather) {
    Changes changes;
    if (!Shape::Contains(range)) {
      return Error::kInvalid;
    }
    const auto affects = [&change](const Entry& leaf) {
      return change.AppliedTo(leaf.permissions()) != leaf.permissions();
    };
    if (const Status split = SplitEnds(range, affects, source, changes); !split) {
      return split.error();
    }
    Cursor cursor(table_);
    for (VirtRange rest = range; rest.bytes > 0;) {
      cursor.Seek(rest.begin);
      if (cursor.entry().IsLeaf() && affects(cursor.entry())) {
        Rewrite(cursor, change, gather, changes);
      }
      rest = Behind(cursor.range(), rest);
    }
    return changes;
  }

  /// Splits leaves until none lies across `boundary`. Permissions and frames stay, so nothing has
  /// to be flushed. Takes two table pages at most, and none if there is nothing to do.
  Result<Changes> SplitAt(VirtAddr boundary, PtpSource& source) {
    Changes changes;
    if (!IsAligned<std::uint64_t>(boundary.value(), kFrameBytes)) {
      return Error::kInvalid;
    }
    EdgeSplit split(table_, [](const Entry&) { return true; });
    Stock stock(table_.memory(), source);
    if (const Status filled = stock.Fill(split.NeedAt(boundary).tables()); !filled) {
      return filled.error();
    }
    split.SplitAt(boundary, stock, changes);
    return changes;
  }

 private:
  template <typename Affects>
  Status SplitEnds(VirtRange range, Affects affects, PtpSource& source, Changes& changes) {
    EdgeSplit split(table_, affects);
    Stock stock(table_.memory(), source);
    if (const Status filled = stock.Fill(split.CountTables(range)); !filled) {
      return filled;
    }
    split.SplitEnds(range, stock, changes);
    return {};
  }

  // Requires: the cursor stands at a leaf.
  static void Remove(Cursor<Table>& cursor, TlbGather& gather, Changes& changes) {
    const bool was_readable = cursor.entry().permissions().is_readable;
    while (!cursor.TryReplace(0)) {
      // A processor set the accessed or the dirty bit.
    }
    ++changes.leaves.at[cursor.level()];
    if (was_readable) {
      gather.AddPages(cursor.range(), Shape::Shift(cursor.level()));
    }
  }

  // Requires: the cursor stands at a leaf.
  void Rewrite(Cursor<Table>& cursor, const PermissionChange& change, TlbGather& gather,
               Changes& changes) {
    const Permissions old = cursor.entry().permissions();
    const unsigned level = cursor.level();
    while (!cursor.TryReplace(
        table_.format().WithPermissions(level, cursor.entry().word(), change.AppliedTo(old)))) {
      // A processor set the accessed or the dirty bit, which have to survive.
    }
    ++changes.leaves.at[level];
    if (old.is_readable) {
      gather.AddPages(cursor.range(), Shape::Shift(level));
    }
  }

  // Takes out the tables that end where the cursor's entry ends and lie in `range`, all of which is
  // empty up to there.
  void Prune(Cursor<Table>& cursor, VirtRange range, TlbGather& gather, Changes& changes) {
    while (!cursor.IsAtTop() && LastOf(cursor.range()) == LastOf(cursor.table_range()) &&
           Covers(range, cursor.table_range())) {
      const PhysAddr table = cursor.table();
      const unsigned page_bytes_log2 = Shape::Shift(cursor.level());
      cursor.Ascend();
      table_.UnlinkTable(cursor.slot(), 0);
      cursor.Reload();
      ++changes.tables_removed;
      gather.AddTable(table, cursor.range(), page_bytes_log2);
    }
  }

  Table& table_;
};

}  // namespace pageward::ptable
