// The heap's memory: private pages, usable where a run lies and gone everywhere else.
//
// Gone by which means depends on the kernel and on what is freed:
//
//   whole pageblocks   one (pkey_)mprotect to PROT_NONE, with a key that nobody ever opens where
//                      there are keys. Keeps the huge page possible; costs up to two mappings.
//   smaller ranges     guard markers (Linux 6.13): one call gives the pages back and makes the
//   range
//                      fault, at no mapping at all. Before that, PROT_NONE for the range.
//   over the budget    of mappings: guard markers for whole blocks too; without those the pages are
//                      given back and the range stays readable as zeros, which is counted.
//
// So a frame that is not in use is fresh (never used since the zone grew), guarded or protected.
//
// The zone grows from both ends: blocks for small runs from the bottom, blocks for large runs,
// which huge pages may back, from the top. So each kind of backing is one mapping, however the heap
// grows.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/core/mutex.h"
#include "runtime/keys/key_broker.h"
#include "runtime/os/os.h"
#include "runtime/space/address_space.h"
#include "runtime/space/frame_flags.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::space {

/// How ranges smaller than a pageblock are put out of reach.
enum class GoneBy : std::uint8_t {
  kGuardMarkers,  ///< MADV_GUARD_INSTALL
  kProtection,    ///< PROT_NONE by run, within the budget of mappings
  kPageblock,     ///< only whole pageblocks are put out of reach
  kNothing,       ///< nothing is: pages are given back, and that is all
};

/// The counters of a PrivateZone. Relaxed: each is right, but not all of the same instant.
struct PrivateZoneCounters {
  std::uint64_t flushes = 0;             ///< system calls that take rights or pages away
  std::uint64_t other_calls = 0;         ///< all other system calls
  std::uint64_t gone_bytes = 0;          ///< freed and unreachable now
  std::uint64_t gone_bytes_total = 0;    ///< made unreachable, ever
  std::uint64_t purged_bytes_total = 0;  ///< given back but still readable as zeros, ever
  std::uint64_t mappings = 0;            ///< mappings of the zone now, by our own count, at most
  std::uint64_t mappings_most = 0;       ///< the largest that count has been
};

/// The AddressSpace of the heap.
class PrivateZone final : public AddressSpace {
 public:
  struct Options {
    GoneBy gone_by = GoneBy::kGuardMarkers;
    bool uses_huge_pages = true;
    /// Mappings that protecting may add. The kernel's limit (vm.max_map_count) is 65,530 for the
    /// whole process; the program has a right to nearly all of them.
    std::uint32_t mapping_budget = 256;
  };

  /// Bytes for each pageblock of the two tables that the zone keeps about its frames.
  static constexpr std::uint32_t kFlagBytes = kPageblockFrames / 8;

  /// A zone over `reservation`, whose tables of the given indexes are its own.
  PrivateZone(os::Os& os, keys::KeyBroker& keys, const ZoneReservation& reservation,
              unsigned guarded_table, unsigned protected_table, const Options& options);
  PrivateZone(const PrivateZone&) = delete;
  PrivateZone& operator=(const PrivateZone&) = delete;

  VirtRange range() const { return range_; }
  VirtAddr AddressOf(FrameNumber frame) const {
    return range_.begin + (std::uint64_t{frame.value} << kFrameBytesLog2);
  }
  VirtRange AddressesOf(FrameRange frames) const {
    return VirtRange{AddressOf(frames.begin), frames.count.bytes()};
  }

  Result<BlockRange> Grow(Backing backing, std::uint32_t blocks) override PW_EXCLUDES(mutex_);
  Status MakeUsable(FrameRange range) override PW_EXCLUDES(mutex_);
  Gone MakeGone(FrameRange range) override PW_EXCLUDES(mutex_);

  /// Lets `blocks`, which are usable, be used by whoever may by `key`, from now on backed by small
  /// pages, since tables are used one by one. What is in them stays.
  /// Errors: as MakeUsable(). The blocks have no key then.
  Status GiveKey(BlockRange blocks, arch::Pkey key) PW_EXCLUDES(mutex_);
  /// Puts `blocks` out of reach as free ones, by one change of rights and key.
  /// Errors: as MakeUsable(). RestoreKey() has to follow then.
  Status TakeKey(BlockRange blocks) PW_EXCLUDES(mutex_);
  /// Makes up for a TakeKey() that failed. Dies with Violation::kProtection if that fails as well.
  void RestoreKey(BlockRange blocks, arch::Pkey key);
  /// Makes the mappings of `blocks` unchangeable for ever. Errors: those of Os::Seal().
  Status Seal(BlockRange blocks) { return os_.Seal(AddressesOf(blocks.frames())); }
  /// Gives the pages of `range` back, or writes zeros to it where the system keeps them.
  void Scrub(FrameRange range) { static_cast<void>(DropPages(range)); }

