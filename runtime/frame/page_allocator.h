// Pageward's page allocator: frames grouped by who needs them and who may reach them.
//
// It works on numbers and never touches the memory that they stand for, so one piece of code serves
// the host and the simulated kernel, and can be tested with nothing behind it. What it needs from
// above are a source of leaves for its table, somebody who changes mappings, and possibly somebody
// who moves contents out of the way. docs/frame.md tells the life of a request.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/frame/block_compactor.h"
#include "runtime/frame/block_record.h"
#include "runtime/frame/counters.h"
#include "runtime/frame/frame_table.h"
#include "runtime/frame/pageblock_converter.h"
#include "runtime/frame/pageblock_map.h"
#include "runtime/frame/request.h"
#include "runtime/frame/thread_lists.h"
#include "runtime/frame/zone.h"

namespace pageward::frame {

/// What is known about a frame, for reports.
struct FrameReport {
  FrameState state = FrameState::kBody;  ///< That of its piece; never kBody.
  FrameRange piece;
  Freetype freetype;
  bool is_isolated = false;
};

/// Hands out the frames of one zone.
///
/// Thread-safe. Its lock has LockRank::kZone and is never held while the converter or the compactor
/// is called, or the source of leaves prepares some; that source is asked for one with it held.
/// Operations that may need a leaf may block for that, but for requests that forbid it.
///
/// Every function that takes frames back dies before it changes anything if they are not what the
/// caller says: with Violation::kForeignFrame if they are not in the zone, with kDoubleFree if they
/// are free, with kRunMismatch if they are not exactly a run. Every function that takes a Request
/// dies with kUnknownFlags if it carries flags that do not exist.
///
/// Its invariants are those of Zone and ThreadLists.
class PageAllocator {
 public:
  struct Seams {
    LeafSource& leaves;
    PageblockConverter& converter;
    BlockCompactor* compactor = nullptr;  ///< May be absent.
  };

  /// A zone without any blocks yet.
  ///
  /// Requires: `records` is zero, and stays in place for as long as the allocator lives.
  PageAllocator(std::span<BlockRecord> records, const Seams& seams);
  PageAllocator(const PageAllocator&) = delete;
  PageAllocator& operator=(const PageAllocator&) = delete;

  /// Brings `blocks` into the zone: free, mapped and of `mobility`, which pageblocks change when a
  /// fallback claims them. Touches only their records.
  ///
  /// Dies with Violation::kForeignFrame if there are no records for them, and with kRunMismatch if
  /// one of them is in the zone already.
  void AddBlocks(BlockRange blocks, Mobility mobility = Mobility::kMovable) PW_EXCLUDES(lock_);

  // --- Blocks ---------------------------------------------------------------------------------

  /// Allocates 2^order frames at a multiple of that.
  ///
  /// Errors: kNoFrames; kWouldBlock if the lists have none and the flags forbid to look further;
  /// kNoMemory for want of a leaf or if this platform can't convert; what a conversion failed with;
  /// kInvalid (see Validate()).
  Result<FrameNumber> Allocate(Order order, const Request& request) PW_EXCLUDES(lock_);

  /// The same from the lists of this thread, which are refilled if they are empty.
  ///
  /// Refilling takes what is on the allocator's lists and never converts; if there is nothing, a
  /// conversion is made for this one request.
  Result<FrameNumber> Allocate(Order order, const Request& request, ThreadLists& lists)
      PW_EXCLUDES(lock_) {
    FrameNumber frame;
    if (lists.TryTake(table_, request, order, &frame)) [[likely]] {
      return frame;
    }
    return AllocateSlowly(order, request, lists);
  }

  /// Frees what Allocate() returned, or any other run of 2^order frames.
  void Free(FrameNumber frame, Order order) PW_EXCLUDES(lock_);

  /// The same into the lists of this thread, which are drained if they are full.
  void Free(FrameNumber frame, Order order, ThreadLists& lists) PW_EXCLUDES(lock_) {
    if (!lists.TryPut(table_, frame, order)) [[unlikely]] {
      FreeSlowly(frame, order, lists);
    }
  }

