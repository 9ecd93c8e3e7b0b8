// The views of a region that have been put and not flushed: found again, flushed, asked about.
#include "runtime/core/check.h"
#include "runtime/core/invariant.h"
#include "runtime/space/mermap_region.h"

namespace pageward::space {

namespace {

// What stands in Recall::rights for a page that has been shown.
constexpr std::uint8_t RightsOf(ViewAccess access) {
  return static_cast<std::uint8_t>(1 + static_cast<std::uint8_t>(access));
}

}  // namespace

void MermapRegion::Remember(std::uint32_t page, const Slot& slot) {
  const std::uint32_t count = FramesFor(slot.range.bytes).value;
  const bool has_recall = !recall_.hints.empty();
  for (std::uint32_t i = 0; i < count; ++i) {
    const FrameNumber frame = slot.first + FrameCount(i);
    shown_[page + i] = frame.value + 1;
    if (has_recall) {
      recall_.rights[page + i] = RightsOf(slot.access);
      recall_.sites[page + i] = slot.site;
      recall_.hints[frame.value & (recall_.hints.size() - 1)] =
          static_cast<std::uint16_t>(page + i);
    } else {
      stale_.Retire(frame);
    }
  }
  stale_count_ += count;
}

void MermapRegion::NoteStale(std::uint32_t page, FrameRange frames) {
  for (std::uint32_t i = 0; i < frames.count.value; ++i) {
    const FrameNumber frame = frames.begin + FrameCount(i);
    shown_[page + i] = frame.value + 1;
    stale_.Add(frame);
  }
  stale_count_ += frames.count.value;
}

bool MermapRegion::IsStaleAt(std::uint32_t page, FrameRange frames, ViewAccess access) const {
  if (recall_.hints.empty()) {
    return false;
  }
  for (std::uint32_t i = 0; i < frames.count.value; ++i) {
    if (shown_[page + i] != frames.begin.value + i + 1 ||
        recall_.rights[page + i] != RightsOf(access)) {
      return false;
    }
  }
  return true;
}

std::uint32_t MermapRegion::FindStale(FrameRange frames, ViewAccess access) const {
  if (recall_.hints.empty()) {
    return pages();
  }
  // A hint may be about another frame, or old: what is noted about the page decides.
  const std::uint32_t page = recall_.hints[frames.begin.value & (recall_.hints.size() - 1)];
  const bool is_ordinary = page + frames.count.value <= pages() - 1;
  return is_ordinary && IsStaleAt(page, frames, access) ? page : pages();
}

bool MermapRegion::ShowAgain(std::uint32_t page, FrameRange frames, ViewAccess access) {
  if (!backend_.Remap(PagesAt(page, frames.count.value), access).ok()) {
    return false;
  }
  for (std::uint32_t i = 0; i < frames.count.value; ++i) {
    shown_[page + i] = 0;
  }
  stale_count_ -= frames.count.value;
  ++counters_.found_again;
  return true;
}

void MermapRegion::Unmark(std::uint32_t begin, std::uint32_t end) {
  for (std::uint32_t page = begin; page < end && stale_count_ > 0; ++page) {
    if (shown_[page] != 0) {
      const FrameNumber frame(shown_[page] - 1);
      if (recall_.hints.empty()) {
        stale_.Remove(frame);
      } else {
        stale_.Forget(frame);
      }
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

bool MermapRegion::FlushStale(FrameRange frames) {
  const auto is_one = [&](std::uint32_t page) {
    return shown_[page] != 0 && frames.Contains(FrameNumber(shown_[page] - 1));
  };
  bool has_flushed = false;
  for (std::uint32_t page = 0; page < pages() && HasStale(); ++page) {
    if (!is_one(page)) {
      continue;
    }
    std::uint32_t end = page + 1;
    while (end < pages() && is_one(end)) {
      ++end;
    }
    backend_.Flush(PagesAt(page, end - page));
    Unmark(page, end);
    has_flushed = true;
    page = end;
  }
  counters_.flushes += has_flushed ? 1u : 0u;
  return has_flushed;
}

bool MermapRegion::ShowsLive(FrameRange frames) const {
  for (const Slot& slot : slots_) {
    const FrameNumber end = slot.first + FramesFor(slot.range.bytes);
    if (slot.is_live && slot.first < frames.end() && frames.begin < end) {
      return true;
    }
  }
  return false;
}

const void* MermapRegion::SiteOf(FrameRange frames) const {
  for (const Slot& slot : slots_) {
    const FrameRange shown{slot.first, FramesFor(slot.range.bytes)};
    if (slot.is_live && shown.begin < frames.end() && frames.begin < shown.end()) {
      return slot.site;
    }
  }
  for (std::uint32_t page = 0; page < recall_.sites.size(); ++page) {
    if (shown_[page] != 0 && frames.Contains(FrameNumber(shown_[page] - 1))) {
      return recall_.sites[page];
    }
  }
  return nullptr;
}

void MermapRegion::NoteFlushed() {
  Unmark(0, pages());
}

}  // namespace pageward::space
