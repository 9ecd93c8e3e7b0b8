// Table pages of a private zone, from pageblocks that are keyed as a whole.
//
// A pageblock gets the key of its pool by one system call when it is taken, and its 512 frames are
// table pages from then on. Taking one may need a leaf of the zone's frame table, and leaves are
// table pages: that circle ends in the reserve (runtime/ptable/ptp_reserve.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/ptable/ptp_reserve.h"
#include "runtime/space/keyed_blocks.h"
#include "runtime/space/private_zone.h"

namespace pageward::space {

/// Hands out frames that carry the key of the pool, if it has one, from before they leave it until
/// after they are back. Who zeroes them needs that key open.
///
/// A refill converts a free pageblock, of the zone or of what the zone grows by; where there is
/// none, it takes what is free of pageblocks that are the pool's already, by pieces of 16 frames
/// and of 4. A split never refills: it takes what has been set aside, and leaves two for a refill.
///
/// Thread-safe: one lock for what is set aside, and one that a refill holds, so that there is one
/// at a time. Never allocates but frames.
///
/// Invariants, checked by CheckInvariants(), besides those of the reserve:
///   L1  what is set aside lies in runs of pageblocks that are keyed for the pool
class TablePool final : private ptable::PtpBlockSource {
 public:
  /// What a shrinker leaves.
  static constexpr std::size_t kUnshrinkable = 16;

  using Memory = ptable::PtpReserve::Memory;

  /// Bytes for each pageblock of the two tables that Memory consists of.
  static constexpr std::uint32_t kLinkBytes = kPageblockFrames * sizeof(std::uint64_t);
  static constexpr std::uint32_t kCountBytes = sizeof(std::uint16_t);

  /// A pool without a page. `is_low`, if there is one, says whether less is set aside than the
  /// reserve puts aside; it changes inside the lock of the pool.
  TablePool(const Memory& memory, PrivateZone& zone, KeyedBlocks& blocks, frame::OwnerId owner,
            LockRank refill_rank, std::atomic<bool>* is_low = nullptr);
  TablePool(const TablePool&) = delete;
  TablePool& operator=(const TablePool&) = delete;

  /// Names the allocator of the zone: before everything else, once. It outlives the pool.
  void Connect(frame::PageAllocator& frames);

  /// Whose pageblocks they are.
  frame::OwnerLists& owner() { return owner_; }

  // --- Pages ----------------------------------------------------------------------------------

  /// Removes a page; refills if no more are there than are set aside for splits.
  /// Errors: kNoFrames; what converting a pageblock failed with.
  Result<FrameNumber> Take() PW_EXCLUDES(refill_, pool_);
  /// Takes a page back, whatever is in it: last in, first out.
  /// Dies with Violation::kForeignFrame if it is none of the pool's, with kDoubleFree if it is
  /// here.
  void Put(FrameNumber frame) PW_EXCLUDES(pool_);

  // --- Splits ---------------------------------------------------------------------------------

  /// Refills if less is there than is set aside for splits. Without any lock that a refill needs.
  /// Errors: as Take().
  Status Prepare() PW_EXCLUDES(refill_, pool_);
  /// Returns whether a split can begin: all that is set aside is there, or this thread refills.
  bool IsReady() const PW_EXCLUDES(pool_);
  /// Removes a page for a split, or returns nothing. Never refills.
  std::optional<FrameNumber> TakeForSplit() PW_EXCLUDES(pool_);

  // --- Pageblocks -----------------------------------------------------------------------------

  /// Gives every pageblock of the pool `key`, those that it has and those that it will have. Once.
  /// Errors: those of changing protection. A part of the pool has the key then, and no more gets
  /// it.
  Status UseKey(arch::Pkey key) PW_EXCLUDES(refill_, pool_);
  std::optional<arch::Pkey> key() const { return blocks_.KeyOf(owner_.id()); }

  /// Makes the mappings of the pool's pageblocks unchangeable for ever, of those that it has and of
  /// those that it will have: after UseKey(), for a pool that is never shrunk. A pageblock that
  /// can't be sealed is not used from then on.
  /// Errors: those of Os::Seal(). Some may be sealed then, and no more will be.
  Status Seal() PW_EXCLUDES(refill_, pool_);

  /// Gives whole free pageblocks back to the zone, each by one change of rights, until `wanted`
  /// frames are. Leaves kUnshrinkable pages, and pageblocks of which a part is in use. Returns how
  /// many frames were given back, which may be more than wanted; none if that leaves too few.
  std::uint64_t Shrink(std::uint64_t wanted) PW_EXCLUDES(refill_, pool_);

  // --- Questions ------------------------------------------------------------------------------

  /// Returns whether `frame` lies in a pageblock of the pool. Takes no lock.
  bool Owns(FrameNumber frame) const {
    return frames_->FlagsOf(frame.block()).freetype() == frame::Freetype::Keyed(owner_.id());
  }
  /// Returns how much memory the pool has, in use or not. Linear in the size of the zone.
  std::uint64_t bytes() const;
  /// Pages that are set aside, and whatever else is there.
  std::size_t cached() const PW_EXCLUDES(pool_);
  ptable::PtpReserveCounters counters() const PW_EXCLUDES(pool_);
  /// Refills of this pool inside of each other: the most there have been.
  unsigned deepest() const { return deepest_.load(std::memory_order_relaxed); }

  void CheckInvariants() const PW_EXCLUDES(pool_);

  // --- fork(2) --------------------------------------------------------------------------------

  /// Keeps the locks across fork(2), so that no refill is under way in the child. Two steps, since
  /// the locks of zone and allocator come in between.
  void LockRefillForFork() PW_ACQUIRE(refill_) { refill_.Lock(); }
  void LockForFork() PW_ACQUIRE(pool_) { pool_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(pool_) { pool_.Unlock(); }
  void UnlockRefillAfterFork() PW_RELEASE(refill_) { refill_.Unlock(); }

 private:
  class RefillScope;

  // ptable::PtpBlockSource. Called with both locks held; gives that of the pool up meanwhile.
  std::optional<FrameNumber> Allocate(Order order) override;
  Status Protect(FrameRange block) override;
  void Free(FrameRange block) override;

  Result<FrameNumber> AllocateWhole() PW_EXCLUDES(pool_);
  bool GrowZone() PW_EXCLUDES(pool_);
  void NoteSize() PW_REQUIRES(pool_);
  template <typename Visit>
  Status ForEachKeyedRange(Visit visit) const;

  PrivateZone& zone_;
  KeyedBlocks& blocks_;
  frame::PageAllocator* frames_ = nullptr;
  frame::OwnerLists owner_;
  std::atomic<bool>* const is_low_;
  std::atomic<unsigned> deepest_{0};

  Mutex refill_;
  bool seals_ PW_GUARDED_BY(refill_) = false;
  mutable Mutex pool_{LockRank::kTablePool};
  ptable::PtpReserve reserve_ PW_GUARDED_BY(pool_);
};

}  // namespace pageward::space