  /// Makes `lists` usable with this allocator, for the thread that calls.
  void Attach(ThreadLists& lists) PW_EXCLUDES(lock_);
  /// Frees everything in `lists`. Requires: called by its thread, as Detach().
  void Drain(ThreadLists& lists) PW_EXCLUDES(lock_);
  /// Drains `lists` and forgets it: when its thread ends.
  void Detach(ThreadLists& lists) PW_EXCLUDES(lock_);

  // --- Runs -----------------------------------------------------------------------------------

  /// Allocates exactly `frames` frames at a multiple of 2^alignment; beyond 1 GiB, at a multiple of
  /// 1 GiB. Errors: as Allocate(); kInvalid also for zero frames and for more than a zone can have.
  Result<FrameRange> AllocateRun(FrameCount frames, Order alignment, const Request& request)
      PW_EXCLUDES(lock_);

  /// Adds the `extra` frames that follow `run` to it. Never converts.
  /// Errors: kNoFrames if they are not all free and of the same visibility and owner; kNoMemory for
  /// want of a leaf.
  Status GrowRun(FrameRange run, FrameCount extra) PW_EXCLUDES(lock_);

  /// Makes two runs of one, the first of `first` frames. Errors: kNoMemory for want of a leaf.
  Status SplitRun(FrameRange run, FrameCount first) PW_EXCLUDES(lock_);

  /// Makes one run of two that follow each other.
  /// Errors: kInvalid if they differ in visibility or owner.
  Status MergeRuns(FrameRange first, FrameRange second) PW_EXCLUDES(lock_);

  void FreeRun(FrameRange run) PW_EXCLUDES(lock_);

  // --- Hidden memory --------------------------------------------------------------------------

  /// Lets requests name `owner`. It must stay in place until UnregisterOwner() succeeds.
  void RegisterOwner(OwnerLists& owner) PW_EXCLUDES(lock_);
  /// Errors: kInUse, while pageblocks are keyed for `owner`; see ReturnFreeBlocks().
  Status UnregisterOwner(OwnerLists& owner) PW_EXCLUDES(lock_);

  /// Converts whole free pageblocks of `type` (unmapped, or keyed with its owner) to mapped and
  /// movable ones, scrubbed, until none is left or a conversion fails. May block.
  /// Returns how many were converted.
  std::uint32_t ReturnFreeBlocks(const Request& hidden) PW_EXCLUDES(lock_);

  // --- Pageblocks -----------------------------------------------------------------------------

  /// Keeps free frames of `block` from being handed out, also those that become free later.
  /// Errors: kInUse if it is converting or isolated already; kInvalid if it is not in the zone.
  Status Isolate(BlockNumber block) PW_EXCLUDES(lock_);
  /// Errors: kInvalid if it is not isolated.
  Status Unisolate(BlockNumber block) PW_EXCLUDES(lock_);

  /// Marks a block that compaction need not look at again, or removes the mark.
  /// Requires: it is in the zone.
  void Skip(BlockNumber block) PW_EXCLUDES(lock_);
  void Unskip(BlockNumber block) PW_EXCLUDES(lock_);

  /// Gives the leaf of `block` back if no piece begins or ends inside it; returns whether it did.
  ///
  /// The only way that leaves go back. Whoever owns the memory calls it when it lets the pages of a
  /// whole free pageblock go, which is when nobody expects it to be broken up again soon.
  bool TrimLeaf(BlockNumber block) PW_EXCLUDES(lock_);

  // --- Questions ------------------------------------------------------------------------------
  // Without the lock, for reports: what changes meanwhile may be found as it was or as it is.

  /// Returns the piece and the pageblock of `frame`, or nothing if it is not in the zone.
  std::optional<FrameReport> Describe(FrameNumber frame) const;
  /// Returns the run that `frame` lies in, or nothing if it lies in none.
  std::optional<FrameRange> RunContaining(FrameNumber frame) const;
  /// Returns whether `frame` lies in a free block of the allocator.
  bool IsFree(FrameNumber frame) const;
  /// Returns the flags of `block`; all of them are clear if it is not in the zone.
  BlockFlags FlagsOf(BlockNumber block) const;

