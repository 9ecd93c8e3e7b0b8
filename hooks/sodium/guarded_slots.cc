// The part of GuardedHeap that works under its lock: which slot is next, and what the system gives
// and gets back in whole blocks.
#include <algorithm>

#include "hooks/sodium/guarded_heap.h"
#include "runtime/core/check.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

bool HasRoom(const GuardedBlock& block) {
  return block.free_count > 0 ||
         block.used < GuardedRegion::SlotsOf(block.data_pages.load(std::memory_order_relaxed));
}

// A slot that can be had without asking the system for more.
bool HasReadySlot(const GuardedBlock& block) {
  return block.free_count > 0 || block.used < block.ready;
}

}  // namespace

// --- Starting ----------------------------------------------------------------------------------

Status GuardedHeap::EnsureReady() {
  if (!IsStarted()) {
    if (const Status started = region_.Start(*os_, options_.metadata_key); !started.ok()) {
      return started;
    }
    canary_.Draw(*os_);
    std::fill(std::begin(first_with_room_), std::end(first_with_room_), kNoBlock);
    is_started_.store(true, std::memory_order_release);
  }
  if (must_lock_again_) {
    LockAgain();
  }
  return Status();
}

// A child does not inherit locks. Those of blocks are taken again before the next object.
void GuardedHeap::LockAgain() {
  must_lock_again_ = false;
  BlockIndex left = region_.blocks_in_use();
  for (BlockIndex index = 0; left > 0; ++index) {
    GuardedBlock& block = region_.block(index);
    const BlockUse use = block.use.load(std::memory_order_relaxed);
    left -= use != BlockUse::kFree ? 1u : 0u;
    if (use == BlockUse::kSlots && block.ready > 0 && block.is_locked) {
      block.is_locked.store(os_->LockWhenTouched(PartOf(index, block.ready)).ok());
    }
  }
}

// --- Slots -------------------------------------------------------------------------------------

Result<GuardedHeap::Taken> GuardedHeap::TakeSlot(std::uint64_t data_pages) {
  const keys::Gate gate;
  MutexLock lock(mutex_);
  if (const Status ready = EnsureReady(); !ready.ok()) {
    return ready.error();
  }
  const Result<BlockIndex> index = BlockWithRoom(data_pages);
  if (!index.ok()) {
    return index.error();
  }
  ++objects_;
  const Taken taken = PopSlot(*index);
  if constexpr (PW_CHECK_LEVEL >= 2) {
    CheckBlock(*index);
  }
  return taken;
}

Result<BlockIndex> GuardedHeap::BlockWithRoom(std::uint64_t data_pages) {
  const BlockIndex first = first_with_room_[data_pages - 1];
  if (first == kNoBlock) {
    return NewBlock(data_pages);
  }
  if (HasReadySlot(region_.block(first))) {
    return first;
  }
  const Status grown = Grow(first);
  if (grown.ok()) {
    return first;
  }
  for (BlockIndex index = first; index != kNoBlock; index = region_.block(index).next) {
    if (HasReadySlot(region_.block(index))) {
      return index;
    }
  }
  return grown.error();
}

Result<BlockIndex> GuardedHeap::NewBlock(std::uint64_t data_pages) {
  const std::optional<BlockIndex> index = region_.TakeBlocks(1);
  if (!index) {
    return Error::kNoAddressSpace;
  }
  GuardedBlock& block = region_.block(*index);
  block.data_pages.store(static_cast<std::uint8_t>(data_pages), std::memory_order_relaxed);
  block.use.store(BlockUse::kSlots, std::memory_order_release);
  if (const Status grown = Grow(*index); !grown.ok()) {
    region_.PutBlocks(*index, 1);
    return grown.error();
  }
  Link(*index);
  return *index;
}

// Doubles the slots of a block that can be handed out.
Status GuardedHeap::Grow(BlockIndex index) {
  GuardedBlock& block = region_.block(index);
  const std::uint64_t data_pages = block.data_pages.load(std::memory_order_relaxed);
  const std::uint16_t most = GuardedRegion::SlotsOf(data_pages);
  const std::uint16_t wanted =
      block.ready == 0 ? kFirstSlots : static_cast<std::uint16_t>(2 * block.ready);
  const std::uint16_t ready = std::min(wanted, most);
  const VirtAddr begin = PartOf(index, block.ready).end();
  const VirtAddr end = PartOf(index, ready).end();
  if (const Status made = MakeReady(block, {begin, end - begin}); !made.ok()) {
    return made;
  }
  block.ready = ready;
  return Status();
}

