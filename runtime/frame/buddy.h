// Splitting and merging of free blocks: the binary buddy system, orders 0 to 18.
//
// Below a pageblock both halves of a block share a freetype. From order 9 on they lie in different
// pageblocks, and then they only merge if no mapping would have to change for it.
#pragma once

#include <bit>
#include <cstdint>

#include "runtime/core/units.h"
#include "runtime/frame/frame_table.h"
#include "runtime/frame/free_lists.h"
#include "runtime/frame/pageblock_map.h"

namespace pageward::frame {

/// Calls `visit(head, order)` for the fewest aligned blocks of at most `largest` that make up
/// `range`, from the lowest on.
template <typename Visit>
void ForEachAlignedBlock(FrameRange range, Order largest, Visit visit) {
  while (!range.IsEmpty()) {
    // Frame 0 is aligned to everything; the added bit stands for "everything".
    const auto alignment = static_cast<unsigned>(
        std::countr_zero(range.begin.value | std::uint32_t{1} << largest.value()));
    const unsigned fitting = FloorLog2(range.count.value);
    const Order order(alignment < fitting ? alignment : fitting);
    visit(range.begin, order);
    range = FrameRange{range.begin + order.frames(), range.count - order.frames()};
  }
}

/// The free frames of a zone as blocks that are as large as they can be.
///
/// Externally synchronized.
///
/// Invariants, checked by CheckInvariants():
///   F2  a free block of order k is aligned to k, all its pageblocks are of one freetype, and its
///       buddy is not free at order k as well if both could merge
///   F5  a pageblock's count of free frames is the sum of its free blocks below order 9
class Buddy {
 public:
  Buddy(FrameTable& table, PageblockMap& blocks, FreeLists& lists)
      : table_(table), blocks_(blocks), lists_(lists) {}
  Buddy(const Buddy&) = delete;
  Buddy& operator=(const Buddy&) = delete;

  /// Makes `range` free, merged with what is free around it.
  ///
  /// Requires: all of its records are body and its blocks are managed; each end lies at the end of
  /// a block or where another piece begins, so that no leaf is missing.
  void Free(FrameRange range);

  /// Makes `range` free without looking for buddies. For what is left of a block that was just
  /// taken: none of the parts can merge, because what was taken lies beside them.
  void FreeRest(FrameRange range);

  /// Takes the free block at `head` off its list and returns its order. Requires: there is one.
  Order Take(FrameNumber head);

  /// Moves all free frames of `block` to the lists of `type` and changes its mobility to that.
  ///
  /// Requires: no free block reaches beyond `block`, which is not isolated.
  /// Dies with Violation::kFreetype if the types differ in more than mobility: a list may never
  /// hold frames that are mapped otherwise than it says.
  void MoveFreeFrames(BlockNumber block, Freetype type);

  /// Takes `block` out of use for all searches, or back. Its free frames go to lists of their own
  /// and merge with nothing outside it.
  ///
  /// Requires: the block is managed, not converting, and not isolated yet (isolated).
  void Isolate(BlockNumber block);
  void Unisolate(BlockNumber block);

  /// Dies unless F2 and F5 hold in the managed blocks of `range`.
  void CheckInvariants(BlockRange range) const;

 private:
  // Takes the free blocks of `block` off their lists, calls `change()`, and puts them on those that
  // are right then. Requires: no free block reaches beyond `block`.
  template <typename Change>
  void Relist(BlockNumber block, Change change);
  void FreeBlock(FrameNumber head, Order order);
  bool CanMergeWith(FrameNumber buddy, FrameNumber head, Order order) const;
  void SplitOut(BlockNumber block);
  void CheckFreeBlock(FrameNumber head, Order order) const;

  FrameTable& table_;
  PageblockMap& blocks_;
  FreeLists& lists_;
};

}  // namespace pageward::frame
