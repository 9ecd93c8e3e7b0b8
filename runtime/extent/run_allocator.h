// Runs: any number of whole frames in a row, for allocators that divide them further.
//
// Below lie the page allocator, which knows numbers, and an address space, which knows memory; this
// is where both meet. A run is usable and zero when it is handed out and out of reach when it has
// been freed; small ones may wait a moment, so that several go with one system call. Freed frames
// go back to the page allocator at once in the standard profile; a quarantine can hold them for a
// while, so that their addresses are not used again soon.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/core/address.h"
#include "runtime/core/result.h"
#include "runtime/extent/closing_runs.h"
#include "runtime/extent/quarantine.h"
#include "runtime/extent/run_observer.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/space/private_zone.h"

namespace pageward::extent {

/// What has happened to runs so far.
struct RunCounters {
  std::uint64_t allocated_runs = 0;
  std::uint64_t freed_runs = 0;
  std::uint64_t used_bytes = 0;  ///< in runs now
  std::uint64_t used_bytes_most = 0;
  std::uint64_t grown_in_place = 0;
  std::uint64_t quarantined_bytes = 0;  ///< waiting now
  std::uint64_t closing_bytes = 0;      ///< freed and still in reach now
  std::uint64_t reused_runs = 0;        ///< wanted again before they were put out of reach
};

/// Allocates, grows, divides, joins and frees runs of one zone.
///
/// Thread-safe. Never allocates memory of its own. Addresses and sizes are multiples of 4 KiB.
class RunAllocator {
 public:
  struct Options {
    /// Bytes of freed runs that wait before their frames may be used again.
    std::uint64_t quarantine_bytes = 0;
    /// Whether small runs that were gone are opened together with what is free behind them. Those
    /// frames read as zero until they are a run again, instead of faulting.
    bool opens_ahead = true;
    /// Whether small runs that are freed are put out of reach a few at a time.
    bool closes_in_batches = false;
    /// Runs of at least this size come from the part of the zone that huge pages back.
    std::uint64_t large_from_bytes = kPageblockBytes;
  };

  RunAllocator(space::PrivateZone& zone, frame::PageAllocator& frames, const Options& options)
      : zone_(zone),
        frames_(frames),
        options_(options),
        quarantine_(FramesFor(options.quarantine_bytes)) {}
  RunAllocator(const RunAllocator&) = delete;
  RunAllocator& operator=(const RunAllocator&) = delete;

  /// Tells `observer` of every request from now on. Before the first of them; the observer outlives
  /// the allocator.
  void Observe(RunObserver& observer) { observer_ = &observer; }

  /// Returns a run of `bytes` at a multiple of `alignment` (a power of two of up to 1 GiB), zeroed.
  /// Errors: kNoAddressSpace, kNoMemory, kTooManyMappings.
  Result<VirtRange> Allocate(std::uint64_t bytes, std::uint64_t alignment);

  /// Returns a run that was freed a moment ago and is still in reach, with what it held. Its frames
  /// never left, so this costs no system call; nothing is also an answer. Arguments as Allocate().
  std::optional<VirtRange> TryReuse(std::uint64_t bytes, std::uint64_t alignment);

  /// Allocates exactly the addresses [begin, begin + bytes), zeroed, as a run of its own: what an
  /// allocator asks for that wants to grow a run in place. Returns false, with nothing changed, if
  /// they are not all free or can't be had.
  [[nodiscard]] bool TryAllocateAt(VirtAddr begin, std::uint64_t bytes);

  /// Takes `run` back and puts it out of reach, at once or with others that are freed soon.
  /// Dies with Violation::kRunMismatch, kDoubleFree or kForeignPointer if it is no run.
  void Free(VirtRange run);

  /// Makes two runs of one, `first_bytes` and the rest. Returns false, with nothing changed, for
  /// want of memory. Dies as Free().
  [[nodiscard]] bool TrySplit(VirtRange run, std::uint64_t first_bytes);

  /// Makes one run of two neighbours. Returns false, with nothing changed, if they may not be one.
  /// Dies as Free().
  [[nodiscard]] bool TryMerge(VirtRange low, VirtRange high);

  /// Gives the pages of a part of a run back and puts it out of reach until Commit(); the run
  /// stays.
  void Decommit(VirtRange part);
  /// Makes a decommitted part usable again, zeroed. Errors: as MakeUsable().
  Status Commit(VirtRange part);

  /// Returns the run that `address` lies in, if it is in use. For reports: takes no lock of the
  /// zone.
  std::optional<VirtRange> RunContaining(VirtAddr address) const;

  /// Puts out of reach what waits for that.
  void CloseFreedRuns();
  /// Ends every wait in the quarantine.
  void FlushQuarantine();

  RunCounters counters() const;

  /// Keeps the locks across fork(2): the three steps of pthread_atfork(3).
  void LockForFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void UnlockAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;

 private:
  void Note(RunEventKind kind, FrameRange frames, FrameCount lower = FrameCount(0)) {
    NoteIf(true, kind, frames, lower);
  }
  // One branch that is predicted well when nobody watches.
  void NoteIf(bool is_done, RunEventKind kind, FrameRange frames, FrameCount lower = FrameCount(0),
              Order alignment = Order()) {
    if (observer_ != nullptr) [[unlikely]] {
      observer_->Note(RunEvent{kind, is_done ? RunOutcome::kDone : RunOutcome::kRefused, alignment,
                               frames, lower});
    }
  }
  void NoteAllocated(const Result<VirtRange>& run, std::uint64_t bytes, std::uint64_t alignment);
  Result<VirtRange> AllocateUsable(std::uint64_t bytes, std::uint64_t alignment);
  FrameRange FramesOf(VirtRange range) const;
  std::optional<FrameRange> HeapRunContaining(FrameNumber frame) const;
  Result<FrameRange> AllocateFrames(FrameCount count, Order alignment, space::Backing backing);
  Status Grow(FrameCount count, Order alignment, space::Backing backing);
  Status AddGrown(const Result<BlockRange>& grown, space::Backing backing);
  Status Open(FrameRange run);
  bool TryTakeBehind(FrameRange frames);
  void Release(FrameRange frames);
  void CloseBatch(const ClosingRuns::Batch& batch);
  bool TryTakeUsable(FrameRange frames);
  void CheckIsRun(FrameRange frames) const;
  bool IsWaiting(FrameRange run) const;
  bool ClosesInBatches(std::uint64_t bytes) const;
  void NoteUsed(std::uint64_t bytes);

  space::PrivateZone& zone_;
  frame::PageAllocator& frames_;
  const Options options_;
  RunObserver* observer_ = nullptr;
  Quarantine quarantine_;
  ClosingRuns closing_;

  std::atomic<std::uint64_t> allocated_runs_{0};
  std::atomic<std::uint64_t> freed_runs_{0};
  std::atomic<std::uint64_t> used_bytes_{0};
  std::atomic<std::uint64_t> used_bytes_most_{0};
  std::atomic<std::uint64_t> grown_in_place_{0};
  std::atomic<std::uint64_t> reused_runs_{0};
};

}  // namespace pageward::extent
