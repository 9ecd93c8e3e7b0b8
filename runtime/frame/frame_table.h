// Which frame is the head of which piece: a two-level table of a zone's frames.
//
// Level 1 is an array of block records, level 2 a leaf of 512 frame records for each pageblock that
// was broken up. A zone of a terabyte of whole blocks needs no leaf at all.
//
// Leaves are table pages, made by others, who may need frames of this very zone for them. So they
// are made before an operation, without the zone's lock, and only taken in the middle of one. The
// table asks at the one moment when a leaf turns out to be missing, takes no for an answer, and
// keeps a leaf until it is told to give it back: a block that was broken up once will be again, and
// giving a page back in the middle of a free would put the page allocator inside itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/check.h"
#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/frame/block_record.h"
#include "runtime/frame/frame_state.h"

namespace pageward::frame {

/// Where leaves come from. Owned by this layer, implemented above it.
///
/// An operation that may need a leaf begins with the zone's lock and a source that is ready:
///
///     lock the zone
///     while (!leaves.IsReady()) {
///       unlock the zone
///       if (!leaves.Prepare().ok()) break, with the lock, for it may do without
///       lock the zone
///     }
///     ... leaves.Allocate(), twice at most ...
///     unlock the zone
class LeafSource {
 public:
  /// Returns whether an operation can begin. Called with the zone's lock held.
  bool IsReady() const { return !is_low_.load(std::memory_order_relaxed) || IsReadyThoughLow(); }

  /// Makes leaves. Called without the zone's lock; may allocate from this very zone, and is not
  /// called for what it allocates there, since IsReady() is true for it then.
  /// Errors: whatever kept it from making any.
  virtual Status Prepare() { return Status(); }

  /// Returns a leaf of zeros for `block`, or null if there is none. Called with the zone's lock
  /// held: it must not call back into the allocator and may only take locks above LockRank::kZone.
  virtual FrameLeaf* Allocate(BlockNumber block) = 0;

  /// Takes back a leaf, which is zero again. Called without the zone's lock. The memory stays
  /// readable for as long as the zone lives, since reports read the table without a lock.
  virtual void Free(BlockNumber block, FrameLeaf* leaf) = 0;

 protected:
  ~LeafSource() = default;

  /// Whether IsReady() has to ask IsReadyThoughLow(). Changes with the zone's lock or for the
  /// better: a source that runs low without the lock is found out too late.
  std::atomic<bool> is_low_{false};

  virtual bool IsReadyThoughLow() const { return false; }
};

/// The records of all frames of a zone.
///
/// Externally synchronized, but for Load(), PieceOf() and Relabel().
///
/// Invariants, checked by CheckInvariants():
///   F4  a block's leaf holds as many records that are not body as the block says, none of them at
///       index 0; a block without a leaf says none
class FrameTable {
 public:
  /// The place of one record, found once and used twice; or of none, if its leaf is not there.
  /// Valid while its piece is the caller's.
  class Entry {
   public:
    bool IsThere() const { return word_ != nullptr; }

    /// Requires for both: IsThere().
    FrameRecord Load() const { return FrameRecord(LoadRelaxed(*word_)); }

    /// Exchanges kRun for kListed or back. The only change that needs no lock: the frame belongs
    /// to the calling thread, and no list of the allocator's refers to it.
    void Relabel(FrameRecord record) const {
      PW_ASSERT(!Load().IsBody() && MayBecome(Load().state(), record.state()));
      StoreRelaxed(*word_, record.word());
    }

   private:
    friend class FrameTable;
    explicit Entry(std::uint64_t* word) : word_(word) {}

    std::uint64_t* word_;
  };

  FrameTable(std::span<BlockRecord> blocks, LeafSource& leaves) : blocks_(blocks), leaves_(leaves) {
    PW_ASSERT(blocks.size() <= kMaxBlocks);
  }
  FrameTable(const FrameTable&) = delete;
  FrameTable& operator=(const FrameTable&) = delete;

  /// 1 TiB: what 28 bits for a frame number can address.
  static constexpr std::size_t kMaxBlocks = std::size_t{1} << 19;

  std::uint32_t block_count() const { return static_cast<std::uint32_t>(blocks_.size()); }
  bool Contains(FrameNumber frame) const { return frame.block().value < blocks_.size(); }

  /// Requires: Contains(frame).
  const BlockRecord& BlockOf(FrameNumber frame) const { return blocks_[frame.block().value]; }

  /// Returns the record of `frame`; body if its block has no leaf. Requires: Contains(frame).
  FrameRecord Load(FrameNumber frame) const {
    const std::uint64_t* word = WordOf(frame);
    return word == nullptr ? FrameRecord() : FrameRecord(LoadRelaxed(*word));
  }

  /// Requires: Contains(frame).
  Entry EntryOf(FrameNumber frame) const { return Entry(WordOf(frame)); }

  /// Makes sure that `frame` can be a head; returns false if that takes a leaf and there is none.
  [[nodiscard]] bool EnsureRecord(FrameNumber frame);

  /// Replaces the record of `frame`.
  ///
  /// Requires: EnsureRecord(frame) has returned true, now or when its block was last broken up.
  /// Dies with Violation::kInvariant if the change is not one that MayBecome() allows.
  void Store(FrameNumber frame, FrameRecord record);

  /// Takes the leaf from `block` so that it can go back to its source, or returns null if the
  /// block has none or needs it.
  [[nodiscard]] FrameLeaf* DetachLeaf(BlockNumber block);

  /// Returns the piece that `frame` lies in, or nothing if its block is not managed.
  ///
  /// Safe without a lock, for reports: what changes meanwhile may then be found as it was, as it
  /// is, or not at all. Linear in the blocks between the frame and its head.
  std::optional<Piece> PieceOf(FrameNumber frame) const;

  /// The number of leaves in use.
  std::uint32_t leaf_count() const { return leaf_count_; }

  void CheckInvariants() const;

 private:
  // Null if the record would be in a leaf that is not there. Records are changed through const
  // references by design: a table that is being read can still be written by its owner.
  std::uint64_t* WordOf(FrameNumber frame) const {
    BlockRecord& block = blocks_[frame.block().value];
    const std::uint32_t index = frame.index_in_block();
    if (index == 0) {
      return &block.first_record;
    }
    FrameLeaf* leaf = LeafOf(block);
    return leaf == nullptr ? nullptr : &leaf->records[index];
  }

  std::optional<FrameNumber> LastHeadIn(BlockNumber block, std::uint32_t last_index) const;

  std::span<BlockRecord> blocks_;
  LeafSource& leaves_;
  std::uint32_t leaf_count_ = 0;
};

}  // namespace pageward::frame
