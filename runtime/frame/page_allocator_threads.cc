// Filling and draining the lists of threads.
#include <algorithm>

#include "runtime/frame/page_allocator.h"

namespace pageward::frame {

void PageAllocator::Attach(ThreadLists& lists) {
  MutexLock lock(lock_);
  threads_.Attach(lists);
}

void PageAllocator::Drain(ThreadLists& lists) {
  {
    MutexLock lock(lock_);
    DrainAll(lists);
  }
  WalkIfDue();
}

void PageAllocator::Detach(ThreadLists& lists) {
  {
    MutexLock lock(lock_);
    DrainAll(lists);
    threads_.Detach(lists);
  }
  WalkIfDue();
}

void PageAllocator::DrainAll(ThreadLists& lists) {
  for (std::size_t value = 0; value < ThreadListIndex::kCount; ++value) {
    const ThreadListIndex index(value);
    DrainList(lists, index, lists.count(index));
  }
}

void PageAllocator::DrainList(ThreadLists& lists, ThreadListIndex index, std::uint32_t blocks) {
  for (std::uint32_t i = 0; i < blocks; ++i) {
    zone_.FreeListed(*lists.TakeForDrain(table_, index), index.order());
  }
}

Result<FrameNumber> PageAllocator::AllocateSlowly(Order order, const Request& request,
                                                  ThreadLists& lists) {
  const Status valid = Validate(request);
  if (!valid.ok()) {
    return valid.error();
  }
  const RunShape shape{order.frames(), order};
  const auto index = ThreadListIndex::Of(request.freetype(), order);
  if (!index.has_value()) {
    const Result<FrameRange> run = AllocateShape(shape, request);
    return run.ok() ? Result<FrameNumber>(run->begin) : run.error();
  }
  FrameNumber taken;
  if (lists.TryTake(table_, request, order, &taken)) {
    return taken;
  }
  if (!Enter(request.flags())) {
    return Error::kWouldBlock;
  }
  const Result<FrameNumber> frame = RefillAndTake(lists, *index, request);
  lock_.Unlock();
  WalkIfDue();
  if (frame.ok() || frame.error() != Error::kNoFrames) {
    return frame;
  }
  const Result<FrameRange> run = AllocateByConversion(shape, request);
  return run.ok() ? Result<FrameNumber>(run->begin) : run.error();
}

Result<FrameNumber> PageAllocator::RefillAndTake(ThreadLists& lists, ThreadListIndex index,
                                                 const Request& request) {
  // What is still there lies in a pageblock that was isolated.
  DrainList(lists, index, lists.count(index));
  const RunShape shape{index.order().frames(), index.order()};
  for (std::uint32_t i = 0; i < index.batch(); ++i) {
    // One block is worth a fallback. After a claim the own lists have more; after a steal they
    // don't, and one was enough.
    const Result<FrameRange> cut =
        zone_.Cut(shape, request, i == 0 ? ScopeOf(request.flags()) : SearchScope::kOwnLists);
    if (!cut.ok()) {
      if (i == 0) {
        return cut.error();
      }
      break;
    }
    lists.PutForFill(table_, index, cut->begin);
    zone_.NoteListed(cut->count);
  }
  FrameNumber frame;
  const bool is_taken = lists.TryTake(table_, request, index.order(), &frame);
  PW_CHECK(is_taken, Violation::kInvariant, index.value());
  return frame;
}

void PageAllocator::FreeSlowly(FrameNumber frame, Order order, ThreadLists& lists) {
  {
    MutexLock lock(lock_);
    const FrameRange run{frame, order.frames()};
    zone_.CheckRun(run);
    const auto index = ThreadListIndex::Of(blocks_.FreetypeOf(frame.block()), order);
    if (index.has_value() && lists.IsFull(*index)) {
      DrainList(lists, *index, index->batch());
    }
    // It may have had another reason not to be listed.
    if (!lists.TryPut(table_, frame, order)) {
      zone_.FreeRun(run);
    }
  }
  WalkIfDue();
}

}  // namespace pageward::frame
