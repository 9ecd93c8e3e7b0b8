#include "runtime/ptable/ptp_reserve.h"

#include "runtime/core/bit_field.h"
#include "runtime/core/check.h"
#include "runtime/core/invariant.h"

namespace pageward::ptable {
namespace {

// The link of a frame that is held; zero is one that is not.
using PreviousField = BitField<std::uint32_t, 0, 28>;
using NextField = BitField<std::uint32_t, 28, 28>;
using HeldField = BitField<bool, 63, 1>;
static_assert(kAreDisjoint<PreviousField, NextField, HeldField>);

}  // namespace

PtpReserve::PtpReserve(const Memory& memory, PtpBlockSource& source, const Shape& shape)
    : links_(memory.links), block_counts_(memory.block_counts), source_(source), shape_(shape) {
  PW_ASSERT(shape.refill_order_count <= Shape::kMostRefillOrders);
  PW_ASSERT(links_.size() <= std::size_t{PreviousField::kMax} + 1);
  PW_ASSERT(block_counts_.size() * kPageblockFrames >= links_.size());
}

// --- The circle ----------------------------------------------------------------------------------

FrameNumber PtpReserve::NextOf(FrameNumber frame) const {
  return FrameNumber(NextField::Get(links_[frame.value]));
}

FrameNumber PtpReserve::PreviousOf(FrameNumber frame) const {
  return FrameNumber(PreviousField::Get(links_[frame.value]));
}

void PtpReserve::Link(FrameNumber frame, FrameNumber previous, FrameNumber next) {
  links_[frame.value] = HeldField::Encode(true) | PreviousField::Encode(previous.value) |
                        NextField::Encode(next.value);
}

void PtpReserve::Put(FrameNumber frame) {
  PW_CHECK(frame.value < links_.size(), Violation::kForeignFrame, frame.value);
  PW_CHECK(!Holds(frame), Violation::kDoubleFree, frame.value);
  if (size_ == 0) {
    Link(frame, frame, frame);
  } else {
    const FrameNumber last = PreviousOf(first_);
    Link(frame, last, first_);
    // One by one: the first may be the last as well.
    links_[last.value] = NextField::Set(links_[last.value], frame.value);
    links_[first_.value] = PreviousField::Set(links_[first_.value], frame.value);
  }
  first_ = frame;
  ++size_;
  ++block_counts_[frame.block().value];
}

void PtpReserve::Remove(FrameNumber frame) {
  const FrameNumber previous = PreviousOf(frame);
  const FrameNumber next = NextOf(frame);
  PW_HOLDS("R1", Holds(frame) && NextOf(previous) == frame && PreviousOf(next) == frame,
           frame.value);
  links_[previous.value] = NextField::Set(links_[previous.value], next.value);
  links_[next.value] = PreviousField::Set(links_[next.value], previous.value);
  links_[frame.value] = 0;
  first_ = first_ == frame ? next : first_;
  --size_;
  --block_counts_[frame.block().value];
}

FrameNumber PtpReserve::Pop() {
  const FrameNumber frame = first_;
  Remove(frame);
  return frame;
}

// --- Taking --------------------------------------------------------------------------------------

Status PtpReserve::Prepare(TaskId task) {
  if (IsReady(task)) {
    return {};
  }
  if (IsRefilling()) {
    return Error::kWouldBlock;
  }
  return Refill(task);
}

std::optional<FrameNumber> PtpReserve::TakeForSplit(TaskId task) {
  if (refiller_ == task) {
    if (size_ == 0 || taken_by_refiller_ == shape_.for_refill) {
      return std::nullopt;
    }
    ++taken_by_refiller_;
  } else if (size_ <= shape_.for_refill) {
    return std::nullopt;
  }
  ++counters_.split_frames;
  return Pop();
}

Result<FrameNumber> PtpReserve::Take(TaskId task) {
  while (size_ <= shape_.reserved()) {
    if (refiller_ == task) {
      return Error::kNoFrames;  // A refill would wait for itself.
    }
    if (IsRefilling()) {
      return Error::kWouldBlock;
    }
    const std::size_t before = size_;
    if (const Status refilled = Refill(task); !refilled) {
      return refilled.error();
    }
    if (size_ <= before) {
      return Error::kNoFrames;  // Its own split used all that it brought: a shape that is too
                                // small.
    }
  }
  return Pop();
}

bool PtpReserve::TryTakeWhole(FrameRange block, std::size_t keep) {
  if (CountIn(block) != block.count.value || size_ - block.count.value < keep) {
    return false;
  }
  for (FrameNumber frame = block.begin; frame < block.end(); ++frame.value) {
    Remove(frame);
  }
  PW_INVARIANT(*this);
  return true;
}

std::uint32_t PtpReserve::CountIn(FrameRange block) const {
  std::uint32_t count = 0;
  for (FrameNumber frame = block.begin; frame < block.end(); ++frame.value) {
    count += Holds(frame) ? 1u : 0u;
  }
  return count;
}

// --- Refilling -----------------------------------------------------------------------------------

std::optional<PtpReserve::Block> PtpReserve::AllocateBlock() {
  for (std::size_t i = 0; i < shape_.refill_order_count; ++i) {
    const Order order = shape_.refill_orders[i];
    if (const std::optional<FrameNumber> first = source_.Allocate(order)) {
      return Block{FrameRange{*first, order.frames()}, i};
    }
  }
  return std::nullopt;
}

Status PtpReserve::Refill(TaskId task) {
  refiller_ = task;
  taken_by_refiller_ = 0;
  const std::optional<Block> block = AllocateBlock();
  const Status is_protected = block ? source_.Protect(block->range) : Status(Error::kNoFrames);
  if (block && !is_protected) {
    source_.Free(block->range);
  }
  refiller_.reset();
  if (!is_protected) {
    ++counters_.failed_refills;
    return is_protected;
  }
  ++counters_.refills[block->order_index];
  // From the end, so that the first frame is the first to be taken.
  for (std::uint32_t i = block->range.count.value; i-- > 0;) {
    Put(block->range.begin + FrameCount(i));
  }
  PW_INVARIANT(*this);
  return {};
}

void PtpReserve::CheckInvariants() const {
  FrameNumber frame = first_;
  for (std::size_t i = 0; i < size_; ++i) {
    PW_HOLDS("R1", Holds(frame) && PreviousOf(NextOf(frame)) == frame, frame.value);
    const FrameRange block{FirstFrameOf(frame.block()), FrameCount(kPageblockFrames)};
    PW_HOLDS("R3", CountIn(block) == CountIn(frame.block()), frame.value);
    frame = NextOf(frame);
    PW_HOLDS("R1", (frame == first_) == (i + 1 == size_), frame.value);
  }
  PW_HOLDS("R2", taken_by_refiller_ <= shape_.for_refill, taken_by_refiller_);
}

}  // namespace pageward::ptable
