// Guarded objects: what libsodium's sodium_malloc() promises, at a fraction of its mappings.
//
// Each object ends at a guard page, begins behind a canary, is locked, not dumped, wiped when it is
// given back and closed or opened by itself, for the whole process. libsodium makes four mappings
// for each. Here the slots of a block share theirs: guard markers (Linux 6.13) split no mapping, a
// block is locked as a whole, and only an object whose access has been changed gets a mapping of
// its own, which it then keeps, since changing a whole mapping is what is cheap.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hooks/sodium/canary.h"
#include "hooks/sodium/guarded_region.h"
#include "runtime/core/mutex.h"
#include "runtime/os/os.h"

namespace pageward::hooks {

/// Hands out guarded objects.
///
/// Thread-safe (lock rank kGuardedObjects); changing access takes no lock and may be done in a
/// signal handler. Never allocates.
///
/// Invariants, checked by CheckInvariants():
///   G1  a block's slots that were used are as many as it holds and has free
///   G2  the list of free slots is as long as it says, and its slots are free
///   G3  the blocks with room, and no others, are on the list of their size
class GuardedHeap {
 public:
  struct Options {
    bool uses_guards = true;      ///< Guard markers, where the kernel has them.
    bool uses_huge_pages = true;  ///< For the largest objects.
    std::optional<arch::Pkey> metadata_key;
  };

  struct Figures {
    std::uint64_t objects = 0;
    std::uint64_t blocks = 0;
    std::uint64_t not_locked = 0;  ///< Objects that could not be locked, since the start.
    std::uint64_t not_wiped = 0;   ///< Times that an object was given back and could not be opened.
  };

  /// What every fresh byte is.
  static constexpr unsigned char kFill = 0xdb;
  /// Slots that a block begins with.
  static constexpr std::uint16_t kFirstSlots = 8;

  constexpr GuardedHeap() = default;
  GuardedHeap(const GuardedHeap&) = delete;
  GuardedHeap& operator=(const GuardedHeap&) = delete;

  /// Says how; once, before anything else. Takes nothing from the system yet.
  void Prepare(os::Os& os, const Options& options);
  /// Gives everything back. For tests.
  void Stop();

  /// Returns an object of `bytes`, filled with kFill, or null if there is no memory.
  void* Allocate(std::size_t bytes) PW_EXCLUDES(mutex_);

  /// Wipes `object` and gives it back, whatever its access.
  /// Dies with Violation::kForeignPointer, kInteriorPointer or kDoubleFree if it is no object, and
  /// with kCanary if something has written before it.
  void Free(void* object) PW_EXCLUDES(mutex_);

  /// Changes the access of all threads to `object`. Errors: kTooManyMappings, kNoMemory.
  /// Dies as Free() does, but for kCanary.
  Status Protect(void* object, os::Protection protection);

  Figures figures() const PW_EXCLUDES(mutex_);
  VirtRange addresses() const { return region_.addresses(); }

  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }
  /// In the child, instead of UnlockAfterFork(): nothing that it has inherited is locked in memory.
  void UnlockInChild() PW_RELEASE(mutex_) {
    must_lock_again_ = true;
    mutex_.Unlock();
  }

  void CheckInvariants() const PW_EXCLUDES(mutex_);

 private:
  /// A slot that has been taken, and what it was before.
  struct Taken {
    SlotPlace place;
    SlotState before = SlotState::kFresh;
  };

  bool IsStarted() const { return is_started_.load(std::memory_order_acquire); }
  Status EnsureReady() PW_REQUIRES(mutex_);
  void LockAgain() PW_REQUIRES(mutex_);

  Result<Taken> TakeSlot(std::uint64_t data_pages) PW_EXCLUDES(mutex_);
  void PutSlot(SlotPlace place, SlotState state) PW_EXCLUDES(mutex_);
  Result<BlockIndex> BlockWithRoom(std::uint64_t data_pages) PW_REQUIRES(mutex_);
  Result<BlockIndex> NewBlock(std::uint64_t data_pages) PW_REQUIRES(mutex_);
  Status Grow(BlockIndex index) PW_REQUIRES(mutex_);
  Status MakeReady(GuardedBlock& block, VirtRange range) PW_REQUIRES(mutex_);
  Taken PopSlot(BlockIndex index) PW_REQUIRES(mutex_);
  void ReleaseIfEmpty(BlockIndex index) PW_REQUIRES(mutex_);
  void Link(BlockIndex index) PW_REQUIRES(mutex_);
  void Unlink(BlockIndex index) PW_REQUIRES(mutex_);
  BlockIndex& FirstWithRoom(const GuardedBlock& block) PW_REQUIRES(mutex_) {
    return first_with_room_[block.data_pages.load(std::memory_order_relaxed) - 1];
  }
  VirtRange PartOf(BlockIndex index, std::uint16_t slots) const;

  void* AllocateSmall(std::size_t bytes, std::uint64_t data_pages);
  void* AllocateLarge(std::size_t bytes, std::uint64_t data_pages);
  Result<SlotPlace> TakeLarge(std::size_t bytes, std::uint64_t data_pages) PW_EXCLUDES(mutex_);
  void PutLarge(SlotPlace place, VirtRange data) PW_EXCLUDES(mutex_);
  void PutUnwiped(SlotPlace place) PW_EXCLUDES(mutex_);
  Status Open(const Taken& taken) const;
  void LockObject(VirtRange data);
  void* FillIn(SlotPlace place, std::size_t bytes);

  SlotPlace FindObject(VirtAddr object, std::string_view caller, SlotWord* word) const;
  SlotPlace TakeObject(VirtAddr object, SlotWord* word);
  VirtRange ExtentOf(SlotPlace place) const;
  void CheckBlock(BlockIndex index) const PW_REQUIRES(mutex_);

  os::Os* os_ = nullptr;
  Options options_;
  GuardedRegion region_;
  Canary canary_;
  std::atomic<bool> is_started_{false};
  mutable Mutex mutex_{LockRank::kGuardedObjects};
  bool must_lock_again_ PW_GUARDED_BY(mutex_) = false;
  BlockIndex first_with_room_[GuardedRegion::kMostSlotPages] PW_GUARDED_BY(mutex_) = {};
  std::uint64_t objects_ PW_GUARDED_BY(mutex_) = 0;
  std::atomic<std::uint64_t> not_locked_{0};
  std::atomic<std::uint64_t> not_wiped_{0};
};

}  // namespace pageward::hooks
