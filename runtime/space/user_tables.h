// Table pages for the tables of the program: page tables of a virtual machine, dispatch tables of
// an interpreter, whatever must not be written by accident.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/core/late_init.h"
#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/keys/key_broker.h"
#include "runtime/keys/table_scope.h"
#include "runtime/os/os.h"
#include "runtime/space/keyed_blocks.h"
#include "runtime/space/leaf_table.h"
#include "runtime/space/private_zone.h"
#include "runtime/space/table_pool.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::space {

struct UserTablesCounters {
  std::uint64_t used_pages = 0;
  std::uint64_t cached_pages = 0;  ///< At hand, with their key.
  std::uint64_t bytes = 0;         ///< Of pageblocks that have the key, used or not.
};

/// A zone of its own for table pages, with a key of its own: whole pageblocks carry it, so that a
/// page is never without, and giving one out costs no system call.
///
/// What is kept about the pages is metadata. Each function opens the gate for as long as it writes
/// that, after it has looked at what it was given; all but Init() may be called at the baseline.
///
/// Thread-safe: one lock for everything. Never allocates but its pages.
class UserTables {
 public:
  UserTables(os::Os& os, keys::KeyBroker& keys) : os_(os), keys_(keys) {}
  UserTables(const UserTables&) = delete;
  UserTables& operator=(const UserTables&) = delete;

  /// Reserves addresses for up to `most_bytes` of tables, a power of two of at least kLeastBytes,
  /// and closes what is kept about them with `metadata_key` if there is one. Lets this thread read
  /// tables; threads that are older can after keys::AdmitToTables() only. Once.
  ///
  /// Without protection keys, or a free one, the pages are open to everybody: key() says so.
  /// Errors: kNoAddressSpace; those of changing protection.
  Status Init(std::uint64_t most_bytes, std::optional<arch::Pkey> metadata_key);
  static constexpr std::uint64_t kLeastBytes = kPageblockBytes;

  /// What a keys::TableScope opens to write the pages.
  std::optional<arch::Pkey> key() const { return key_; }

  /// Returns a page of zeros at a multiple of 4 KiB that can be written in table scopes only.
  /// Errors: kNoFrames; what giving a pageblock its key failed with.
  Result<VirtAddr> Allocate() PW_EXCLUDES(mutex_);

  /// Takes a page back, whatever is in it; it is the next to be handed out.
  /// Dies with Violation::kForeignPointer if it is not the start of a page that can have come from
  /// here, with kForeignFrame or kDoubleFree if it is none or has been given back.
  void Free(VirtAddr page) PW_EXCLUDES(mutex_);

  /// Gives pageblocks of which no page is in use back to the system until `bytes` are, and leaves
  /// TablePool::kUnshrinkable pages. Returns how many bytes went back.
  std::uint64_t Shrink(std::uint64_t bytes) PW_EXCLUDES(mutex_);

  /// Returns whether `address` may lie in a table, used or not. Takes no lock.
  bool Contains(VirtAddr address) const { return reservation_.frames().Contains(address); }
  UserTablesCounters counters() PW_EXCLUDES(mutex_);
  void CheckInvariants() PW_EXCLUDES(mutex_);

  /// Keeps the lock across fork(2): the three steps of pthread_atfork(3). Inside the gate.
  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }

 private:
  static constexpr frame::OwnerId kOwner{1};

  Status Reserve(std::uint64_t most_bytes, std::optional<arch::Pkey> metadata_key);
  void MakeParts();
  Status ClaimKey();

  os::Os& os_;
  keys::KeyBroker& keys_;
  ZoneReservation reservation_;
  std::optional<arch::Pkey> key_;
  Mutex mutex_{LockRank::kUserTables};
  std::uint64_t used_pages_ PW_GUARDED_BY(mutex_) = 0;
  LateInit<PrivateZone> zone_;
  LateInit<KeyedBlocks> blocks_;
  // Not of this zone: it has no leaves but those for pieces of pageblocks, of which there are none
  // as long as pageblocks can be had.
  LateInit<LeafTable> leaves_;
  LateInit<frame::PageAllocator> frames_;
  LateInit<TablePool> pool_;
};

}  // namespace pageward::space
