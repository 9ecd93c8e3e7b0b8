#include "runtime/frame/zone.h"

#include "runtime/core/text.h"

namespace pageward::frame {

void Zone::AddBlocks(BlockRange blocks, Mobility mobility) {
  PW_CHECK(std::uint64_t{blocks.begin.value} + blocks.count <= blocks_.block_count(),
           Violation::kForeignFrame, blocks.begin.value);
  for (BlockNumber block = blocks.begin; block < blocks.end(); ++block.value) {
    PW_CHECK(!blocks_.IsManaged(block), Violation::kRunMismatch, block.value);
  }
  blocks_.Manage(blocks, mobility);
  managed_frames_ += blocks.frames().count;
  buddy_.Free(blocks.frames());
}

void Zone::MakeRun(FrameRange range, Mobility mobility) {
  table_.Store(range.begin, FrameRecord::Run(range.count, mobility));
  held_frames_ += range.count;
}

void Zone::FreeListed(FrameNumber head, Order order) {
  table_.Store(head, FrameRecord());
  held_frames_ -= order.frames();
  buddy_.Free(FrameRange{head, order.frames()});
}

void Zone::DieOfMismatch(FrameRange run) const {
  Text<160> message;
  message.Append("frames ").AppendHex(run.begin.value).Append("+").AppendHex(run.count.value);
  const bool is_outside = run.IsEmpty() || !table_.Contains(run.begin) ||
                          !table_.Contains(FrameNumber(run.begin.value + (run.count.value - 1)));
  const auto piece = table_.PieceOf(run.begin);
  if (is_outside || !piece.has_value()) {
    message.Append(" are not in the zone");
    Fatal(Violation::kForeignFrame, message.view());
  }
  const bool is_run = piece->record.state() == FrameState::kRun;
  message.Append(is_run ? " are not the run " : " lie in the free block ");
  message.AppendHex(piece->range.begin.value).Append("+").AppendHex(piece->range.count.value);
  Fatal(is_run ? Violation::kRunMismatch : Violation::kDoubleFree, message.view());
}

void Zone::CheckRun(FrameRange run) const {
  if (!table_.Contains(run.begin) || run.IsEmpty() || !table_.Load(run.begin).IsRunOf(run.count))
      [[unlikely]] {
    DieOfMismatch(run);
  }
}

void Zone::FreeRun(FrameRange run) {
  CheckRun(run);
  table_.Store(run.begin, FrameRecord());
  held_frames_ -= run.count;
  buddy_.Free(run);
}

bool Zone::CanGrowInto(const BlockFlags& run, FrameNumber frame) const {
  const BlockFlags flags = blocks_.FlagsOf(frame.block());
  return table_.Load(frame).state() == FrameState::kFree && !flags.is_isolated() &&
         CanMerge(run.freetype(), flags.freetype());
}

Status Zone::GrowRun(FrameRange run, FrameCount extra) {
  CheckRun(run);
  const std::uint64_t zone_frames =
      BlockRange{BlockNumber(0), blocks_.block_count()}.frames().count.value;
  if (std::uint64_t{run.end().value} + extra.value > zone_frames) {
    return Error::kNoFrames;
  }
  const FrameRange grown{run.begin, run.count + extra};
  const BlockFlags flags = blocks_.FlagsOf(run.begin.block());
  FrameNumber end = run.end();
  while (end < grown.end()) {
    if (!CanGrowInto(flags, end)) {
      return Error::kNoFrames;
    }
    end = end + table_.Load(end).frames();
  }
  const FrameRange rest{grown.end(), end - grown.end()};
  if (!rest.IsEmpty() && !table_.EnsureRecord(rest.begin)) {
    return Error::kNoMemory;
  }
  TakeRegion(FrameRange{run.end(), end - run.end()});
  buddy_.FreeRest(rest);
  table_.Store(run.begin, FrameRecord::Run(grown.count, table_.Load(run.begin).mobility()));
  held_frames_ += extra;
  return {};
}

Status Zone::SplitRun(FrameRange run, FrameCount first) {
  CheckRun(run);
  PW_CHECK(first.value > 0 && first < run.count, Violation::kRunMismatch, run.begin.value);
  const FrameRange second{run.begin + first, run.count - first};
  if (!table_.EnsureRecord(second.begin)) {
    return Error::kNoMemory;
  }
  const Mobility mobility = table_.Load(run.begin).mobility();
  table_.Store(second.begin, FrameRecord::Run(second.count, mobility));
  table_.Store(run.begin, FrameRecord::Run(first, mobility));
  return {};
}

Status Zone::MergeRuns(FrameRange first, FrameRange second) {
  CheckRun(first);
  CheckRun(second);
  PW_CHECK(first.end() == second.begin, Violation::kRunMismatch, second.begin.value);
  if (!CanMerge(blocks_.FreetypeOf(first.begin.block()),
                blocks_.FreetypeOf(second.begin.block()))) {
    return Error::kInvalid;
  }
  const Mobility mobility = table_.Load(first.begin).mobility();
  table_.Store(second.begin, FrameRecord());
  table_.Store(first.begin, FrameRecord::Run(first.count + second.count, mobility));
  return {};
}

Status Zone::Isolate(BlockNumber block) {
  if (!blocks_.IsManaged(block)) {
    return Error::kInvalid;
  }
  const BlockFlags flags = blocks_.FlagsOf(block);
  if (flags.is_converting() || flags.is_isolated()) {
    return Error::kInUse;
  }
  buddy_.Isolate(block);
  return {};
}

Status Zone::Unisolate(BlockNumber block) {
  if (!blocks_.IsManaged(block) || !blocks_.FlagsOf(block).is_isolated()) {
    return Error::kInvalid;
  }
  buddy_.Unisolate(block);
  return {};
}

}  // namespace pageward::frame
