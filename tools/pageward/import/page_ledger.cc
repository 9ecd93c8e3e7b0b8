#include "tools/pageward/import/page_ledger.h"

#include <algorithm>

#include "runtime/core/check.h"

namespace pageward::tool {

PageLedger::Chunk* PageLedger::Find(std::uint64_t pfn) const {
  const auto found = chunks_.find(pfn >> kSlotsLog2);
  return found == chunks_.end() ? nullptr : found->second.get();
}

PageLedger::Slot& PageLedger::Use(std::uint64_t pfn) {
  std::unique_ptr<Chunk>& chunk = chunks_[pfn >> kSlotsLog2];
  if (chunk == nullptr) {
    chunk = std::make_unique<Chunk>();
  }
  Slot& slot = chunk->slots[IndexOf(pfn)];
  chunk->used += slot.state == SlotState::kEmpty ? 1 : 0;
  return slot;
}

void PageLedger::Release(std::uint64_t pfn) {
  const auto found = chunks_.find(pfn >> kSlotsLog2);
  PW_ASSERT(found != chunks_.end());
  found->second->slots[IndexOf(pfn)] = Slot{};
  if (--found->second->used == 0) {
    chunks_.erase(found);
  }
}

void PageLedger::Add(const HeldBlock& block) {
  Slot& slot = Use(block.pfn);
  slot = Slot{block.frame, static_cast<std::uint8_t>(block.order), block.place, SlotState::kBlock};
  largest_order_ = std::max(largest_order_, block.order);
  pages_ += block.pages();
  hidden_pages_ += block.place == BlockPlace::kHidden ? block.pages() : 0;
}

void PageLedger::Remove(std::uint64_t pfn) {
  const HeldBlock block = *Containing(pfn);
  pages_ -= block.pages();
  hidden_pages_ -= block.place == BlockPlace::kHidden ? block.pages() : 0;
  Release(pfn);
}

std::optional<HeldBlock> PageLedger::Containing(std::uint64_t pfn) const {
  const Chunk* chunk = Find(pfn);
  for (unsigned order = 0; order <= largest_order_; ++order) {
    const std::uint64_t head = pfn >> order << order;
    if (order > kSlotsLog2) {
      chunk = Find(head);
    }
    const Slot* const slot = chunk != nullptr ? &chunk->slots[IndexOf(head)] : nullptr;
    if (slot != nullptr && slot->state == SlotState::kBlock && slot->order >= order) {
      return HeldBlock{head, slot->order, slot->place, slot->frame};
    }
  }
  return std::nullopt;
}

std::optional<HeldBlock> PageLedger::FirstIn(std::uint64_t begin, std::uint64_t end) const {
  for (std::uint64_t pfn = begin; pfn < end;) {
    const std::uint64_t stop = std::min(((pfn >> kSlotsLog2) + 1) << kSlotsLog2, end);
    const Chunk* const chunk = Find(pfn);
    for (; chunk != nullptr && pfn < stop; ++pfn) {
      const Slot& slot = chunk->slots[IndexOf(pfn)];
      if (slot.state == SlotState::kBlock) {
        return HeldBlock{pfn, slot.order, slot.place, slot.frame};
      }
    }
    pfn = stop;
  }
  return std::nullopt;
}

void PageLedger::Mark(std::uint64_t pfn) {
  Slot& slot = Use(pfn);
  marks_ += slot.state == SlotState::kMarked ? 0u : 1u;
  slot.state = SlotState::kMarked;
}

bool PageLedger::TakeMark(std::uint64_t pfn) {
  const Chunk* const chunk = Find(pfn);
  if (chunk == nullptr || chunk->slots[IndexOf(pfn)].state != SlotState::kMarked) {
    return false;
  }
  Release(pfn);
  --marks_;
  return true;
}

void PageLedger::ClearMarks(std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t pfn = begin; pfn < end && marks_ > 0;) {
    const std::uint64_t stop = std::min(((pfn >> kSlotsLog2) + 1) << kSlotsLog2, end);
    while (pfn < stop && Find(pfn) != nullptr) {
      TakeMark(pfn++);
    }
    pfn = stop;
  }
}

}  // namespace pageward::tool
