#include "runtime/sim/compactor.h"

#include "runtime/sim/cpu.h"

namespace pageward::sim {

using frame::FrameState;
using frame::Mobility;
using frame::Request;
using frame::RequestFlag;

bool Compactor::IsCandidate(BlockNumber block, std::uint32_t* used) const {
  const frame::BlockFlags flags = frames_->FlagsOf(block);
  if (!flags.is_managed() || flags.is_isolated() || flags.is_converting() ||
      !flags.freetype().IsMapped() || flags.is_skipped()) {
    return false;
  }
  *used = 0;
  const FrameRange frames = BlockRange{block, 1}.frames();
  for (FrameNumber frame = frames.begin; frame < frames.end();) {
    const auto report = frames_->Describe(frame);
    if (!report || report->piece.count.value > kPageblockFrames) {
      return false;
    }
    if (report->state == FrameState::kRun) {
      if (report->piece.count.value != 1 || !users_.OnlyUserOf(frame)) {
        return false;
      }
      ++*used;
    } else if (report->state != FrameState::kFree) {
      return false;
    }
    frame = report->piece.end();
  }
  return *used > 0;
}

bool Compactor::MoveRun(FrameRange run) {
  const auto user = users_.OnlyUserOf(run.begin);
  if (!user) {
    return false;
  }
  const Request request = Request::Mapped(Mobility::kMovable).With(RequestFlag::kMayNotBlock);
  const Result<FrameNumber> to = frames_->Allocate(Order(0), request);
  if (!to.ok()) {
    return false;
  }
  if (!mover_->Move(run.begin, *to, *user)) {
    frames_->Free(*to, Order(0));
    return false;
  }
  frames_->FreeRun(run);
  ++moved_frames_;
  CurrentCpu().meter().Add(Tally::kFrameMoved);
  CurrentCpu().meter().Add(Primitive::kFrameCopied);
  return true;
}

bool Compactor::Empty(BlockNumber block) {
  // So that what is moved does not land in the very block, and nobody takes what becomes free.
  if (!frames_->Isolate(block).ok()) {
    return false;
  }
  bool is_empty = true;
  const FrameRange frames = BlockRange{block, 1}.frames();
  for (FrameNumber frame = frames.begin; is_empty && frame < frames.end();) {
    const auto report = frames_->Describe(frame);
    is_empty = report && (report->state == FrameState::kFree ||
                          (report->state == FrameState::kRun && MoveRun(report->piece)));
    frame = report ? report->piece.end() : frames.end();
  }
  const Status back = frames_->Unisolate(block);
  PW_CHECK(back.ok(), Violation::kInvariant, block.value);
  return is_empty;
}

bool Compactor::MakeFreeBlock(Order order) {
  if (mover_ == nullptr || frames_ == nullptr || order > kPageblockOrder ||
      !CurrentCpu().MayCompact()) {
    return false;
  }
  for (std::uint32_t looks = 0; looks < kMostLooks && looks < block_count_; ++looks) {
    const BlockNumber block(next_block_);
    next_block_ = next_block_ + 1 < block_count_ ? next_block_ + 1 : 0;
    std::uint32_t used = 0;
    if (IsCandidate(block, &used) && Empty(block)) {
      return true;
    }
  }
  return false;
}

}  // namespace pageward::sim
