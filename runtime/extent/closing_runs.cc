#include "runtime/extent/closing_runs.h"

#include <algorithm>

#include "runtime/core/bits.h"
#include "runtime/core/check.h"

namespace pageward::extent {

// Insertion sort: a handful of runs, often in order already.
void ClosingRuns::Batch::Insert(FrameRange run) {
  std::size_t at = count_++;
  for (; at > 0 && run.begin < runs_[at - 1].begin; --at) {
    runs_[at] = runs_[at - 1];
  }
  runs_[at] = run;
}

void ClosingRuns::LetOldestLeave(std::size_t count, Batch& batch) {
  for (std::size_t i = 0; i < count; ++i) {
    batch.Insert(runs_[i]);
    held_ -= runs_[i].count;
  }
  std::copy(runs_.begin() + static_cast<std::ptrdiff_t>(count),
            runs_.begin() + static_cast<std::ptrdiff_t>(count_), runs_.begin());
  count_ -= count;
}

ClosingRuns::Batch ClosingRuns::Put(FrameRange run) {
  PW_ASSERT(!run.IsEmpty() && run.count <= kMostFrames);
  Batch batch;
  MutexLock lock(mutex_);
  while (count_ == kMost || held_ + run.count > kMostFrames) {
    LetOldestLeave(std::min(kBatch, count_), batch);
  }
  runs_[count_++] = run;
  held_ += run.count;
  return batch;
}

std::optional<FrameRange> ClosingRuns::Take(FrameCount count, Order alignment) {
  MutexLock lock(mutex_);
  for (std::size_t i = count_; i-- > 0;) {
    const FrameRange run = runs_[i];
    if (run.count == count && IsAligned(run.begin.value, alignment.frames().value)) {
      std::copy(runs_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                runs_.begin() + static_cast<std::ptrdiff_t>(count_),
                runs_.begin() + static_cast<std::ptrdiff_t>(i));
      --count_;
      held_ -= count;
      return run;
    }
  }
  return std::nullopt;
}

ClosingRuns::Batch ClosingRuns::TakeAll() {
  Batch batch;
  MutexLock lock(mutex_);
  LetOldestLeave(count_, batch);
  return batch;
}

bool ClosingRuns::Contains(FrameNumber frame) const {
  MutexLock lock(mutex_);
  return std::any_of(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(count_),
                     [frame](FrameRange run) { return run.Contains(frame); });
}

FrameCount ClosingRuns::held() const {
  MutexLock lock(mutex_);
  return held_;
}

void ClosingRuns::CheckInvariants() const {
  MutexLock lock(mutex_);
  FrameCount sum;
  for (std::size_t i = 0; i < count_; ++i) {
    PW_CHECK(!runs_[i].IsEmpty(), Violation::kInvariant, 1);
    sum += runs_[i].count;
    for (std::size_t j = i + 1; j < count_; ++j) {
      PW_CHECK(runs_[i].end() <= runs_[j].begin || runs_[j].end() <= runs_[i].begin,
               Violation::kInvariant, 1);
    }
  }
  PW_CHECK(sum == held_ && held_ <= kMostFrames, Violation::kInvariant, 2);
}

}  // namespace pageward::extent
