// One tree of tables: a format, the memory it is in, and its root.
//
// The primitives that everything else is made of: read an entry, exchange one, hang a table in,
// split a leaf. Each is one step that another thread or a processor sees as a whole.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/core/check.h"
#include "runtime/core/invariant.h"
#include "runtime/ptable/format.h"
#include "runtime/ptable/ptp_stock.h"
#include "runtime/ptable/table_memory.h"

namespace pageward::ptable {

/// What the tables say about an address: the entry that decides, and its level.
struct Found {
  Entry entry;
  unsigned level = 0;
};

/// Which entries of a root belong to a tree, half-open. An address space shares its root with the
/// kernel, whose entries lead to tables of another tree.
struct RootEntries {
  unsigned begin = 0;
  unsigned end = 1u << 9;
};

/// A page table.
///
/// Thread-safe as its memory is: threads may read anything at any time, and may change different
/// ranges at the same time. A table whose range two threads share is never removed by either, since
/// removing takes owning all of its range.
///
/// Invariants, checked by CheckInvariants():
///   P1  as many tables can be reached as were hung in and not taken out, so none twice
///   Q1  every entry is one that the format allows at its level and address
template <PageTableFormat FormatType, TableMemory MemoryType>
class PageTable {
 public:
  using Format = FormatType;
  using Memory = MemoryType;
  using Shape = Geometry<Format>;

  /// Requires: `root` is a zeroed frame, or the root of a tree of `tables` tables below the entries
  /// that are its own. It stays its owner's. Addresses of other entries are not asked for.
  PageTable(const Format& format, Memory& memory, PhysAddr root, std::uint64_t tables = 0,
            RootEntries own = {})
      : format_(format), memory_(memory), root_(root), own_(own), table_count_(tables) {}
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;

  const Format& format() const { return format_; }
  Memory& memory() const { return memory_; }
  PhysAddr root() const { return root_; }
  /// The number of tables below the root.
  std::uint64_t table_count() const { return table_count_.load(std::memory_order_relaxed); }

  Entry Load(unsigned level, PhysAddr slot) const {
    return format_.Decode(level, memory_.Load(slot));
  }

  /// Returns the entry that decides about `at`. Requires: Shape::Contains(at).
  Found Find(VirtAddr at) const {
    PhysAddr table = root_;
    for (unsigned level = Shape::kTopLevel;; --level) {
      const Entry entry = Load(level, SlotOf(table, Shape::Index(level, at)));
      if (!entry.IsTable()) {
        return Found{entry, level};
      }
      table = entry.table();
    }
  }

  /// Hangs a table of the stock in at `slot`, an entry of `level` for `at`, unless somebody else
  /// was faster; then the page goes back to the stock. Returns the table that is there now. The
  /// zeros of the page are seen by whoever sees the entry.
  ///
  /// Requires: the entry was absent, and is absent or a table by now.
  PhysAddr InstallTable(unsigned level, PhysAddr slot, VirtAddr at, PtpStock<Memory>& stock) {
    const PhysAddr page = stock.Take();
    const std::uint64_t found = memory_.CompareExchange(slot, 0, format_.TableEntry(at, page));
    if (found == 0) {
      table_count_.fetch_add(1, std::memory_order_relaxed);
      return page;
    }
    stock.Put(page);
    const Entry winner = format_.Decode(level, found);
    PW_CHECK(winner.IsTable(), Violation::kInvariant, at.value());
    return winner.table();
  }

  /// Puts a table of smaller leaves that map and permit the same in the place of leaf `entry`.
  /// Nothing that a processor has cached becomes wrong by it.
  ///
  /// Requires: the leaf is the caller's to change, its level is not 0, the stock is not empty.
  void SplitLeaf(unsigned level, PhysAddr slot, VirtAddr at, Entry entry, PtpStock<Memory>& stock) {
    const PhysAddr page = stock.Take();
    const std::uint64_t table = format_.TableEntry(at, page);
    for (;;) {
      PW_CHECK(entry.IsLeaf() && level > 0, Violation::kInvariant, at.value());
      for (unsigned i = 0; i < Shape::Entries(level - 1); ++i) {
        memory_.Store(SlotOf(page, i), format_.Part(level, entry.word(), i));
      }
      const std::uint64_t found = memory_.CompareExchange(slot, entry.word(), table);
      if (found == entry.word()) {
        table_count_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      entry = format_.Decode(level, found);  // A processor set the accessed or the dirty bit.
    }
  }

  /// Replaces the entry at `slot`, which leads to a table, by `word`. The table is the caller's.
  void UnlinkTable(PhysAddr slot, std::uint64_t word) {
    memory_.Store(slot, word);
    table_count_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// Walks all entries. Requires: no other thread is at work.
  void CheckInvariants() const {
    const std::uint64_t tables = CheckTable(Shape::kTopLevel, root_, VirtAddr(0));
    PW_HOLDS("P1", tables == table_count(), tables);
  }

 private:
  // Returns how many tables are below `table`, which stands for the addresses from `base` on.
  std::uint64_t CheckTable(unsigned level, PhysAddr table, VirtAddr base) const {
    std::uint64_t below = 0;
    const bool is_root = level == Shape::kTopLevel;
    const unsigned end =
        is_root && own_.end < Shape::Entries(level) ? own_.end : Shape::Entries(level);
    for (unsigned i = is_root ? own_.begin : 0; i < end; ++i) {
      const std::uint64_t word = memory_.Load(SlotOf(table, i));
      if (word == 0) {
        continue;
      }
      const VirtAddr at = AddressOf(level, base, i);
      const Entry entry = format_.Decode(level, word);
      PW_HOLDS("Q1", format_.IsWellFormed(level, word), at.value());
      if (entry.IsTable()) {
        PW_HOLDS("Q1", level > 0, at.value());
        // A cycle would otherwise end in a stack overflow and not in a report.
        below += 1 + CheckTable(level - 1, entry.table(), at);
        PW_HOLDS("P1", below <= table_count(), at.value());
      } else {
        PW_HOLDS("Q1",
                 Format::HasLeaves(level) &&
                     format_.CanMap(level, at, entry.frame(), entry.attributes()),
                 at.value());
      }
    }
    return below;
  }

  // The address of entry `index`; at the top level, the upper half is sign-extended.
  static VirtAddr AddressOf(unsigned level, VirtAddr base, unsigned index) {
    const VirtAddr at = base + Shape::Bytes(level) * index;
    constexpr unsigned kUnused = 64 - Shape::kAddressBits;
    if constexpr (Format::kSignExtends) {
      const auto shifted = static_cast<std::int64_t>(at.value() << kUnused);
      return VirtAddr(static_cast<std::uint64_t>(shifted >> kUnused));
    } else {
      return at;
    }
  }

  const Format format_;
  Memory& memory_;
  const PhysAddr root_;
  const RootEntries own_;
  std::atomic<std::uint64_t> table_count_;
};

}  // namespace pageward::ptable