Status GuardedHeap::MakeReady(GuardedBlock& block, VirtRange range) {
  const bool is_first = block.ready == 0;
  if (is_first) {
    block.has_markers = options_.uses_guards;
  }
  if (block.has_markers) {
    const Status guarded = os_->InstallGuard(range);
    if (is_first && !guarded.ok() && guarded.error() == Error::kUnsupported) {
      block.has_markers = false;  // The pages stay without access, as they were reserved.
    } else if (!guarded.ok()) {
      return guarded;
    }
  }
  if (block.has_markers) {
    if (const Status opened = os_->Protect(range, os::Protection::kReadWrite); !opened.ok()) {
      return opened;
    }
  }
  // Last, for guard markers can't be installed in locked memory. Pages are locked when they are
  // touched: guard pages never are, and a lock that fetched them would fail.
  const bool is_locked = os_->LockWhenTouched(range).ok();
  block.is_locked = is_locked && (is_first || block.is_locked);
  return Status();
}

// Requires: HasReadySlot().
GuardedHeap::Taken GuardedHeap::PopSlot(BlockIndex index) {
  GuardedBlock& block = region_.block(index);
  const bool was_used = block.used == block.ready;
  const std::uint16_t number = was_used ? block.first_free : block.used++;
  GuardedSlot& slot = region_.slot({index, number});
  const SlotWord word = slot.Load();
  if (was_used) {
    block.first_free = static_cast<std::uint16_t>(word.value);
    --block.free_count;
  }
  if (word.state == SlotState::kUnwiped) {
    --block.unwiped;
  }
  ++block.held;
  slot.Store({SlotState::kBusy, 0});
  if (!HasRoom(block)) {
    Unlink(index);
  }
  return {{index, number}, word.state};
}

// Last in, last out: the longer it takes until addresses are used again, the better for finding a
// use after free.
void GuardedHeap::PutSlot(SlotPlace place, SlotState state) {
  const keys::Gate gate;
  MutexLock lock(mutex_);
  GuardedBlock& block = region_.block(place.block);
  const bool had_room = HasRoom(block);
  region_.slot(place).Store({state, 0});
  if (block.free_count > 0) {
    GuardedSlot& last = region_.slot({place.block, block.last_free});
    last.Store({last.Load().state, place.slot});
  } else {
    block.first_free = place.slot;
  }
  block.last_free = place.slot;
  ++block.free_count;
  --block.held;
  --objects_;
  if (state == SlotState::kUnwiped) {
    ++block.unwiped;
  }
  if (!had_room) {
    Link(place.block);
  }
  if constexpr (PW_CHECK_LEVEL >= 2) {
    CheckBlock(place.block);
  }
  ReleaseIfEmpty(place.block);
}

// One block with room is kept, so that an object that comes and goes does not make and unmake one.
void GuardedHeap::ReleaseIfEmpty(BlockIndex index) {
  GuardedBlock& block = region_.block(index);
  const bool is_only_one = FirstWithRoom(block) == index && block.next == kNoBlock;
  if (block.held > 0 || block.unwiped > 0 || is_only_one ||
      !region_.Reset(*os_, PartOf(index, block.ready)).ok()) {
    return;
  }
  Unlink(index);
  for (std::uint16_t number = 0; number < block.used; ++number) {
    region_.slot({index, number}).Store(SlotWord());
  }
  region_.PutBlocks(index, 1);
}

// The part of a block that its first `slots` slots fill: with the guard page before the first, and
// all of the block with the last.
VirtRange GuardedHeap::PartOf(BlockIndex index, std::uint16_t slots) const {
  const VirtRange whole = region_.AddressesOf(index);
  const std::uint64_t data_pages = region_.block(index).data_pages.load(std::memory_order_relaxed);
  if (slots == GuardedRegion::SlotsOf(data_pages)) {
    return whole;
  }
  const std::uint64_t pages = slots == 0 ? 0 : 1 + slots * (data_pages + 1);
  return {whole.begin, pages * kFrameBytes};
}

void GuardedHeap::Link(BlockIndex index) {
  GuardedBlock& block = region_.block(index);
  BlockIndex& first = FirstWithRoom(block);
  block.next = first;
  block.previous = kNoBlock;
  if (first != kNoBlock) {
    region_.block(first).previous = index;
  }
  first = index;
}

