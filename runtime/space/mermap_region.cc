#include "runtime/space/mermap_region.h"

#include "runtime/core/check.h"
#include "runtime/core/invariant.h"

namespace pageward::space {

MermapRegion::MermapRegion(VirtRange region, std::span<std::uint32_t> shown, ViewBackend& backend,
                           StaleFrames& stale)
    : range_(region), shown_(shown), backend_(backend), stale_(stale) {
  PW_ASSERT(shown.size() >= 2 && region.bytes == shown.size() * kFrameBytes);
}

std::size_t MermapRegion::live_count() const {
  std::size_t live = 0;
  for (const Slot& slot : slots_) {
    live += slot.is_live ? 1u : 0u;
  }
  return live;
}

// --- Getting -------------------------------------------------------------------------------------

Status MermapRegion::CheckRequest(const ViewRequest& request) {
  if (!backend_.IsPrepared()) {
    Complain(ViewComplaint::kNotPrepared);
    return Error::kInvalid;
  }
  if (!backend_.IsProcessContext()) {
    Complain(ViewComplaint::kWrongContext);
    return Error::kNotPermitted;
  }
  if (request.sharing != ViewSharing::kNobody) {
    Complain(ViewComplaint::kShared);
    return Error::kInvalid;
  }
  if (request.bytes == 0) {
    Complain(ViewComplaint::kEmpty);
    return Error::kInvalid;
  }
  return {};
}

MermapRegion::Slot* MermapRegion::FreeSlot() {
  for (std::size_t i = 0; i < kOrdinarySlots; ++i) {
    if (!slots_[i].is_live) {
      return &slots_[i];
    }
  }
  return nullptr;
}

std::uint32_t MermapRegion::PageBehindLive() const {
  std::uint32_t page = 0;
  for (std::size_t i = 0; i < kOrdinarySlots; ++i) {
    if (slots_[i].is_live && PageOf(slots_[i].range.end()) > page) {
      page = PageOf(slots_[i].range.end());
    }
  }
  return page;
}

Result<ViewHandle> MermapRegion::Get(const ViewRequest& request) {
  if (const Status valid = CheckRequest(request); !valid) {
    return valid.error();
  }
  const std::uint32_t limit = pages() - 1;  // The last page is kept.
  if (request.bytes > std::uint64_t{limit} << kFrameBytesLog2) {
    return Error::kNoAddressSpace;
  }
  const FrameRange frames{request.first, FramesFor(request.bytes)};
  Slot* slot = FreeSlot();
  if (slot == nullptr) {
    return Error::kInUse;
  }
  if (next_page_ + frames.count.value > limit) {
    const std::uint32_t begin = PageBehindLive();
    if (begin + frames.count.value > limit) {
      return Error::kNoAddressSpace;
    }
    ++counters_.wraps;
    ++counters_.flushes;
    backend_.Flush(PagesAt(0, limit));
    Unmark(0, limit);
    next_page_ = begin;
  }
  const std::uint32_t page = next_page_;
  // Also if mapping fails: what was there for a moment may be cached.
  next_page_ += frames.count.value;
  return Show(*slot, page, frames, request.access);
}

Result<ViewHandle> MermapRegion::GetReserved(const ViewRequest& request) {
  if (const Status valid = CheckRequest(request); !valid) {
    return valid.error();
  }
  if (request.bytes > kFrameBytes) {
    Complain(ViewComplaint::kReserveSize);
    return Error::kInvalid;
  }
  Slot& slot = slots_[kReserveSlot];
  if (slot.is_live) {
    Complain(ViewComplaint::kReserveInUse);
    return Error::kInUse;
  }
  const std::uint32_t page = pages() - 1;
  if (shown_[page] != 0) {
    ++counters_.flushes;
    backend_.Flush(PagesAt(page, 1));
    Unmark(page, page + 1);
  }
  return Show(slot, page, FrameRange{request.first, FrameCount(1)}, request.access);
}

Result<ViewHandle> MermapRegion::Show(Slot& slot, std::uint32_t page, FrameRange frames,
                                      ViewAccess access) {
  const VirtRange at = PagesAt(page, frames.count.value);
  backend_.Pin();
  if (const Status mapped = backend_.Map(at, frames, access); !mapped) {
    backend_.Unmap(at);
    // The part that was there may have been used by nobody but a processor that guessed.
    MarkStale(page, frames);
    backend_.Unpin();
    Complain(ViewComplaint::kMappingFailed);
    return mapped.error();
  }
  ++counters_.gets;
  slot = Slot{at, frames.begin, slot.generation + 1, true};
  ViewHandle view;
  view.range_ = at;
  view.region_ = this;
  view.generation_ = slot.generation;
  view.slot_ = static_cast<std::uint8_t>(&slot - slots_.data());
  PW_INVARIANT(*this);
  return view;
}

Status MermapRegion::Put(const ViewHandle& view) {
  if (view.region_ != this || view.slot_ >= kSlots) {
    Complain(ViewComplaint::kForeignHandle);
    return Error::kInvalid;
  }
  Slot& slot = slots_[view.slot_];
  if (!slot.is_live || slot.generation != view.generation_) {
    Complain(ViewComplaint::kDoublePut);
    return Error::kInvalid;
  }
  backend_.Unmap(slot.range);
  slot.is_live = false;
  ++counters_.puts;
  MarkStale(PageOf(slot.range.begin), FrameRange{slot.first, FramesFor(slot.range.bytes)});
  backend_.Unpin();
  PW_INVARIANT(*this);
  return {};
}

// --- Stale views ---------------------------------------------------------------------------------

void MermapRegion::MarkStale(std::uint32_t page, FrameRange frames) {
  for (std::uint32_t i = 0; i < frames.count.value; ++i) {
    const FrameNumber frame = frames.begin + FrameCount(i);
    shown_[page + i] = frame.value + 1;
    stale_.Add(frame);
  }
  stale_count_ += frames.count.value;
}

void MermapRegion::Unmark(std::uint32_t begin, std::uint32_t end) {
  for (std::uint32_t page = begin; page < end && stale_count_ > 0; ++page) {
    if (shown_[page] != 0) {
      stale_.Remove(FrameNumber(shown_[page] - 1));
      shown_[page] = 0;
      --stale_count_;
    }
  }
}

bool MermapRegion::ShowsStale(FrameRange frames) const {
  if (!HasStale()) {
    return false;
  }
  for (const std::uint32_t shown : shown_) {
    if (shown != 0 && frames.Contains(FrameNumber(shown - 1))) {
      return true;
    }
  }
  return false;
}

void MermapRegion::FlushStale() {
  if (HasStale()) {
    ++counters_.flushes;
    backend_.Flush(range_);
    NoteFlushed();
  }
}

void MermapRegion::NoteFlushed() {
  Unmark(0, pages());
}

std::size_t MermapRegion::TearDown() {
  std::size_t live = 0;
  for (Slot& slot : slots_) {
    if (slot.is_live) {
      ++live;
      slot.is_live = false;
      Complain(ViewComplaint::kLiveAtTeardown);
    }
  }
  NoteFlushed();
  next_page_ = 0;
  return live;
}

void MermapRegion::CheckInvariants() const {
  std::uint32_t stale = 0;
  for (const std::uint32_t shown : shown_) {
    stale += shown != 0 ? 1u : 0u;
  }
  PW_HOLDS("V3", stale == stale_count_, stale);
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (!slots_[i].is_live) {
      continue;
    }
    const std::uint32_t begin = PageOf(slots_[i].range.begin);
    const std::uint32_t end = PageOf(slots_[i].range.end());
    const bool is_reserve = i == kReserveSlot;
    PW_HOLDS("V1", begin < end && (begin == pages() - 1) == is_reserve, begin);
    PW_HOLDS("V1", end <= pages() - (is_reserve ? 0u : 1u), end);
    PW_HOLDS("V2", is_reserve || end <= next_page_, end);
    for (std::size_t other = 0; other < i; ++other) {
      const bool is_apart = !slots_[other].is_live || PageOf(slots_[other].range.end()) <= begin ||
                            PageOf(slots_[other].range.begin) >= end;
      PW_HOLDS("V1", is_apart, begin);
    }
    for (std::uint32_t page = begin; page < end; ++page) {
      PW_HOLDS("V3", shown_[page] == 0, page);
    }
  }
}

}  // namespace pageward::space
