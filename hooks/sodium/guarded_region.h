// The addresses that guarded objects lie at, and the tables that say what lies where.
//
// One reservation, in blocks of 2 MiB. A block holds slots of one size, or is a part of one large
// object. The tables lie elsewhere: nothing that the heap decides by is on a page that a program
// gets a pointer to.
//
//   block of slots   | guard | data ... | guard | data ... | guard | ...
//   large object     | guard | data ...................... | guard | (unused)
//   from 2 MiB on    (unused) | guard || data .............. | guard | (unused)
//
// The data of the largest begin with a block (||), so that huge pages can back them.
//
// An object ends where its data ends, so what comes behind it is a guard page.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hooks/sodium/guarded_slot.h"
#include "runtime/arch/pkru.h"
#include "runtime/core/address.h"
#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/os/os.h"

namespace pageward::hooks {

/// Number of a block in the region, and "none".
using BlockIndex = std::uint32_t;
inline constexpr BlockIndex kNoBlock = ~BlockIndex{0};

enum class BlockUse : std::uint8_t { kFree, kSlots, kLarge, kLargeRest };

/// What is known of one block. All zeros is a free one.
///
/// The atomic fields are read without a lock, through a pointer that a program gave; they do not
/// change while a block holds an object.
struct GuardedBlock {
  std::atomic<BlockUse> use{BlockUse::kFree};
  std::atomic<std::uint8_t> data_pages{0};  ///< of each slot
  std::atomic<std::uint8_t> first_page{0};  ///< Where a large object's data begin: at page 0 or 1.
  std::atomic<bool> has_markers{false};     ///< Guard pages are markers, not protected pages.
  std::atomic<bool> is_locked{false};       ///< All that is ready is locked, guard pages included.
  std::uint16_t ready = 0;                  ///< Slots that can be handed out; the first ones.
  std::uint16_t used = 0;                   ///< Slots that ever were; the first ones.
  std::uint16_t held = 0;                   ///< Slots that hold an object, or are busy.
  std::uint16_t unwiped = 0;                ///< Free slots in state kUnwiped.
  std::uint16_t first_free = 0;             ///< Given back: a list, the oldest first.
  std::uint16_t last_free = 0;
  std::uint16_t free_count = 0;
  BlockIndex next = 0;  ///< Among the blocks of this size with room.
  BlockIndex previous = 0;
};

/// Where a slot lies: in which block, and which of it.
struct SlotPlace {
  BlockIndex block = 0;
  std::uint16_t slot = 0;
};

/// Reserves addresses, and knows for each which slot it belongs to.
///
/// Finding is thread-safe; taking and putting blocks is externally synchronized.
class GuardedRegion {
 public:
  static constexpr std::uint64_t kBlockBytes = kPageblockBytes;
  static constexpr std::uint64_t kBlockPages = kBlockBytes / kFrameBytes;
  static constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 30;
  static constexpr std::uint64_t kLeastBytes = std::uint64_t{64} << 20;
  /// Objects with more pages are large.
  static constexpr std::uint64_t kMostSlotPages = 16;
  static constexpr std::uint16_t kMostSlots = (kBlockPages - 1) / 2;

  constexpr GuardedRegion() = default;
  GuardedRegion(const GuardedRegion&) = delete;
  GuardedRegion& operator=(const GuardedRegion&) = delete;

  /// Reserves the addresses, fewer where the system grants fewer, and makes the tables, closed with
  /// `metadata_key` if there is one. Errors: kNoAddressSpace; then nothing is kept.
  Status Start(os::Os& os, std::optional<arch::Pkey> metadata_key);
  /// Gives everything back. For tests.
  void Stop(os::Os& os);

  VirtRange addresses() const { return addresses_; }
  BlockIndex block_count() const { return block_count_; }
  GuardedBlock& block(BlockIndex index) const { return blocks_[index]; }
  GuardedSlot& slot(SlotPlace place) const { return slots_[place.block][place.slot]; }
  VirtRange AddressesOf(BlockIndex index) const {
    return {addresses_.begin + index * kBlockBytes, kBlockBytes};
  }

  /// How many slots with `data_pages` pages a block has.
  static constexpr std::uint16_t SlotsOf(std::uint64_t data_pages) {
    return static_cast<std::uint16_t>((kBlockPages - 1) / (data_pages + 1));
  }

  /// Whether `data_pages` belong to one of the largest objects, before which is a block of its own.
  static constexpr bool BeginsWithBlock(std::uint64_t data_pages) {
    return data_pages >= kBlockPages;
  }
  /// How many blocks a large object takes.
  static constexpr BlockIndex BlocksOf(std::uint64_t data_pages) {
    const std::uint64_t before = BeginsWithBlock(data_pages) ? kBlockPages : 1;
    return static_cast<BlockIndex>((before + data_pages + 1 + kBlockPages - 1) / kBlockPages);
  }

  /// The pages of a slot that hold data. Requires: its block is in use.
  VirtRange DataOf(SlotPlace place) const;

  /// Returns the slot whose data begins in the page that `address` lies in, or nothing: a foreign
  /// address, one in a guard page or one in a later page of an object.
  std::optional<SlotPlace> Find(VirtAddr address) const;

  /// Takes `count` free blocks side by side; the caller says what for.
  std::optional<BlockIndex> TakeBlocks(BlockIndex count);
  /// Requires: the blocks are reserved memory again.
  void PutBlocks(BlockIndex first, BlockIndex count);
  BlockIndex blocks_in_use() const { return blocks_in_use_; }

  /// Turns a range back into what it was reserved as, whatever was there. Errors: kNoMemory.
  Status Reset(os::Os& os, VirtRange range) const;

 private:
  struct Slots {
    GuardedSlot slots[kMostSlots + 1];
    GuardedSlot& operator[](std::uint16_t index) { return slots[index]; }
  };

  Status MapTables(os::Os& os, std::optional<arch::Pkey> metadata_key);

  VirtRange addresses_;
  VirtRange tables_;
  GuardedBlock* blocks_ = nullptr;
  Slots* slots_ = nullptr;
  BlockIndex block_count_ = 0;
  BlockIndex blocks_in_use_ = 0;
  BlockIndex lowest_free_ = 0;  // no free block is below
};

}  // namespace pageward::hooks
