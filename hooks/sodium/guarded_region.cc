#include "hooks/sodium/guarded_region.h"

#include "hooks/sodium/canary.h"
#include "runtime/core/bits.h"
#include "runtime/core/check.h"

namespace pageward::hooks {
namespace {

constexpr const char* kName = "pageward guarded objects";

}  // namespace

Status GuardedRegion::Start(os::Os& os, std::optional<arch::Pkey> metadata_key) {
  for (std::uint64_t bytes = kMostBytes; bytes >= kLeastBytes; bytes /= 4) {
    const Result<VirtRange> reserved = os.Reserve(bytes, kBlockBytes);
    if (!reserved.ok()) {
      continue;
    }
    addresses_ = *reserved;
    block_count_ = static_cast<BlockIndex>(bytes / kBlockBytes);
    if (const Status made = MapTables(os, metadata_key); !made.ok()) {
      static_cast<void>(os.Unmap(addresses_));
      addresses_ = VirtRange();
      return made;
    }
    static_cast<void>(os.ExcludeFromDump(addresses_));
    os.Name(addresses_, kName);
    return Status();
  }
  return Error::kNoAddressSpace;
}

Status GuardedRegion::MapTables(os::Os& os, std::optional<arch::Pkey> metadata_key) {
  const std::uint64_t block_bytes = AlignUp(block_count_ * sizeof(GuardedBlock), kFrameBytes);
  const std::uint64_t slot_bytes = AlignUp(block_count_ * sizeof(Slots), kFrameBytes);
  const Result<VirtRange> tables = os.MapZeroed(block_bytes + slot_bytes);
  if (!tables.ok()) {
    return tables.error();
  }
  if (metadata_key) {
    // Open but for the metadata gate; where that fails they stay as open as without keys.
    static_cast<void>(os.ProtectWithKey(*tables, os::Protection::kReadWrite, *metadata_key));
  }
  static_cast<void>(os.ExcludeFromDump(*tables));
  os.Name(*tables, "pageward guarded slots");
  tables_ = *tables;
  blocks_ = tables->begin.AsPointer<GuardedBlock>();
  slots_ = (tables->begin + block_bytes).AsPointer<Slots>();
  return Status();
}

void GuardedRegion::Stop(os::Os& os) {
  PW_CHECK(os.Unmap(addresses_).ok(), Violation::kUnexpectedErrno, addresses_.begin.value());
  PW_CHECK(os.Unmap(tables_).ok(), Violation::kUnexpectedErrno, tables_.begin.value());
}

VirtRange GuardedRegion::DataOf(SlotPlace place) const {
  const VirtAddr begin = AddressesOf(place.block).begin;
  const GuardedBlock& in = block(place.block);
  if (in.use.load(std::memory_order_relaxed) == BlockUse::kLarge) {
    const std::uint64_t bytes = slot(place).Load().value;
    return {begin + in.first_page.load(std::memory_order_relaxed) * kFrameBytes,
            AlignUp(bytes + Canary::kBytes, kFrameBytes)};
  }
  const VirtAddr first = begin + kFrameBytes;
  const std::uint64_t pages = in.data_pages.load(std::memory_order_relaxed);
  return {first + place.slot * (pages + 1) * kFrameBytes, pages * kFrameBytes};
}

std::optional<SlotPlace> GuardedRegion::Find(VirtAddr address) const {
  if (!addresses_.Contains(address)) {
    return std::nullopt;
  }
  const std::uint64_t offset = address - addresses_.begin;
  const auto index = static_cast<BlockIndex>(offset / kBlockBytes);
  const std::uint64_t page = offset % kBlockBytes / kFrameBytes;
  const GuardedBlock& in = block(index);
  const BlockUse use = in.use.load(std::memory_order_acquire);
  if (use == BlockUse::kLarge) {
    const std::uint64_t first = in.first_page.load(std::memory_order_relaxed);
    return page == first ? std::optional(SlotPlace{index, 0}) : std::nullopt;
  }
  const std::uint64_t stride = in.data_pages.load(std::memory_order_relaxed) + std::uint64_t{1};
  if (use != BlockUse::kSlots || page == 0 || (page - 1) % stride != 0) {
    return std::nullopt;
  }
  const std::uint64_t number = (page - 1) / stride;
  if (number >= SlotsOf(stride - 1)) {
    return std::nullopt;
  }
  return SlotPlace{index, static_cast<std::uint16_t>(number)};
}

std::optional<BlockIndex> GuardedRegion::TakeBlocks(BlockIndex count) {
  const auto is_free = [this](BlockIndex index) {
    return block(index).use.load(std::memory_order_relaxed) == BlockUse::kFree;
  };
  BlockIndex length = 0;
  for (BlockIndex index = lowest_free_; index < block_count_; ++index) {
    length = is_free(index) ? length + 1 : 0;
    if (length < count) {
      continue;
    }
    const BlockIndex first = index + 1 - count;
    blocks_in_use_ += count;
    if (first == lowest_free_) {
      lowest_free_ = index + 1;
    }
    return first;
  }
  return std::nullopt;
}

void GuardedRegion::PutBlocks(BlockIndex first, BlockIndex count) {
  for (BlockIndex index = first; index < first + count; ++index) {
    GuardedBlock& in = block(index);
    in.use.store(BlockUse::kFree, std::memory_order_release);
    in.ready = 0;
    in.used = 0;
    in.free_count = 0;
  }
  blocks_in_use_ -= count;
  if (first < lowest_free_) {
    lowest_free_ = first;
  }
}

Status GuardedRegion::Reset(os::Os& os, VirtRange range) const {
  if (const Status reserved = os.ReserveAgain(range); !reserved.ok()) {
    return reserved;
  }
  // As its neighbours are, with which it becomes one mapping again.
  static_cast<void>(os.ExcludeFromDump(range));
  os.Name(range, kName);
  return Status();
}

}  // namespace pageward::hooks
