// A place in a page table that remembers the way it came, so that the next place costs one read.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/ptable/page_table.h"

namespace pageward::ptable {

/// Stands at one entry of one table.
///
/// Other threads may change what it stands on: entry() is a copy of what was there when the cursor
/// came or last looked. The tables on the way to it must stay, which they do while the caller is
/// the only one to change the range the cursor is moved in.
template <typename Table>
class Cursor {
  using Shape = typename Table::Shape;

 public:
  /// Stands at the root's entry for address 0, without having looked at it.
  explicit Cursor(Table& table) : table_(table) { path_[Shape::kTopLevel] = table.root(); }

  unsigned level() const { return level_; }
  /// The entry as it was when it was last read.
  const Entry& entry() const { return entry_; }
  /// Where the entry is.
  PhysAddr slot() const { return SlotOf(path_[level_], Shape::Index(level_, at_)); }
  /// The addresses that the entry stands for.
  VirtRange range() const { return Shape::EntryRange(level_, at_); }
  /// The addresses that the table which the entry is in stands for.
  VirtRange table_range() const { return AlignedRange(at_, Shape::Shift(level_ + 1)); }
  PhysAddr table() const { return path_[level_]; }
  bool IsAtTop() const { return level_ == Shape::kTopLevel; }

  /// Goes to the entry that decides about `at`: an absent one or a leaf.
  ///
  /// Requires: Shape::Contains(at).
  void Seek(VirtAddr at) { SeekAbove(at, 0); }

  /// Goes towards the entry that decides about `at`, but not below `level`.
  ///
  /// Requires: Shape::Contains(at).
  void SeekAbove(VirtAddr at, unsigned level) {
    while (!IsAtTop() && (level_ < level || !Covers(table_range(), VirtRange{at, 1}))) {
      ++level_;
    }
    at_ = at;
    Reload();
    while (entry_.IsTable() && level_ > level) {
      path_[level_ - 1] = entry_.table();
      --level_;
      Reload();
    }
  }

  /// Reads the entry again.
  void Reload() { entry_ = table_.Load(level_, slot()); }

  /// Makes sure that there is a table below and goes there, to the entry for the same address.
  ///
  /// Requires: the entry is absent or leads to a table; in the first case the stock is not empty.
  void DescendInto(PtpStock<typename Table::Memory>& stock) {
    const PhysAddr below =
        entry_.IsTable() ? entry_.table() : table_.InstallTable(level_, slot(), at_, stock);
    path_[level_ - 1] = below;
    --level_;
    Reload();
  }

  /// Goes to the entry that leads to the table it stands in. Requires: !IsAtTop().
  void Ascend() {
    ++level_;
    Reload();
  }

  /// Replaces the entry by `word` if it still is entry(); else reads it again and returns false.
  [[nodiscard]] bool TryReplace(std::uint64_t word) {
    const std::uint64_t found = table_.memory().CompareExchange(slot(), entry_.word(), word);
    const bool is_replaced = found == entry_.word();
    entry_ = table_.format().Decode(level_, is_replaced ? word : found);
    return is_replaced;
  }

 private:
  Table& table_;
  unsigned level_ = Shape::kTopLevel;
  VirtAddr at_;
  Entry entry_;
  std::array<PhysAddr, kMaxLevels> path_{};
};

}  // namespace pageward::ptable
