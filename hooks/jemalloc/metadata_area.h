// Where jemalloc's own memory lies: arenas, bins, extent records, its address tree.
//
// Every arena that serves the program has our extent hooks and takes its metadata elsewhere, so
// what jemalloc maps by itself is metadata, all of it. The build sends those mmap calls here, into
// one range, which is thereby told apart from data.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/core/address.h"
#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/os/os.h"

namespace pageward::hooks {

/// Hands out ranges of pages from one reservation. What comes back is kept for the next request.
///
/// Thread-safe (lock rank kMetadata). Never allocates.
///
/// Invariants, checked by CheckInvariants():
///   A1  the kept ranges lie in [begin, next), are whole pages and do not overlap
///   A2  next <= usable_end <= end of the reservation
class MetadataArea {
 public:
  static constexpr std::uint64_t kReservedBytes = std::uint64_t{16} << 30;
  /// By how much the usable part grows.
  static constexpr std::uint64_t kStepBytes = std::uint64_t{4} << 20;
  static constexpr std::size_t kMostKept = 64;

  constexpr MetadataArea() = default;
  MetadataArea(const MetadataArea&) = delete;
  MetadataArea& operator=(const MetadataArea&) = delete;

  /// Reserves the area, or less of it where the system grants less. Errors: kNoAddressSpace.
  Status Init(os::Os& os) PW_EXCLUDES(mutex_);

  /// Returns `bytes` of zeroed pages, from 2 MiB on aligned to 2 MiB.
  /// Errors: kNoAddressSpace, kNoMemory, kTooManyMappings.
  Result<VirtRange> Map(std::uint64_t bytes) PW_EXCLUDES(mutex_);

  /// Takes `range` back, which may be a part of what was mapped, or several parts that touch.
  void Unmap(VirtRange range) PW_EXCLUDES(mutex_);

  /// Makes the whole area accessible, which costs no memory, so that nobody changes its mapping
  /// afterwards. Errors: as Map().
  Status OpenWhole() PW_EXCLUDES(mutex_);

  bool Contains(VirtAddr address) const { return reserved_.Contains(address); }
  VirtRange reserved() const { return reserved_; }
  /// Bytes in use by jemalloc.
  std::uint64_t used_bytes() const PW_EXCLUDES(mutex_);
  /// Bytes that are accessible by now, in use or not, or would be if the whole were not.
  std::uint64_t usable_bytes() const PW_EXCLUDES(mutex_);
  os::Os& os() const { return *os_; }

  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }
  void ReinitializeLockAfterFork() { mutex_.ReinitializeAfterFork(); }

  void CheckInvariants() const PW_EXCLUDES(mutex_);

 private:
  Result<VirtRange> TakeKept(std::uint64_t bytes, std::uint64_t alignment) PW_REQUIRES(mutex_);
  void Keep(VirtRange range) PW_REQUIRES(mutex_);
  Status MakeUsableUpTo(VirtAddr end) PW_REQUIRES(mutex_);
  void CheckLocked() const PW_REQUIRES(mutex_);

  os::Os* os_ = nullptr;
  VirtRange reserved_;
  mutable Mutex mutex_{LockRank::kMetadata};
  VirtAddr next_ PW_GUARDED_BY(mutex_);
  VirtAddr usable_end_ PW_GUARDED_BY(mutex_);
  bool is_open_whole_ PW_GUARDED_BY(mutex_) = false;
  std::uint64_t used_bytes_ PW_GUARDED_BY(mutex_) = 0;
  VirtRange kept_[kMostKept] PW_GUARDED_BY(mutex_) = {};
  std::size_t kept_count_ PW_GUARDED_BY(mutex_) = 0;
};

/// The area that jemalloc's calls go to. Requires: Init() before jemalloc's first call.
MetadataArea& JemallocMetadata();

}  // namespace pageward::hooks