  Counters counters() const PW_EXCLUDES(lock_);

  // --- fork(2) --------------------------------------------------------------------------------

  /// Keeps the lock across fork(2): the three steps of pthread_atfork(3). In the child, frames in
  /// the lists of threads that are gone, and blocks that they were converting, stay out of use.
  void LockForFork() PW_ACQUIRE(lock_) { lock_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(lock_) { lock_.Unlock(); }

  // --- Checks ---------------------------------------------------------------------------------

  /// At check level `paranoid`, operations end with a walk over the zone: each `interval`-th one
  /// that took the lock, or none if it is 0. Every one is the default.
  void set_walk_interval(std::uint32_t interval) PW_EXCLUDES(lock_);

  /// Dies if an invariant does not hold, as far as it can be told while other threads are at work.
  /// Linear in the size of the zone.
  void CheckInvariants() const PW_EXCLUDES(lock_);
  /// Dies if any invariant does not hold. Requires: no other thread is at work.
  void CheckInvariantsAtRest() const PW_EXCLUDES(lock_);

 private:
  Result<FrameNumber> AllocateSlowly(Order order, const Request& request, ThreadLists& lists)
      PW_EXCLUDES(lock_);
  void FreeSlowly(FrameNumber frame, Order order, ThreadLists& lists) PW_EXCLUDES(lock_);
  Result<FrameNumber> RefillAndTake(ThreadLists& lists, ThreadListIndex index,
                                    const Request& request) PW_REQUIRES(lock_);
  void DrainList(ThreadLists& lists, ThreadListIndex index, std::uint32_t blocks)
      PW_REQUIRES(lock_);
  void DrainAll(ThreadLists& lists) PW_REQUIRES(lock_);

  Result<FrameRange> AllocateShape(const RunShape& shape, const Request& request)
      PW_EXCLUDES(lock_);
  Result<FrameRange> AllocateFromLists(const RunShape& shape, const Request& request)
      PW_EXCLUDES(lock_);

  Result<FrameRange> AllocateByConversion(const RunShape& shape, const Request& request)
      PW_EXCLUDES(lock_);
  Result<FrameRange> ConvertFor(const RunShape& shape, const Request& request) PW_EXCLUDES(lock_);
  Result<Conversion> BeginConversion(const RunShape& shape, Freetype wanted) PW_EXCLUDES(lock_);
  Result<Conversion> BeginReturn(const Request& hidden) PW_EXCLUDES(lock_);
  // Ends a conversion whose mappings have (not) been `changed`: the pageblocks are in hand if they
  // have, and back where they were if not.
  Result<FrameRange> Finish(const Conversion& conversion, const Request& request, Status changed,
                            const ConversionSteps& steps) PW_REQUIRES(lock_);

  // Takes the lock, with leaves at hand for one operation as far as there can be any.
  void EnterToSplit() PW_ACQUIRE(lock_);
  // The same as far as the flags allow. Fails if they say that the lock must not be waited for.
  [[nodiscard]] bool Enter(RequestFlags flags) PW_TRY_ACQUIRE(true, lock_);
  void WalkIfDue() const PW_EXCLUDES(lock_);

  Seams seams_;
  mutable Mutex lock_{LockRank::kZone};
  // Both are read without the lock, by whoever owns a frame that they describe, and for reports.
  // They change with it, but for a thread's relabelling of its own frames.
  FrameTable table_;
  PageblockMap blocks_;
  Zone zone_ PW_GUARDED_BY(lock_);
  ThreadListsRegistry threads_ PW_GUARDED_BY(lock_);
  Counters events_ PW_GUARDED_BY(lock_);  // Only what happened; where frames are is derived.
  mutable std::uint32_t walk_interval_ PW_GUARDED_BY(lock_) = 1;
  mutable std::uint32_t changes_until_walk_ PW_GUARDED_BY(lock_) = 1;
};

}  // namespace pageward::frame
