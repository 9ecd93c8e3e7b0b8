#include "runtime/extent/quarantine.h"

#include "runtime/core/check.h"

namespace pageward::extent {

FrameRange Quarantine::TakeOldestLocked() {
  if (count_ == 0) {
    return FrameRange{};
  }
  const FrameRange oldest = runs_[first_];
  first_ = (first_ + 1) % kMostRuns;
  --count_;
  waiting_ -= oldest.count;
  return oldest;
}

FrameRange Quarantine::TakeOldest() {
  MutexLock lock(mutex_);
  return TakeOldestLocked();
}

FrameRange Quarantine::TakeUnlessItFits(FrameRange run) {
  MutexLock lock(mutex_);
  if (count_ == kMostRuns || waiting_ + run.count > most_) {
    return TakeOldestLocked();
  }
  runs_[(first_ + count_) % kMostRuns] = run;
  ++count_;
  waiting_ += run.count;
  return FrameRange{};
}

bool Quarantine::Contains(FrameNumber frame) const {
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < count_; ++i) {
    if (runs_[(first_ + i) % kMostRuns].Contains(frame)) {
      return true;
    }
  }
  return false;
}

FrameCount Quarantine::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

void Quarantine::CheckInvariants() const {
  MutexLock lock(mutex_);
  FrameCount sum;
  for (std::size_t i = 0; i < count_; ++i) {
    const FrameRange run = runs_[(first_ + i) % kMostRuns];
    sum += run.count;
    for (std::size_t j = i + 1; j < count_; ++j) {
      const FrameRange other = runs_[(first_ + j) % kMostRuns];
      PW_CHECK(run.end() <= other.begin || other.end() <= run.begin, Violation::kInvariant, 2);
    }
  }
  PW_CHECK(sum == waiting_ && waiting_ <= most_, Violation::kInvariant, 1);
}

}  // namespace pageward::extent
