// Table pages that get their key one by one: what the reserve is compared with, and what serves
// where nothing has to be split.
#include "runtime/core/check.h"
#include "runtime/sim/ptp_pool.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;

namespace {

constexpr FrameRange Only(FrameNumber frame) {
  return FrameRange{frame, FrameCount(1)};
}

}  // namespace

Result<FrameNumber> PtpPool::TakeOne() {
  const Result<FrameNumber> frame =
      frames_.Allocate(Order(0), Request::Mapped(Mobility::kUnmovable));
  if (!frame.ok()) {
    return frame;
  }
  CurrentCpu().meter().Add(Primitive::kFrameAllocated);
  if (const Status status = ProtectOne(*frame); !status) {
    frames_.Free(*frame, Order(0));
    return status.error();
  }
  return frame;
}

Status PtpPool::ProtectOne(FrameNumber frame) {
  if (!HasKey()) {
    return {};
  }
  if (Depth() >= kMaxDepth) {
    // Here the kernel would wait for itself. The page is used as it is, and protected later.
    CurrentCpu().meter().Add(Tally::kUnprotectedTable);
    memory_.machine().Note(Event{.a = frame.value, .kind = EventKind::kTableUnprotected});
    MutexLock lock(pool_);
    PW_CHECK(late_count_ < late_.size(), Violation::kInvariant, frame.value);
    late_[late_count_++] = frame;
    return {};
  }
  memory_.machine().Note(Event{.a = frame.value, .kind = EventKind::kProtectionBegun});
  EnterNesting();
  const auto changed = memory_.machine().Fails(FaultPoint::kBlockProtected)
                           ? Result<ptable::Changes>(Error::kNoMemory)
                           : map_.Change(Only(frame), kToTables, FlushWhen::kNow);
  LeaveNesting();
  if (changed.ok()) {
    memory_.machine().Note(Event{.a = frame.value, .b = 1, .kind = EventKind::kTableProtected});
  }
  if (Depth() == 0) {
    ProtectLate();
  }
  return changed.ok() ? Status() : Status(changed.error());
}

void PtpPool::ProtectLate() {
  for (;;) {
    FrameNumber frame;
    {
      MutexLock lock(pool_);
      if (late_count_ == 0) {
        return;
      }
      frame = late_[--late_count_];
    }
    EnterNesting();
    static_cast<void>(map_.Change(Only(frame), kToTables, FlushWhen::kNow));
    LeaveNesting();
  }
}

// What a split does not use stays for the next one of this processor: giving it back would change
// its key again.
Status PtpPool::PrepareOneByOne() {
  Prepared& prepared = prepared_[CurrentCpu().number().value];
  while (prepared.count < prepared.frames.size()) {
    const Result<FrameNumber> frame = TakeOne();
    if (!frame.ok()) {
      return frame.error();
    }
    // The nested protection may have made and used some for itself.
    if (prepared.count == prepared.frames.size()) {
      FreeOne(*frame);
      break;
    }
    prepared.frames[prepared.count++] = *frame;
  }
  return {};
}

void PtpPool::FreeOne(FrameNumber frame) {
  if (HasKey() && IsProtected(frame)) {
    map_.Restore(Only(frame), kFromTables);
    map_.Flush(Only(frame));
  }
  frames_.Free(frame, Order(0));
  CurrentCpu().meter().Add(Primitive::kFrameFreed);
}

}  // namespace pageward::sim
