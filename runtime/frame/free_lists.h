// The free blocks of a zone, by freetype and order.
//
// A list runs through the records of the frames themselves, so it takes no memory of its own and
// what it says is as protected as the frame table. Lists are circles: with a count beside it, a
// circle needs no frame number that means "none", and a zone may use all 2^28.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/frame/frame_table.h"
#include "runtime/frame/freetype.h"
#include "runtime/frame/pageblock_map.h"

namespace pageward::frame {

/// The free blocks of one freetype, a list for each order. Zero is empty.
///
/// Externally synchronized.
///
/// Invariants, checked by CheckInvariants():
///   F3   free_frames() is the sum over the lists
///   F10  a list is a circle of as many frames as it says, each free and of the list's order, whose
///        links agree in both directions; exactly the lists that hold something are known to
class ListSet {
 public:
  constexpr ListSet() = default;
  ListSet(const ListSet&) = delete;
  ListSet& operator=(const ListSet&) = delete;

  /// Returns the block that was put last, or nothing.
  std::optional<FrameNumber> First(Order order) const;
  /// Returns the smallest order from `order` on that has a block, or nothing.
  std::optional<Order> SmallestFrom(Order order) const;
  std::uint32_t count(Order order) const { return lists_[order.value()].count; }
  FrameCount free_frames() const { return free_frames_; }

  /// Requires: the record of `frame` is body. It becomes kFree.
  void PutFirst(FrameTable& table, FrameNumber frame, Order order);
  /// Dies with Violation::kInvariant if `frame` is not on the list of `order`; else the record
  /// becomes body.
  void Remove(FrameTable& table, FrameNumber frame, Order order);

  void CheckInvariants(const FrameTable& table) const;

 private:
  struct List {
    FrameNumber first;
    std::uint32_t count = 0;
  };

  std::array<List, kOrderCount> lists_{};
  std::uint32_t orders_in_use_ = 0;  // One bit for each order.
  FrameCount free_frames_;
};

/// The free blocks of one owner of keyed memory, embedded by that owner.
///
/// So ten thousand owners cost the allocator nothing: a keyed block points to its owner's lists.
/// Belongs to the allocator from registration on; the owner only keeps it alive and in place.
class OwnerLists {
 public:
  /// Requires: `id` is not kNoOwner and no other registered owner has it.
  explicit constexpr OwnerLists(OwnerId id) : id_(id) { PW_ASSERT(id != kNoOwner); }
  OwnerLists(const OwnerLists&) = delete;
  OwnerLists& operator=(const OwnerLists&) = delete;
  /// Dies if it is still registered: pageblocks would point to it.
  ~OwnerLists() { PW_CHECK(!is_registered_, Violation::kAssertion, id_.value); }

  constexpr OwnerId id() const { return id_; }
  bool IsRegistered() const { return is_registered_; }
  /// The pageblocks that are keyed for this owner, and the frames of them that are free.
  std::uint32_t block_count() const { return block_count_; }
  FrameCount free_frames() const { return set_.free_frames(); }

 private:
  friend class FreeLists;

  OwnerId id_;
  bool is_registered_ = false;
  std::uint32_t block_count_ = 0;
  ListSet set_;
  OwnerLists* previous_ = nullptr;
  OwnerLists* next_ = nullptr;
};

/// All free blocks of a zone. Which list a block is on follows from its pageblock alone.
///
/// Externally synchronized.
///
/// Invariants, checked by CheckInvariants():
///   F2   (in part) each block is on the list of its pageblock's freetype, or of the isolated ones
///   F3   the free frames of each visibility are the sum over its lists
///   F6   the whole free pageblocks of each visibility are as many as counted
class FreeLists {
 public:
  FreeLists(FrameTable& table, PageblockMap& blocks) : table_(table), blocks_(blocks) {}
  FreeLists(const FreeLists&) = delete;
  FreeLists& operator=(const FreeLists&) = delete;

  /// Puts the block at `head`, whose record is body, on the list that its pageblock says.
  void Put(FrameNumber head, Order order);
  /// Takes a block off its list. Its record is body afterwards.
  void Remove(FrameNumber head, Order order);

  /// Returns the lists of `type`, or null if that type has none.
  ///
  /// Requires: `owner` is the owner of `type` if that is keyed.
  const ListSet* Find(Freetype type, const OwnerLists* owner) const;

  /// Returns the lists that free frames of `block` are on. Frames of isolated blocks, of whatever
  /// freetype, are on lists that no search looks at.
  const ListSet& ListsOf(BlockNumber block) const;

  void Register(OwnerLists& owner);
  /// Errors: kInUse, while a pageblock is keyed for `owner`.
  Status Unregister(OwnerLists& owner);
  /// Notes that `blocks` pageblocks have become the owner's, or no longer are. Null is nobody.
  void NoteGained(OwnerLists* owner, std::uint32_t blocks);
  void NoteLost(OwnerLists* owner, std::uint32_t blocks);

  /// Free frames that are not isolated, and how many whole pageblocks of them there are.
  FrameCount free_frames(Visibility visibility) const { return free_frames_[IndexOf(visibility)]; }
  std::uint32_t free_blocks(Visibility visibility) const {
    return free_blocks_[IndexOf(visibility)];
  }
  FrameCount isolated_frames() const { return isolated_.free_frames(); }

  void CheckInvariants() const;

 private:
  static constexpr std::size_t IndexOf(Visibility visibility) {
    return static_cast<std::size_t>(visibility);
  }
  ListSet& MutableListsOf(BlockNumber block);
  // What a walk over lists counts, to be compared with what is kept.
  struct Sums {
    std::array<FrameCount, kVisibilityCount> frames{};
    std::array<std::uint32_t, kVisibilityCount> blocks{};
  };
  void CheckSet(const ListSet& set, Sums& sums) const;

  FrameTable& table_;
  PageblockMap& blocks_;
  std::array<ListSet, kCentralTypeCount> central_;
  ListSet isolated_;
  OwnerLists* owners_ = nullptr;
  std::array<FrameCount, kVisibilityCount> free_frames_{};
  std::array<std::uint32_t, kVisibilityCount> free_blocks_{};
};

}  // namespace pageward::frame