  /// Returns which blocks Grow() has handed out: those at the bottom and those at the top.
  std::array<BlockRange, 2> GrownBlocks() const PW_EXCLUDES(mutex_);

  /// Returns whether touching `frame` faults because it has been freed.
  bool IsGone(FrameNumber frame) const {
    return guarded_.Test(frame.value) || protected_.Test(frame.value);
  }

  /// What MakeGone() does for ranges below a pageblock, after what the kernel turned out to have.
  GoneBy gone_by() const { return gone_by_.load(std::memory_order_relaxed); }

  /// Returns whether everything that was freed so far is gone: nothing was only purged.
  bool PutsAllOutOfReach() const {
    return purged_bytes_total_.load(std::memory_order_relaxed) == 0;
  }

  PrivateZoneCounters counters() const;

  /// Returns how many bytes of the reservation's tables [first, end) are in use.
  std::uint64_t CommittedTableBytes(unsigned first, unsigned end) const PW_EXCLUDES(mutex_);

  /// ZoneReservation::SealTables() for the zone's reservation.
  Status SealTables(unsigned first, unsigned end) PW_EXCLUDES(mutex_);

  /// Keeps the lock across fork(2): the three steps of pthread_atfork(3).
  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }

 private:
  // Which blocks have been handed out by Grow(): [0, low) and [high, block_count_).
  struct InUse {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
  };

  Result<BlockRange> Place(Backing backing, std::uint32_t blocks) const PW_REQUIRES(mutex_);

  Gone CloseSmall(FrameRange range) PW_EXCLUDES(mutex_);
  bool TryGuard(FrameRange range);
  Gone DropPages(FrameRange range);
  bool TryProtect(FrameRange range) PW_EXCLUDES(mutex_);
  Gone NotePurged(Gone gone, FrameCount frames);

  Status OpenGuarded(FrameRange range);
  Status OpenProtected(FrameRange range) PW_EXCLUDES(mutex_);
  FrameRange WidenOverBudget(FrameRange range) const PW_REQUIRES(mutex_);

  Status Close(VirtRange range);
  Status Open(VirtRange range);

  // Says which pages shall back `blocks` if they lie where huge ones do.
  void AdviseIfLarge(BlockRange blocks, os::HugePages pages) PW_REQUIRES(mutex_);

  bool IsClosed(std::uint32_t frame) const PW_REQUIRES(mutex_);
  std::int32_t BoundariesOf(FrameRange range) const PW_REQUIRES(mutex_);
  bool FitsBudget(std::int32_t added) const {
    return added <= 0 ||
           mappings_.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(added) <=
               options_.mapping_budget;
  }
  void NoteMappings(std::int32_t added) PW_REQUIRES(mutex_);

  void CountFlush() { flushes_.fetch_add(1, std::memory_order_relaxed); }
  void CountCall() { other_calls_.fetch_add(1, std::memory_order_relaxed); }
  void NoteGone(FrameCount frames);
  void NoteUsable(FrameCount frames) {
    gone_bytes_.fetch_sub(frames.bytes(), std::memory_order_relaxed);
  }

  os::Os& os_;
  keys::KeyBroker& keys_;
  ZoneReservation reservation_ PW_GUARDED_BY(mutex_);
  const VirtRange range_;
  const std::uint32_t block_count_;
  const Options options_;
  FrameFlags guarded_;    // a guard marker keeps the frame out of reach
  FrameFlags protected_;  // PROT_NONE does
  std::atomic<GoneBy> gone_by_;

  mutable Mutex mutex_{LockRank::kSpace};
  InUse in_use_ PW_GUARDED_BY(mutex_);

  std::atomic<std::uint64_t> flushes_{0};
  std::atomic<std::uint64_t> other_calls_{0};
  std::atomic<std::uint64_t> gone_bytes_{0};
  std::atomic<std::uint64_t> gone_bytes_total_{0};
  std::atomic<std::uint64_t> purged_bytes_total_{0};
  std::atomic<std::uint32_t> mappings_{1};
  std::atomic<std::uint32_t> mappings_most_{1};
};

}  // namespace pageward::space
