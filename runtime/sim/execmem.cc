#include "runtime/sim/execmem.h"

#include "runtime/core/check.h"
#include "runtime/ptable/mapper.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;
using ptable::LeafAttributes;
using ptable::Mapper;
using ptable::MapRequest;
using ptable::SetDirectMapTo;

namespace {

constexpr FrameRange WholeBlock(FrameNumber first) {
  return FrameRange{first, FrameCount(kPageblockFrames)};
}

}  // namespace

std::optional<std::size_t> ExecmemCache::BlockAt(VirtAddr at) const {
  for (std::size_t block = 0; block < kMostBlocks; ++block) {
    if (blocks_[block].first && RangeOf(block).Contains(at)) {
      return block;
    }
  }
  return std::nullopt;
}

std::optional<FrameNumber> ExecmemCache::FrameAt(VirtAddr at) const {
  const auto block = BlockAt(at);
  if (!block) {
    return std::nullopt;
  }
  return *blocks_[*block].first +
         FrameCount(static_cast<std::uint32_t>((at - AddressOf(*block)) >> kFrameBytesLog2));
}

// --- Blocks --------------------------------------------------------------------------------------

Status ExecmemCache::AddBlock(std::size_t block) {
  const Result<FrameNumber> first =
      kernel_.AllocateFrame(kPageblockOrder, Request::Mapped(Mobility::kUnmovable));
  if (!first.ok()) {
    return first.error();
  }
  for (std::uint32_t i = 0; i < kPageblockFrames; ++i) {
    kernel_.ram().Fill(*first + FrameCount(i), kTrap);
  }
  CurrentCpu().meter().Add(Primitive::kFrameCleared, kPageblockFrames);
  const auto hidden =
      kernel_.direct_map().Change(WholeBlock(*first), SetDirectMapTo::kInvalid, FlushWhen::kNow);
  if (!hidden.ok()) {
    kernel_.FreeFrame(*first, kPageblockOrder);
    return hidden.error();
  }
  AccountedTables tables(kernel_.tables(), kernel_.ram(), kKernelAccount);
  const TableBatch batch(kernel_.memory());
  const MapRequest request{RangeOf(block), kernel_.ram().AddressOf(*first),
                           LeafAttributes{.permissions = {.is_executable = true},
                                          .is_global = kernel_.direct_map().options().is_global},
                           1};
  const auto mapped = Mapper(kernel_.direct_map().table()).Map(request, tables);
  if (!mapped.ok()) {
    kernel_.direct_map().Restore(WholeBlock(*first), SetDirectMapTo::kDefault);
    kernel_.FreeFrame(*first, kPageblockOrder);
    return mapped.error();
  }
  blocks_[block].first = *first;
  blocks_[block].pages.fill(PageState::kFree);
  return {};
}

void ExecmemCache::RemoveBlock(std::size_t block) {
  const FrameNumber first = *blocks_[block].first;
  AccountedTables tables(kernel_.tables(), kernel_.ram(), kKernelAccount);
  MachineFlusher flusher(kernel_.machine(),
                         ptable::ShootdownTarget{kernel_.machine().AllCpus(), ptable::CpuNumber(0),
                                                 kernel_.direct_map().scope(), arch::Pcid()});
  ptable::TlbGather gather(ptable::FlushMode::kMerged, flusher, tables);
  {
    const TableBatch batch(kernel_.memory());
    const auto unmapped = Mapper(kernel_.direct_map().table())
                              .Unmap(RangeOf(block), ptable::UnmapMode::kWholeLeaf, tables, gather);
    PW_CHECK(unmapped.ok(), Violation::kInvariant, block);
  }
  gather.Finish();
  kernel_.direct_map().Restore(WholeBlock(first), SetDirectMapTo::kDefault);
  for (std::uint32_t i = 0; i < kPageblockFrames; ++i) {
    kernel_.ClearFrame(first + FrameCount(i));
  }
  kernel_.FreeFrame(first, kPageblockOrder);
  blocks_[block].first.reset();
}

// The last block stays, or every function that comes and goes would make and break one.
void ExecmemCache::RemoveIfFree(std::size_t block) {
  for (const PageState state : blocks_[block].pages) {
    if (state != PageState::kFree) {
      return;
    }
  }
  if (block_count() > 1) {
    RemoveBlock(block);
  }
}

// --- Room ----------------------------------------------------------------------------------------

std::optional<std::uint32_t> ExecmemCache::FindRoom(const Block& block, std::uint32_t pages) const {
  std::uint32_t found = 0;
  for (std::uint32_t page = 0; page < kPageblockFrames; ++page) {
    found = block.pages[page] == PageState::kFree ? found + 1 : 0;
    if (found == pages) {
      return page + 1 - pages;
    }
  }
  return std::nullopt;
}

std::optional<VirtRange> ExecmemCache::TakeRoom(std::size_t block, std::uint32_t pages) {
  const auto page = FindRoom(blocks_[block], pages);
  if (!page) {
    return std::nullopt;
  }
  for (std::uint32_t i = 0; i < pages; ++i) {
    blocks_[block].pages[*page + i] = PageState::kUsed;
  }
  return VirtRange{AddressOf(block) + std::uint64_t{*page} * kFrameBytes, pages * kFrameBytes};
}

