#include "tools/pageward/import/kmem_matcher.h"

#include <algorithm>

namespace pageward::tool {

namespace {

std::uint64_t EndOf(const KmemEvent& event) {
  return event.pfn + (std::uint64_t{1} << event.order);
}

}  // namespace

void KmemMatcher::Take(const KmemEvent& event) {
  counts_.events_without_cpu += event.cpu ? 0u : 1u;
  counts_.cpus = std::max(counts_.cpus, event.cpu.value_or(0) + 1);
  if (event.pfn % (EndOf(event) - event.pfn) != 0) {
    ++counts_.misaligned;
    return;
  }
  switch (event.kind) {
    case KmemKind::kAllocated:
      TakeAllocation(event);
      return;
    case KmemKind::kFreed:
      TakeFree(event);
      return;
    case KmemKind::kFreedInBatch:
      TakeBatchedFree(event);
      return;
    case KmemKind::kFellBack:
      ++counts_.fallbacks;
      counts_.fragmenting_fallbacks += event.is_fragmenting ? 1u : 0u;
      counts_.ownership_changes += event.changes_ownership ? 1u : 0u;
      return;
  }
}

void KmemMatcher::TakeAllocation(const KmemEvent& event) {
  ++counts_.allocations;
  counts_.numeric_flags += event.has_gfp_number ? 1u : 0u;
  counts_.unknown_flags += event.gfp.Has(GfpFlags::Flag::kUnknown) ? 1u : 0u;
  if (event.has_failed) {
    ++counts_.failed_allocations;
    return;
  }
  counts_.reallocations += DropWithin(event) ? 1u : 0u;
  ledger_.ClearMarks(event.pfn, EndOf(event));
  HeldBlock block{.pfn = event.pfn, .order = event.order};
  keeper_.Allocate(event, &block);
  ledger_.Add(block);
  counts_.allocated_pages += block.pages();
  counts_.peak_pages = std::max(counts_.peak_pages, ledger_.pages());
}

void KmemMatcher::TakeFree(const KmemEvent& event) {
  ++counts_.frees;
  const auto block = ledger_.Containing(event.pfn);
  if (block && block->order >= event.order) {
    FreePart(event, *block, event.order);
  } else if (DropWithin(event)) {
    ++counts_.oversized_frees;
  } else if (ledger_.TakeMark(event.pfn)) {
    ++counts_.repeated_frees;
  } else {
    ++counts_.unmatched_frees;
  }
}

// Kernels from 4.15 on tell of each page of a batch a second time, after mm_page_free; earlier ones
// before it. The order is always told as 0, even of larger blocks.
void KmemMatcher::TakeBatchedFree(const KmemEvent& event) {
  const auto block = ledger_.Containing(event.pfn);
  if (!block) {
    ++counts_.repeated_frees;
    return;
  }
  ++counts_.frees;
  FreePart(event, *block, block->pfn == event.pfn ? block->order : 0);
  ledger_.Mark(event.pfn);
}

bool KmemMatcher::DropWithin(const KmemEvent& event) {
  bool has_any = false;
  if (const auto around = ledger_.Containing(event.pfn); around && around->order > event.order) {
    Free(event, Narrow(*around, event.pfn, event.order).value_or(*around));
    has_any = true;
  }
  for (auto block = ledger_.FirstIn(event.pfn, EndOf(event)); block;
       block = ledger_.FirstIn(block->pfn, EndOf(event))) {
    Free(event, *block);
    has_any = true;
  }
  return has_any;
}

// What can't be split is kept as a whole: the keeper says how often.
void KmemMatcher::FreePart(const KmemEvent& event, const HeldBlock& block, unsigned order) {
  counts_.partial_frees += block.order > order ? 1u : 0u;
  if (const auto part = Narrow(block, event.pfn, order)) {
    Free(event, *part);
  }
}

std::optional<HeldBlock> KmemMatcher::Narrow(HeldBlock block, std::uint64_t pfn, unsigned order) {
  while (block.order > order) {
    if (!keeper_.Split(block)) {
      return std::nullopt;
    }
    ledger_.Remove(block.pfn);
    --block.order;
    HeldBlock upper = block;
    upper.pfn += block.pages();
    upper.frame = block.frame + FrameCount(static_cast<std::uint32_t>(block.pages()));
    const bool is_in_upper = pfn >= upper.pfn;
    ledger_.Add(block);
    ledger_.Add(upper);
    block = is_in_upper ? upper : block;
  }
  return block;
}

void KmemMatcher::Free(const KmemEvent& event, const HeldBlock& block) {
  keeper_.Free(event, block);
  ledger_.Remove(block.pfn);
}

}  // namespace pageward::tool
