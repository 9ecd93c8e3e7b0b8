#include "runtime/sim/early_tables.h"

#include "runtime/core/check.h"

namespace pageward::sim {

bool UnprotectedRanges::Add(FrameRange range) {
  for (std::size_t i = 0; i < count_; ++i) {
    FrameRange& known = ranges_[i];
    if (known.end() == range.begin) {
      known.count += range.count;
      return true;
    }
    if (range.end() == known.begin) {
      known = FrameRange{range.begin, range.count + known.count};
      return true;
    }
  }
  if (count_ < kMostRanges) {
    ranges_[count_++] = range;
    return true;
  }
  if (lost_count_ < kMostRanges) {
    lost_[lost_count_++] = range;
  }
  lost_frames_ += range.count.value;
  return false;
}

bool UnprotectedRanges::Contains(FrameNumber frame) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (ranges_[i].Contains(frame)) {
      return true;
    }
  }
  return false;
}

void EarlyTables::UseRegion(BlockRange region) {
  surplus_regions_ += region_.count > 0 ? 1u : 0u;
  region_ = region;
  next_ = region.frames().begin;
}

std::optional<PhysAddr> EarlyTables::Allocate() {
  if (rest().IsEmpty()) {
    return std::nullopt;
  }
  const FrameNumber frame = next_;
  next_ = next_ + FrameCount(1);
  ++tables_;
  static_cast<void>(unprotected_.Add(FrameRange{frame, FrameCount(1)}));
  ram_.Zero(frame);
  return ram_.AddressOf(frame);
}

void EarlyTables::Free(PhysAddr table) {
  PW_CHECK(false, Violation::kAssertion, table.value());
}

}  // namespace pageward::sim