Result<VirtRange> ExecmemCache::Allocate(std::uint64_t bytes) {
  if (bytes == 0 || bytes > kPageblockBytes) {
    return Error::kInvalid;
  }
  const std::uint32_t pages = FramesFor(bytes).value;
  std::optional<std::size_t> absent;
  for (std::size_t block = 0; block < kMostBlocks; ++block) {
    if (!blocks_[block].first) {
      absent = absent.value_or(block);
    } else if (const auto room = TakeRoom(block, pages)) {
      return *room;
    }
  }
  if (!absent) {
    return Error::kLimit;
  }
  if (const Status added = AddBlock(*absent); !added) {
    return added.error();
  }
  return *TakeRoom(*absent, pages);
}

Status ExecmemCache::Write(VirtAddr at, FillTag code) {
  const auto block = BlockAt(at);
  const auto frame = FrameAt(at);
  if (!block ||
      blocks_[*block].pages[(at - AddressOf(*block)) >> kFrameBytesLog2] != PageState::kUsed) {
    return Error::kInvalid;
  }
  const Result<VirtAddr> window = windows_.Map(*frame);
  if (!window.ok()) {
    return window.error();
  }
  kernel_.ram().Fill(*frame, code);
  CurrentCpu().meter().Add(Primitive::kFrameCopied);
  windows_.Unmap(*window);
  return {};
}

bool ExecmemCache::TryFill(std::size_t block, std::uint32_t page) {
  PageState& state = blocks_[block].pages[page];
  const FrameNumber frame = *blocks_[block].first + FrameCount(page);
  if (kernel_.machine().Fails(FaultPoint::kCodeReturn)) {
    state = PageState::kPending;
    return false;
  }
  const Result<VirtAddr> window = windows_.Map(frame);
  if (!window.ok()) {
    state = PageState::kPending;
    return false;
  }
  kernel_.ram().Fill(frame, kTrap);
  CurrentCpu().meter().Add(Primitive::kFrameCleared);
  windows_.Unmap(*window);
  state = PageState::kFree;
  return true;
}

Status ExecmemCache::Free(VirtRange range) {
  const auto block = BlockAt(range.begin);
  if (!block || !ptable::Covers(RangeOf(*block), range) || range.bytes == 0) {
    return Error::kInvalid;
  }
  const auto first =
      static_cast<std::uint32_t>((range.begin - AddressOf(*block)) >> kFrameBytesLog2);
  const std::uint32_t pages = FramesFor(range.bytes).value;
  for (std::uint32_t i = 0; i < pages; ++i) {
    if (blocks_[*block].pages[first + i] != PageState::kUsed) {
      return Error::kInvalid;
    }
  }
  for (std::uint32_t i = 0; i < pages; ++i) {
    TryFill(*block, first + i);
  }
  RemoveIfFree(*block);
  return {};
}

std::uint32_t ExecmemCache::RetryReturns() {
  std::uint32_t returned = 0;
  for (std::size_t block = 0; block < kMostBlocks; ++block) {
    if (!blocks_[block].first) {
      continue;
    }
    for (std::uint32_t page = 0; page < kPageblockFrames; ++page) {
      if (blocks_[block].pages[page] == PageState::kPending) {
        returned += TryFill(block, page) ? 1u : 0u;
      }
    }
    RemoveIfFree(block);
  }
  return returned;
}

// --- Questions -----------------------------------------------------------------------------------

std::uint32_t ExecmemCache::pending_pages() const {
  std::uint32_t pending = 0;
  for (const Block& block : blocks_) {
    for (const PageState state : block.pages) {
      pending += block.first && state == PageState::kPending ? 1u : 0u;
    }
  }
  return pending;
}

std::uint32_t ExecmemCache::used_pages() const {
  std::uint32_t used = 0;
  for (const Block& block : blocks_) {
    for (const PageState state : block.pages) {
      used += block.first && state == PageState::kUsed ? 1u : 0u;
    }
  }
  return used;
}

std::size_t ExecmemCache::block_count() const {
  std::size_t count = 0;
  for (const Block& block : blocks_) {
    count += block.first ? 1u : 0u;
  }
  return count;
}

void ExecmemCache::CheckInvariants() const {
  for (std::size_t block = 0; block < kMostBlocks; ++block) {
    if (!blocks_[block].first) {
      continue;
    }
    const ptable::Found found = kernel_.direct_map().table().Find(AddressOf(block));
    PW_CHECK(found.level == 1 && found.entry.IsLeaf(), Violation::kInvariant, block);
    const ptable::Permissions permissions = found.entry.permissions();
    PW_CHECK(permissions.is_executable && !permissions.is_writable, Violation::kInvariant, block);
    for (std::uint32_t page = 0; page < kPageblockFrames; ++page) {
      const FrameNumber frame = *blocks_[block].first + FrameCount(page);
      PW_CHECK(!kernel_.direct_map().IsPresent(frame), Violation::kInvariant, frame.value);
      PW_CHECK(blocks_[block].pages[page] != PageState::kFree ||
                   kernel_.ram().Load(kernel_.ram().AddressOf(frame)) == SimRam::PatternOf(kTrap),
               Violation::kInvariant, frame.value);
    }
  }
}

}  // namespace pageward::sim
