// The areas of a process: which addresses something is, or will be, behind.
#include "runtime/sim/process.h"

namespace pageward::sim {

using ptable::Covers;

namespace {

constexpr VirtRange Intersection(VirtRange a, VirtRange b) {
  const VirtAddr begin = a.begin > b.begin ? a.begin : b.begin;
  const VirtAddr end = a.end() < b.end() ? a.end() : b.end();
  return begin < end ? VirtRange{begin, end - begin} : VirtRange{};
}

constexpr std::uint64_t UnitOf(AreaPages pages) {
  return pages == AreaPages::kLarge ? kPageblockBytes : kFrameBytes;
}

}  // namespace

const Area* Process::AreaAt(VirtAddr at) const {
  for (std::size_t i = 0; i < area_count_; ++i) {
    if (areas_[i].range.Contains(at)) {
      return &areas_[i];
    }
  }
  return nullptr;
}

Status Process::AddArea(const Area& area) {
  if (!Shape::Contains(area.range) || !Covers(kUserHalf, area.range) ||
      !IsAligned(area.range.begin.value() | area.range.bytes, UnitOf(area.pages))) {
    return Error::kInvalid;
  }
  ProcessLock lock(mutex_);
  for (std::size_t i = 0; i < area_count_; ++i) {
    if (Intersection(areas_[i].range, area.range).bytes > 0) {
      return Error::kInUse;
    }
  }
  for (std::size_t i = 0; i < area_count_; ++i) {
    Area& other = areas_[i];
    if (other.range.end() == area.range.begin && other.is_writable == area.is_writable &&
        other.pages == area.pages) {
      other.range.bytes += area.range.bytes;
      return {};
    }
  }
  if (area_count_ == kMostAreas) {
    return Error::kLimit;
  }
  areas_[area_count_++] = area;
  return {};
}

// An area that is cut in the middle needs a place for its second part, which is found out first.
Status Process::CutAreas(VirtRange range) {
  std::size_t added = 0;
  for (std::size_t i = 0; i < area_count_; ++i) {
    const VirtRange hit = Intersection(areas_[i].range, range);
    if (hit.bytes > 0 && !IsAligned(hit.begin.value() | hit.bytes, UnitOf(areas_[i].pages))) {
      return Error::kInvalid;
    }
    added += hit.bytes > 0 && hit.begin > areas_[i].range.begin && hit.end() < areas_[i].range.end()
                 ? 1u
                 : 0u;
  }
  if (area_count_ + added > kMostAreas) {
    return Error::kLimit;
  }
  std::size_t kept = 0;
  const std::size_t count = area_count_;
  std::array<Area, kMostAreas> tails{};
  std::size_t tail_count = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Area area = areas_[i];
    const VirtRange hit = Intersection(area.range, range);
    if (hit.bytes == 0) {
      areas_[kept++] = area;
      continue;
    }
    if (hit.end() < area.range.end()) {
      Area tail = area;
      tail.range = VirtRange{hit.end(), area.range.end() - hit.end()};
      tails[tail_count++] = tail;
    }
    if (hit.begin > area.range.begin) {
      area.range.bytes = hit.begin - area.range.begin;
      areas_[kept++] = area;
    }
  }
  for (std::size_t i = 0; i < tail_count; ++i) {
    areas_[kept++] = tails[i];
  }
  area_count_ = kept;
  return {};
}

}  // namespace pageward::sim