void GuardedHeap::Unlink(BlockIndex index) {
  GuardedBlock& block = region_.block(index);
  (block.previous != kNoBlock ? region_.block(block.previous).next : FirstWithRoom(block)) =
      block.next;
  if (block.next != kNoBlock) {
    region_.block(block.next).previous = block.previous;
  }
}

// --- Large objects -----------------------------------------------------------------------------

Result<SlotPlace> GuardedHeap::TakeLarge(std::size_t bytes, std::uint64_t data_pages) {
  const keys::Gate gate;
  MutexLock lock(mutex_);
  if (const Status ready = EnsureReady(); !ready.ok()) {
    return ready.error();
  }
  const BlockIndex count = GuardedRegion::BlocksOf(data_pages);
  const std::optional<BlockIndex> first = region_.TakeBlocks(count);
  if (!first) {
    return Error::kNoAddressSpace;
  }
  for (BlockIndex index = *first; index < *first + count; ++index) {
    region_.block(index).use.store(BlockUse::kLargeRest, std::memory_order_release);
  }
  const bool begins_with_block = GuardedRegion::BeginsWithBlock(data_pages);
  const SlotPlace place{begins_with_block ? *first + 1 : *first, 0};
  region_.slot(place).Store({SlotState::kBusy, bytes});
  GuardedBlock& block = region_.block(place.block);
  block.first_page.store(begins_with_block ? 0 : 1, std::memory_order_relaxed);
  block.use.store(BlockUse::kLarge, std::memory_order_release);
  ++objects_;
  return place;
}

// At the limit on mappings. A slot is wiped when it is used again, a large object never: nobody
// gets its addresses any more, and its access stays as it is.
void GuardedHeap::PutUnwiped(SlotPlace place) {
  const keys::Gate gate;
  not_wiped_.fetch_add(1, std::memory_order_relaxed);
  if (region_.block(place.block).use.load(std::memory_order_relaxed) == BlockUse::kSlots) {
    PutSlot(place, SlotState::kUnwiped);
    return;
  }
  MutexLock lock(mutex_);
  --objects_;
}

void GuardedHeap::PutLarge(SlotPlace place, VirtRange data) {
  // Where the pages can't be given back they stay as they are, and nobody gets them again.
  const Status reset = region_.Reset(*os_, data);
  const keys::Gate gate;
  MutexLock lock(mutex_);
  --objects_;
  if (reset.ok()) {
    region_.slot(place).Store(SlotWord());
    const std::uint64_t data_pages = data.bytes / kFrameBytes;
    const BlockIndex before = GuardedRegion::BeginsWithBlock(data_pages) ? 1 : 0;
    region_.PutBlocks(place.block - before, GuardedRegion::BlocksOf(data_pages));
  }
}

// --- Checking ----------------------------------------------------------------------------------

void GuardedHeap::CheckInvariants() const {
  const keys::Gate gate;
  MutexLock lock(mutex_);
  BlockIndex left = region_.blocks_in_use();
  std::size_t with_room = 0;
  for (BlockIndex index = 0; left > 0; ++index) {
    const GuardedBlock& block = region_.block(index);
    left -= block.use != BlockUse::kFree ? 1u : 0u;
    if (block.use == BlockUse::kSlots) {
      CheckBlock(index);
      with_room += HasRoom(block) ? 1u : 0u;
    }
  }
  std::size_t linked = 0;
  for (const BlockIndex first : first_with_room_) {
    for (BlockIndex index = IsStarted() ? first : kNoBlock; index != kNoBlock;
         index = region_.block(index).next) {
      PW_CHECK(HasRoom(region_.block(index)), Violation::kInvariant, 3);
      ++linked;
    }
  }
  PW_CHECK(linked == with_room, Violation::kInvariant, 3);
}

void GuardedHeap::CheckBlock(BlockIndex index) const {
  const GuardedBlock& block = region_.block(index);
  PW_CHECK(block.used <= block.ready && block.used == block.held + block.free_count,
           Violation::kInvariant, 1);
  std::uint16_t number = block.first_free;
  for (std::uint16_t i = 0; i < block.free_count; ++i) {
    const SlotWord word = region_.slot({index, number}).Load();
    PW_CHECK(number < block.used && !word.IsObject() && word.state != SlotState::kBusy,
             Violation::kInvariant, 2);
    PW_CHECK(i + 1 < block.free_count || number == block.last_free, Violation::kInvariant, 2);
    number = static_cast<std::uint16_t>(word.value);
  }
}

}  // namespace pageward::hooks
