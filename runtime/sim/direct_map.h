// The direct map: all RAM at one place of the kernel's half, by leaves that are as large as they
// can be for as long as nobody wants a part of one to be different.
//
// Changing a part of a leaf splits it, which takes table pages. Where they come from is a seam,
// since asking for one may mean changing the direct map.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/ptable/page_table.h"
#include "runtime/ptable/set_memory.h"
#include "runtime/sim/early_tables.h"
#include "runtime/sim/kernel_layout.h"
#include "runtime/sim/kernel_memory.h"

namespace pageward::sim {

using KernelTable = ptable::PageTable<Format, KernelMemory>;

/// Table pages for splits of the direct map. Owned by this file, implemented by the pool.
///
/// Two ways to one end. Either the pages are set aside, and the split takes them while it holds the
/// lock of the direct map; or they are made before the lock is taken.
class SplitPages {
 public:
  /// Makes sure that a split can go ahead. May change the direct map. Called without its lock.
  virtual Status Prepare() = 0;
  /// Returns whether a split can go ahead. To be asked with the lock of the direct map held.
  virtual bool IsReady() = 0;
  /// Returns where a split that is ready takes its pages. Nothing it gives allocates.
  virtual ptable::PtpSource& Source() = 0;

 protected:
  ~SplitPages() = default;
};

/// Follows every change of the direct map: a second table that has the same frames.
class DirectMapFollower {
 public:
  /// Does the same to its own table, before the direct map does. An error leaves it as it was.
  virtual Status Change(FrameRange frames, const ptable::PermissionChange& change) = 0;
  virtual void Flush(FrameRange frames) = 0;

 protected:
  ~DirectMapFollower() = default;
};

/// When what was readable and is not any more gets forgotten.
enum class FlushWhen : std::uint8_t {
  kNow,
  kLater,  ///< The caller sees to it, by Flush().
};

/// The direct map of a kernel. Thread-safe.
class DirectMap {
 public:
  struct Options {
    unsigned largest_leaf = 2;  ///< 0: all by 4 KiB, and nothing is ever split.
    bool is_global = true;      ///< Not if there is more than one kernel table (KPTI, ASI).
    bool can_change = true;     ///< As can_set_direct_map() says.
    arch::PhysBits phys_bits{46};
  };

  DirectMap(KernelMemory& memory, PhysAddr root, const Options& options);
  DirectMap(const DirectMap&) = delete;
  DirectMap& operator=(const DirectMap&) = delete;

  /// Maps all RAM. Errors: kNoMemory.
  Status Build(ptable::PtpSource& tables);
  /// Where later splits get their pages. Requires: it outlives the direct map.
  void UseSplitPages(SplitPages& pages) { split_pages_ = &pages; }
  void UseFollower(DirectMapFollower* follower) { follower_ = follower; }

  const Options& options() const { return options_; }
  /// Whose translations of kernel memory a change concerns.
  ptable::ShootdownScope scope() const {
    return options_.is_global ? ptable::ShootdownScope::kGlobalPages
                              : ptable::ShootdownScope::kEveryPcid;
  }
  bool IsPteOnly() const { return options_.largest_leaf == 0; }
  KernelTable& table() { return table_; }

  VirtAddr AddressOf(FrameNumber frame) const {
    return kDirectMapBase + (std::uint64_t{frame.value} << kFrameBytesLog2);
  }
  VirtRange AddressesOf(FrameRange frames) const {
    return VirtRange{AddressOf(frames.begin), frames.count.bytes()};
  }

  /// Changes the permissions of exactly `frames`. Splits what lies across an end and is not that
  /// way already. Returns the leaves that were rewritten.
  ///
  /// Errors: kUnsupported if the direct map cannot change; what table pages could not be had for.
  /// Nothing has changed then, but for splits.
  Result<ptable::Changes> Change(FrameRange frames, const ptable::PermissionChange& change,
                                 FlushWhen when) PW_EXCLUDES(mutex_);

  /// Puts back a change that took no splits or whose splits have been made. Can't fail.
  void Restore(FrameRange frames, const ptable::PermissionChange& change) PW_EXCLUDES(mutex_);

  /// Splits what lies across the beginning of `boundary` and is not in the direct map, so that
  /// either side can be restored by itself. Errors: what table pages could not be had for.
  Status SplitAbsentAt(FrameNumber boundary) PW_EXCLUDES(mutex_);

  /// Makes every processor forget `frames`: one event.
  void Flush(FrameRange frames);

  // --- Questions ------------------------------------------------------------------------------

  /// As kernel_page_present(): whether the tables let anybody reach the frame.
  bool IsPresent(FrameNumber frame) const { return PermissionsOf(frame).is_readable; }
  ptable::Permissions PermissionsOf(FrameNumber frame) const;
  /// The level of the leaf that maps `frame`.
  unsigned LeafLevelOf(FrameNumber frame) const;
  /// All leaves by level. Linear in their number.
  ptable::LeafCounts CountLeaves() const;
  /// Large leaves that were split since the start.
  std::uint64_t splits() const { return __atomic_load_n(&splits_, __ATOMIC_RELAXED); }

 private:
  Status SplitAt(VirtAddr boundary, const ptable::PermissionChange& change) PW_EXCLUDES(mutex_);
  Result<ptable::Changes> Rewrite(FrameRange frames, const ptable::PermissionChange& change,
                                  ptable::TlbGather& gather) PW_REQUIRES(mutex_);
  ptable::ShootdownTarget Everybody() const;
  bool HasOnlyLargeLeaves(FrameRange frames) const;
  void NoteChange(FrameRange frames, const ptable::PermissionChange& change);

  KernelMemory& memory_;
  const Options options_;
  KernelTable table_;
  SplitPages* split_pages_ = nullptr;
  DirectMapFollower* follower_ = nullptr;
  Mutex mutex_{LockRank::kSimulatedMap};
  std::uint64_t splits_ = 0;
};

}  // namespace pageward::sim
