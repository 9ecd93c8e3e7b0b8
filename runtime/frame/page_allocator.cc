#include "runtime/frame/page_allocator.h"

namespace pageward::frame {

PageAllocator::PageAllocator(std::span<BlockRecord> records, const Seams& seams)
    : seams_(seams), table_(records, seams.leaves), blocks_(records), zone_(table_, blocks_) {}

void PageAllocator::EnterToSplit() {
  lock_.Lock();
  while (!seams_.leaves.IsReady()) {
    lock_.Unlock();
    // An operation may do without a leaf, or find a last one: it fails for want of it, not before.
    const bool has_more = seams_.leaves.Prepare().ok();
    lock_.Lock();
    if (!has_more) {
      break;
    }
  }
}

// The analysis can't follow a lock that is taken in one of three ways.
bool PageAllocator::Enter(RequestFlags flags) PW_NO_THREAD_SAFETY_ANALYSIS {
  if (flags.Has(RequestFlag::kTryLockOnly)) {
    return lock_.TryLock();
  }
  if (flags.ForbidsBlocking()) {
    lock_.Lock();
  } else {
    EnterToSplit();
  }
  return true;
}

void PageAllocator::AddBlocks(BlockRange blocks, Mobility mobility) {
  {
    MutexLock lock(lock_);
    zone_.AddBlocks(blocks, mobility);
  }
  WalkIfDue();
}

Result<FrameNumber> PageAllocator::Allocate(Order order, const Request& request) {
  const Status valid = Validate(request);
  if (!valid.ok()) {
    return valid.error();
  }
  const Result<FrameRange> run = AllocateShape(RunShape{order.frames(), order}, request);
  return run.ok() ? Result<FrameNumber>(run->begin) : run.error();
}

Result<FrameRange> PageAllocator::AllocateRun(FrameCount frames, Order alignment,
                                              const Request& request) {
  const Status valid = Validate(request);
  if (!valid.ok()) {
    return valid.error();
  }
  const auto shape = RunShape::Of(frames, alignment);
  return shape.has_value() ? AllocateShape(*shape, request) : Error::kInvalid;
}

Result<FrameRange> PageAllocator::AllocateShape(const RunShape& shape, const Request& request) {
  const Result<FrameRange> run = AllocateFromLists(shape, request);
  return !run.ok() && run.error() == Error::kNoFrames ? AllocateByConversion(shape, request) : run;
}

Result<FrameRange> PageAllocator::AllocateFromLists(const RunShape& shape, const Request& request) {
  if (!Enter(request.flags())) {
    return Error::kWouldBlock;
  }
  const Result<FrameRange> cut = zone_.Cut(shape, request, ScopeOf(request.flags()));
  if (cut.ok()) {
    zone_.MakeRun(*cut, request.freetype().mobility);
  }
  lock_.Unlock();
  WalkIfDue();
  return cut;
}

void PageAllocator::Free(FrameNumber frame, Order order) {
  FreeRun(FrameRange{frame, order.frames()});
}

void PageAllocator::FreeRun(FrameRange run) {
  {
    MutexLock lock(lock_);
    zone_.FreeRun(run);
  }
  WalkIfDue();
}

Status PageAllocator::GrowRun(FrameRange run, FrameCount extra) {
  EnterToSplit();
  const Status grown = zone_.GrowRun(run, extra);
  lock_.Unlock();
  WalkIfDue();
  return grown;
}

Status PageAllocator::SplitRun(FrameRange run, FrameCount first) {
  EnterToSplit();
  const Status split = zone_.SplitRun(run, first);
  lock_.Unlock();
  WalkIfDue();
  return split;
}

Status PageAllocator::MergeRuns(FrameRange first, FrameRange second) {
  Status merged;
  {
    MutexLock lock(lock_);
    merged = zone_.MergeRuns(first, second);
  }
  WalkIfDue();
  return merged;
}

void PageAllocator::RegisterOwner(OwnerLists& owner) {
  MutexLock lock(lock_);
  zone_.lists().Register(owner);
}

Status PageAllocator::UnregisterOwner(OwnerLists& owner) {
  MutexLock lock(lock_);
  return zone_.lists().Unregister(owner);
}

Status PageAllocator::Isolate(BlockNumber block) {
  Status isolated;
  {
    MutexLock lock(lock_);
    isolated = zone_.Isolate(block);
  }
  WalkIfDue();
  return isolated;
}

Status PageAllocator::Unisolate(BlockNumber block) {
  Status unisolated;
  {
    MutexLock lock(lock_);
    unisolated = zone_.Unisolate(block);
  }
  WalkIfDue();
  return unisolated;
}

void PageAllocator::Skip(BlockNumber block) {
  MutexLock lock(lock_);
  PW_ASSERT(blocks_.IsManaged(block));
  blocks_.Skip(block);
}

void PageAllocator::Unskip(BlockNumber block) {
  MutexLock lock(lock_);
  PW_ASSERT(blocks_.IsManaged(block));
  blocks_.Unskip(block);
}

bool PageAllocator::TrimLeaf(BlockNumber block) {
  FrameLeaf* leaf = nullptr;
  {
    MutexLock lock(lock_);
    leaf = blocks_.IsManaged(block) ? table_.DetachLeaf(block) : nullptr;
  }
  // Without the lock: the source may free the page into this very zone.
  if (leaf != nullptr) {
    seams_.leaves.Free(block, leaf);
  }
  return leaf != nullptr;
}

std::optional<FrameReport> PageAllocator::Describe(FrameNumber frame) const {
  const auto piece = table_.PieceOf(frame);
  if (!piece.has_value()) {
    return std::nullopt;
  }
  const BlockFlags flags = blocks_.FlagsOf(frame.block());
  return FrameReport{piece->record.state(), piece->range, flags.freetype(), flags.is_isolated()};
}

std::optional<FrameRange> PageAllocator::RunContaining(FrameNumber frame) const {
  const auto report = Describe(frame);
  return report && report->state == FrameState::kRun ? std::optional(report->piece) : std::nullopt;
}

bool PageAllocator::IsFree(FrameNumber frame) const {
  const auto report = Describe(frame);
  return report && report->state == FrameState::kFree;
}

BlockFlags PageAllocator::FlagsOf(BlockNumber block) const {
  return block.value < blocks_.block_count() ? blocks_.FlagsOf(block) : BlockFlags();
}

Counters PageAllocator::counters() const {
  MutexLock lock(lock_);
  Counters counters = events_;
  const FreeLists& lists = zone_.lists();
  for (std::size_t index = 0; index < kVisibilityCount; ++index) {
    const auto visibility = static_cast<Visibility>(index);
    counters.free_frames[visibility] = lists.free_frames(visibility);
    counters.free_blocks[visibility] = lists.free_blocks(visibility);
  }
  counters.managed_frames = zone_.managed_frames();
  counters.isolated_frames = lists.isolated_frames();
  counters.listed_frames = threads_.held_frames();
  counters.live_frames = zone_.held_frames() - counters.listed_frames;
  counters.converting_frames = zone_.converting_frames();
  counters.leaves = table_.leaf_count();
  counters.claims = zone_.search_counters().claims;
  counters.steals = zone_.search_counters().steals;
  return counters;
}

void PageAllocator::set_walk_interval(std::uint32_t interval) {
  MutexLock lock(lock_);
  walk_interval_ = interval;
  changes_until_walk_ = interval;
}

void PageAllocator::WalkIfDue() const {
  if constexpr (PW_CHECK_LEVEL >= 2) {
    {
      MutexLock lock(lock_);
      if (walk_interval_ == 0 || --changes_until_walk_ > 0) {
        return;
      }
      changes_until_walk_ = walk_interval_;
    }
    PW_INVARIANT(*this);
  }
}

void PageAllocator::CheckInvariants() const {
  MutexLock lock(lock_);
  zone_.CheckInvariants();
}

void PageAllocator::CheckInvariantsAtRest() const {
  MutexLock lock(lock_);
  zone_.CheckInvariants();
  threads_.CheckInvariants(table_);
}

}  // namespace pageward::frame
