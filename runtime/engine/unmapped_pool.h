// Memory without an address: allocated, freed, filled and read through views.
//
// A pool is a shared zone with a page allocator over it. All of it is taken out of the home mapping
// when it starts, by one system call, before anybody knows of it. What is allocated has a handle
// and is reached through the views of a thread. Frames are wiped when they are freed, through a
// view, so that whatever is handed out is zero; and no frame is freed while a view shows it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/late_init.h"
#include "runtime/core/result.h"
#include "runtime/engine/thread_views.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/keys/key_broker.h"
#include "runtime/os/os.h"
#include "runtime/space/host_views.h"
#include "runtime/space/leaf_table.h"
#include "runtime/space/shared_zone.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::engine {

/// The name of memory of a pool. Zero names none. One that was freed names nothing ever again, but
/// for 16 million frees of the same frame later.
struct UnmappedHandle {
  std::uint64_t value = 0;

  friend constexpr bool operator==(UnmappedHandle, UnmappedHandle) = default;
};

/// What a pool has done. Each number is right, but not all are of the same instant.
struct UnmappedCounters {
  std::uint64_t allocations = 0;
  std::uint64_t frees = 0;
  std::uint64_t allocated_bytes = 0;
  std::uint64_t wiped_bytes = 0;
  std::uint64_t freed_while_open = 0;   ///< Refused: a view was open.
  std::uint64_t freed_while_stale = 0;  ///< A stale view was flushed first.
  std::uint64_t left_open = 0;          ///< Views that were open when their thread ended.
  std::uint64_t shared_openings = 0;    ///< Views that opened a key another thread had open.
  std::uint32_t view_mappings = 0;
};

/// Hands out unmapped memory. Thread-safe; never allocates otherwise.
class UnmappedPool {
 public:
  struct Options {
    /// A power of two of pageblocks; 0 for 64 MiB, or less if no more secret memory is granted.
    std::uint64_t bytes = 0;
    bool uses_secret = true;
    /// Whether Start() fails where there is no secret memory, instead of taking ordinary memory.
    bool requires_secret = false;
    /// Mappings that views of all threads may have together. The system's limit (vm.max_map_count)
    /// is 65,530 for the whole process.
    std::uint32_t most_view_mappings = 8192;
    /// Whether a line is written about each free of memory that a view shows.
    bool reports_views = false;
    /// Tells handles of this pool from those of a pool that a parent process had.
    std::uint32_t epoch = 0;
  };
  static constexpr std::uint64_t kDefaultBytes = std::uint64_t{64} << 20;
  /// How much is written or read through one view.
  static constexpr std::uint64_t kBatchBytes = kPageblockBytes;

  constexpr UnmappedPool() = default;
  UnmappedPool(const UnmappedPool&) = delete;
  UnmappedPool& operator=(const UnmappedPool&) = delete;

  /// Once. Errors: kInvalid (a size that makes no sense), kNoAddressSpace, kNoMemory; with
  /// requires_secret also kUnsupported, kNotPermitted and kLimit (RLIMIT_MEMLOCK).
  Status Start(os::Os& os, keys::KeyBroker& keys, const Options& options);
  bool IsStarted() const { return registry_.IsMade(); }
  /// Gives everything back. Requires: no thread has views any more. For tests.
  void Stop();

  // All below require IsStarted().

  os::SharedMemory kind() { return zone_->kind(); }
  /// Why it is not secret memory, though that was wanted.
  std::optional<Error> secret_refusal() { return zone_->refusal(); }
  /// Why it is not locked in memory. Secret memory always is.
  std::optional<Error> lock_refusal() const { return lock_refusal_; }
  /// Whether views are closed by keys, so that only their thread reaches them.
  bool HasThreadViews() { return keys_->KeyFor(keys::KeyBroker::Purpose::kView).ok(); }
  std::uint64_t bytes() { return zone_->range().bytes; }
  /// For tests: where the memory would be, if it were there.
  VirtRange home() { return zone_->range(); }
  UnmappedCounters counters();

  // --- Threads --------------------------------------------------------------------------------

  /// Makes this thread's views. Errors: kNoAddressSpace, kNoMemory.
  Result<ThreadViews*> AddThread(space::ViewReuse reuse = space::ViewReuse::kWhileStale);
  /// Prepares them again, which does nothing but mark the thread (HostViews::Prepare()).
  Status PrepareAgain(ThreadViews& views);
  /// Ends them: when the thread does. Views that are open are counted.
  void RemoveThread(ThreadViews& views);

  // --- Memory ---------------------------------------------------------------------------------

  /// Allocates `bytes`, rounded up to frames, of zeros. Errors: kInvalid (no bytes), kNoFrames.
  Result<UnmappedHandle> Allocate(std::uint64_t bytes);

