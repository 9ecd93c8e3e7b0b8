#include "runtime/sim/hidden_frames.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;
using ptable::SetDirectMapTo;

Result<FrameNumber> HiddenFrames::Allocate(Order order, frame::ThreadLists& lists) {
  const bool is_grouped = policy_ == ConversionPolicy::kGrouped;
  const Request request = is_grouped ? Request::Unmapped() : Request::Mapped(Mobility::kUnmovable);
  const Result<FrameNumber> frame = frames_.Allocate(order, request, lists);
  if (!frame.ok()) {
    return frame;
  }
  CurrentCpu().meter().Add(Primitive::kFrameAllocated);
  if (is_grouped) {
    return frame;
  }
  const FlushWhen flush = policy_ == ConversionPolicy::kAdhoc ? FlushWhen::kNow : FlushWhen::kLater;
  const FrameRange range{*frame, order.frames()};
  const auto changed = map_.Change(range, SetDirectMapTo::kInvalid, flush);
  if (!changed.ok()) {
    frames_.Free(*frame, order, lists);
    return changed.error();
  }
  return frame;
}

Status HiddenFrames::Split(FrameNumber frame, Order order) {
  const FrameCount half(order.frames().value / 2);
  if (policy_ != ConversionPolicy::kGrouped) {
    if (const Status split = map_.SplitAbsentAt(frame + half); !split) {
      return split;
    }
  }
  return frames_.SplitRun(FrameRange{frame, order.frames()}, half);
}

void HiddenFrames::Free(FrameNumber frame, Order order, frame::ThreadLists& lists) {
  Meter& meter = CurrentCpu().meter();
  if (policy_ != ConversionPolicy::kGrouped) {
    const FrameRange range{frame, order.frames()};
    map_.Restore(range, SetDirectMapTo::kDefault);
    for (FrameNumber each = range.begin; each < range.end(); ++each.value) {
      ram_.Zero(each);
    }
    meter.Add(Primitive::kFrameCleared, order.frames().value);
  }
  frames_.Free(frame, order, lists);
  meter.Add(Primitive::kFrameFreed);
}

}  // namespace pageward::sim
