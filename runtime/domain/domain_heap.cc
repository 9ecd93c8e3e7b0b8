#include "runtime/domain/domain_heap.h"

#include <bit>

#include "runtime/core/bits.h"

namespace pageward::domain {

using frame::Request;
using object::SizeClass;

// --- Runs ----------------------------------------------------------------------------------------

Result<FrameRange> DomainHeap::AllocateRun(Domain& domain, FrameCount frames, Order alignment) {
  for (;;) {
    const Result<FrameRange> run =
        frames_.AllocateRun(frames, alignment, Request::Keyed(domain.lists));
    if (run.ok() || run.error() != Error::kNoFrames) {
      return run;
    }
    const std::uint32_t aligned = DivideRoundUp(alignment.frames().value, kPageblockFrames);
    const std::uint32_t needed = DivideRoundUp(frames.value, kPageblockFrames);
    const Result<BlockRange> grown = zone_.Grow(needed > aligned ? needed : aligned);
    if (!grown.ok()) {
      return grown.error();
    }
    frames_.AddBlocks(*grown);
  }
}

bool DomainHeap::IsSmall(std::uint64_t bytes, std::uint64_t alignment) {
  return alignment <= kFrameBytes && bytes <= object::kLargestSlabObjectBytes &&
         object::BytesForAlignment(bytes, alignment) <= object::kLargestSlabObjectBytes;
}

Result<VirtRange> DomainHeap::Allocate(Domain& domain, std::uint64_t bytes,
                                       std::uint64_t alignment) {
  PW_ASSERT(bytes > 0 && IsPowerOfTwo(alignment) && alignment <= kMostAlignment);
  const Result<VirtRange> object =
      IsSmall(bytes, alignment)
          ? AllocateSmall(domain, object::ClassFor(object::BytesForAlignment(bytes, alignment)))
          : AllocateLarge(domain, bytes, alignment);
  if (object.ok()) {
    ++domain.objects;
    domain.object_bytes += object->bytes;
  }
  return object;
}

Result<VirtRange> DomainHeap::AllocateLarge(Domain& domain, std::uint64_t bytes,
                                            std::uint64_t alignment) {
  if (bytes > zone_.range().bytes) {
    return Error::kNoAddressSpace;
  }
  const Order order(alignment <= kFrameBytes ? 0 : FloorLog2(alignment) - kFrameBytesLog2);
  const Result<FrameRange> run = AllocateRun(domain, FramesFor(bytes), order);
  if (!run.ok()) {
    return run.error();
  }
  RecordOf(run->begin) = RunRecord{.live = {},
                                   .next = 0,
                                   .previous = 0,
                                   .owner = domain.lists.id().value,
                                   .live_count = 1,
                                   .capacity = 1,
                                   .size_class = RunRecord::kLarge};
  return zone_.AddressesOf(*run);
}

// --- Slabs ---------------------------------------------------------------------------------------

void DomainHeap::PutSlab(Domain& domain, FrameNumber slab) {
  RunRecord& record = RecordOf(slab);
  std::uint32_t& first = domain.slabs[record.size_class];
  record.next = first;
  record.previous = 0;
  if (first != 0) {
    records_[first - 1].previous = slab.value + 1;
  }
  first = slab.value + 1;
}

void DomainHeap::TakeSlab(Domain& domain, FrameNumber slab) {
  RunRecord& record = RecordOf(slab);
  if (record.previous != 0) {
    records_[record.previous - 1].next = record.next;
  } else {
    domain.slabs[record.size_class] = record.next;
  }
  if (record.next != 0) {
    records_[record.next - 1].previous = record.previous;
  }
  record.next = 0;
  record.previous = 0;
}

Status DomainHeap::AddSlab(Domain& domain, SizeClass size_class) {
  const Result<FrameRange> run = AllocateRun(domain, SlabFramesOf(size_class), Order(0));
  if (!run.ok()) {
    return run.error();
  }
  const unsigned capacity = SlabCapacityOf(size_class);
  RunRecord& record = RecordOf(run->begin);
  record = RunRecord{.live = {},
                     .next = 0,
                     .previous = 0,
                     .owner = domain.lists.id().value,
                     .live_count = 0,
                     .capacity = static_cast<std::uint16_t>(capacity),
                     .size_class = static_cast<std::uint8_t>(size_class.index())};
  for (unsigned i = capacity; i < RunRecord::kMostObjects; ++i) {
    record.live[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  PutSlab(domain, run->begin);
  return Status();
}

Result<VirtRange> DomainHeap::AllocateSmall(Domain& domain, SizeClass size_class) {
  std::uint32_t& first = domain.slabs[size_class.index()];
  if (first == 0) {
    if (const Status added = AddSlab(domain, size_class); !added.ok()) {
      return added.error();
    }
  }
  const FrameNumber slab(first - 1);
  RunRecord& record = RecordOf(slab);
  unsigned word = 0;
  while (record.live[word] == ~std::uint64_t{0}) {
    ++word;
    PW_CHECK(word < record.live.size(), Violation::kInvariant, slab.value);
  }
  const auto bit = static_cast<unsigned>(std::countr_one(record.live[word]));
  record.live[word] |= std::uint64_t{1} << bit;
  if (++record.live_count == record.capacity) {
    TakeSlab(domain, slab);
  }
  const std::uint64_t bytes = object::BytesOf(size_class);
  return VirtRange{zone_.AddressOf(slab) + (word * 64 + bit) * bytes, bytes};
}

void DomainHeap::FreeSmall(Domain& domain, const Located& located) {
  const FrameNumber slab = located.run.begin;
  RunRecord& record = RecordOf(slab);
  const auto index =
      static_cast<unsigned>((located.object.begin - zone_.AddressOf(slab)) / located.object.bytes);
  record.live[index / 64] &= ~(std::uint64_t{1} << (index % 64));
  if (record.live_count-- == record.capacity) {
    PutSlab(domain, slab);
  }
  // One empty slab of a class stays: the next object would want it back.
  if (record.live_count == 0 && (record.next != 0 || record.previous != 0)) {
    TakeSlab(domain, slab);
    record = RunRecord{};
    frames_.FreeRun(located.run);
  }
}

// --- Looking up and freeing ----------------------------------------------------------------------

Located DomainHeap::Find(VirtAddr address) const {
  Located located;
  if (!zone_.Owns(address) || zone_.FrameAt(address).block().value >= zone_.blocks_in_use()) {
    return located;
  }
  const auto run = frames_.RunContaining(zone_.FrameAt(address));
  if (!run) {
    located.kind = PointerKind::kFreed;
    return located;
  }
  const RunRecord& record = RecordOf(run->begin);
  const std::uint64_t offset = address - zone_.AddressOf(run->begin);
  located.run = *run;
  located.owner = record.owner;
  if (record.size_class == RunRecord::kLarge) {
    located.object = zone_.AddressesOf(*run);
    located.kind = offset == 0 ? PointerKind::kLive : PointerKind::kInterior;
    return located;
  }
  const std::uint64_t bytes = object::BytesOf(SizeClass(record.size_class));
  const auto index = static_cast<unsigned>(offset / bytes);
  located.object = VirtRange{address, bytes};
  if (offset % bytes != 0 || index >= record.capacity) {
    located.kind = PointerKind::kInterior;
  } else {
    const bool is_live = (record.live[index / 64] >> (index % 64) & 1) != 0;
    located.kind = is_live ? PointerKind::kLive : PointerKind::kFreed;
  }
  return located;
}

void DomainHeap::Free(Domain& domain, const Located& located) {
  PW_ASSERT(located.kind == PointerKind::kLive && located.owner == domain.lists.id().value);
  --domain.objects;
  domain.object_bytes -= located.object.bytes;
  RunRecord& record = RecordOf(located.run.begin);
  if (record.size_class == RunRecord::kLarge) {
    record = RunRecord{};
    frames_.FreeRun(located.run);
  } else {
    FreeSmall(domain, located);
  }
}

bool DomainHeap::Fits(const Located& located, std::uint64_t bytes, std::uint64_t alignment) const {
  if (!IsAligned<std::uint64_t>(located.object.begin.value(), alignment)) {
    return false;
  }
  const bool is_large = RecordOf(located.run.begin).size_class == RunRecord::kLarge;
  if (is_large || !IsSmall(bytes, alignment)) {
    return is_large && !IsSmall(bytes, alignment) && FramesFor(bytes) == located.run.count;
  }
  const std::size_t wanted = object::BytesForAlignment(bytes, alignment);
  return object::BytesOf(object::ClassFor(wanted)) == located.object.bytes;
}

void DomainHeap::FreeAll(Domain& domain) {
  domain.slabs = {};
  // A freed run grows together with its neighbours, so where it ends is asked before.
  zone_.ForEachRun(domain, [&](BlockRange blocks) {
    FrameNumber at = blocks.frames().begin;
    while (at < blocks.frames().end()) {
      const auto piece = frames_.Describe(at);
      PW_CHECK(piece.has_value(), Violation::kInvariant, at.value);
      const FrameNumber next = piece->piece.end();
      if (piece->state == frame::FrameState::kRun && piece->piece.begin == at) {
        RecordOf(at) = RunRecord{};
        frames_.FreeRun(piece->piece);
      }
      at = next;
    }
  });
  domain.objects = 0;
  domain.object_bytes = 0;
}

void DomainHeap::CheckInvariants(const Domain& domain) const {
  for (std::size_t i = 0; i < domain.slabs.size(); ++i) {
    for (std::uint32_t slab = domain.slabs[i]; slab != 0; slab = records_[slab - 1].next) {
      const RunRecord& record = records_[slab - 1];
      PW_CHECK(record.owner == domain.lists.id().value && record.size_class == i &&
                   record.live_count < record.capacity,
               Violation::kInvariant, 3);
      unsigned live = 0;
      for (const std::uint64_t word : record.live) {
        live += static_cast<unsigned>(std::popcount(word));
      }
      PW_CHECK(live - (RunRecord::kMostObjects - record.capacity) == record.live_count,
               Violation::kInvariant, 4);
    }
  }
}

}  // namespace pageward::domain