  /// Wipes the memory and takes it back. `site` is who asks, for reports.
  ///
  /// Errors: kInvalid for a handle of nothing; kInUse while a view of it is open, or if this thread
  /// has so many open that there is none left to wipe with; kNotPermitted in a signal handler; what
  /// a view or a visit failed with. The memory is the caller's still.
  Status Free(ThreadViews& views, UnmappedHandle memory, const void* site);

  /// Returns how many bytes `memory` has: whole frames. Errors: kInvalid.
  Result<std::uint64_t> SizeOf(UnmappedHandle memory) const;
  /// Returns whether the handle was made in the process that forked this one.
  bool IsOfParent(UnmappedHandle memory) const;

  // --- Views ----------------------------------------------------------------------------------

  /// Which part of some memory is to be shown: [offset, offset + bytes), at most what is there.
  struct Part {
    UnmappedHandle memory;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  /// Shows the frames that `part` lies in. The view is of this thread, which puts it back.
  ///
  /// Errors: kInvalid for nonsense; kNotPermitted in a signal handler; kNoAddressSpace if the
  /// region is full, kInUse if all slots are taken, kTooManyMappings and kLimit at limits,
  /// kNoMemory.
  Result<space::ViewHandle> Get(ThreadViews& views, const Part& part, space::ViewAccess access,
                                const void* site);
  /// Shows one frame, whatever else is open. Errors: as Get(); kInUse if such a view is open.
  Result<space::ViewHandle> GetReserved(ThreadViews& views, const Part& part,
                                        space::ViewAccess access, const void* site);
  /// Errors: kInvalid if it is not this thread's and open; kNotPermitted in a signal handler.
  Status Put(ThreadViews& views, const space::ViewHandle& view);

  // --- Contents -------------------------------------------------------------------------------

  /// Copies in and out, a batch at a time. Errors: as Get(); a part may have been copied.
  Status Write(ThreadViews& views, UnmappedHandle memory, std::uint64_t offset,
               std::span<const std::byte> from);
  Status Read(ThreadViews& views, UnmappedHandle memory, std::uint64_t offset,
              std::span<std::byte> to);

  /// Fills `part` from a descriptor, straight into the frames. Returns how many bytes came: less
  /// than asked for at its end, or if it failed after some had come.
  /// Errors: as Get() and Os::Read(), if none came.
  Result<std::uint64_t> Populate(ThreadViews& views, const Part& part, os::Descriptor from);

  // --- fork(2) --------------------------------------------------------------------------------

  void LockForFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void UnlockAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  /// In the child: reserves the holes that the memory and its views have left. The pool is no more.
  /// Errors: kInUse if something has been mapped into a hole, which it does not touch; kNoMemory.
  Status ReserveAfterFork();

 private:
  Status TakeOut();
  void GiveBack();

  struct Run {
    FrameRange frames;
    std::uint64_t word = 0;  // As it stands in the table.
  };
  std::uint64_t& WordOf(FrameNumber frame) const { return runs_[frame.value]; }
  std::uint64_t WordAt(FrameNumber frame) const {
    return __atomic_load_n(&WordOf(frame), __ATOMIC_SEQ_CST);
  }
  Result<Run> Find(UnmappedHandle memory) const;
  Result<FrameRange> FramesOf(const Part& part, Run* run) const;
  template <typename GetView>
  Result<space::ViewHandle> GetIfAlive(ThreadViews& views, const Part& part, GetView get);
  Status Wipe(ThreadViews& views, FrameRange frames);
  template <typename Use>
  Result<std::uint64_t> UseInBatches(ThreadViews& views, const Part& part, Use use);
  void Report(const char* what, FrameRange frames, const void* got_by, const void* freed_by);

  space::HostViews::Commons commons() {
    return {*os_, *zone_, *keys_, *windows_, *budget_, *shown_};
  }

  os::Os* os_ = nullptr;
  keys::KeyBroker* keys_ = nullptr;
  Options options_;
  space::ZoneReservation reservation_;
  std::span<std::uint64_t> runs_;
  std::optional<Error> lock_refusal_;
  LateInit<space::SharedZone> zone_;
  LateInit<space::WindowKeys> windows_;
  LateInit<space::ViewBudget> budget_;
  LateInit<space::StaleFrames> shown_;
  LateInit<space::LeafTable> leaves_;
  LateInit<frame::PageAllocator> frames_;
  LateInit<ViewRegistry> registry_;
  std::atomic<std::uint64_t> allocations_{0};
  std::atomic<std::uint64_t> frees_{0};
  std::atomic<std::uint64_t> allocated_bytes_{0};
  std::atomic<std::uint64_t> wiped_bytes_{0};
  std::atomic<std::uint64_t> freed_while_open_{0};
  std::atomic<std::uint64_t> freed_while_stale_{0};
  std::atomic<std::uint64_t> left_open_{0};
};

}  // namespace pageward::engine
