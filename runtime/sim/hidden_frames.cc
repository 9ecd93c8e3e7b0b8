#include "runtime/sim/hidden_frames.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;
using ptable::SetDirectMapTo;

namespace {

constexpr FrameRange Only(FrameNumber frame) {
  return FrameRange{frame, FrameCount(1)};
}

}  // namespace

Result<FrameNumber> HiddenFrames::Allocate(frame::ThreadLists& lists) {
  const bool is_grouped = policy_ == ConversionPolicy::kGrouped;
  const Request request = is_grouped ? Request::Unmapped() : Request::Mapped(Mobility::kUnmovable);
  const Result<FrameNumber> frame = frames_.Allocate(Order(0), request, lists);
  if (!frame.ok()) {
    return frame;
  }
  CurrentCpu().meter().Add(Primitive::kFrameAllocated);
  if (is_grouped) {
    return frame;
  }
  const FlushWhen flush = policy_ == ConversionPolicy::kAdhoc ? FlushWhen::kNow : FlushWhen::kLater;
  const auto changed = map_.Change(Only(*frame), SetDirectMapTo::kInvalid, flush);
  if (!changed.ok()) {
    frames_.Free(*frame, Order(0), lists);
    return changed.error();
  }
  return frame;
}

void HiddenFrames::Free(FrameNumber frame, frame::ThreadLists& lists) {
  Meter& meter = CurrentCpu().meter();
  if (policy_ != ConversionPolicy::kGrouped) {
    map_.Restore(Only(frame), SetDirectMapTo::kDefault);
    ram_.Zero(frame);
    meter.Add(Primitive::kFrameCleared);
  }
  frames_.Free(frame, Order(0), lists);
  meter.Add(Primitive::kFrameFreed);
}

}  // namespace pageward::sim
