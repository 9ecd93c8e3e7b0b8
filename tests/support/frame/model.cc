#include "tests/support/frame/model.h"

#include <algorithm>

namespace pageward::testing_support {

using frame::CanMerge;
using frame::FrameState;
using frame::Freetype;
using frame::Mobility;
using frame::OwnerId;
using frame::Request;
using frame::RequestFlag;
using frame::RequestFlags;
using frame::Visibility;

FrameModel::FrameModel(std::uint32_t blocks)
    : block_limit_(blocks),
      zone_(blocks, TestZone::Start::kNoBlocks),
      owners_{std::make_unique<frame::OwnerLists>(OwnerId(1)),
              std::make_unique<frame::OwnerLists>(OwnerId(2))},
      writers_(std::size_t{blocks} * kPageblockFrames),
      settings_(blocks, Freetype::Mapped(Mobility::kMovable)) {
  for (const auto& owner : owners_) {
    zone_.allocator().RegisterOwner(*owner);
  }
  zone_.allocator().Attach(lists_);
  AddBlocks(blocks / 2);
}

FrameModel::~FrameModel() {
  zone_.converter().StopFailing();
  zone_.leaves().StopFailing();
  zone_.allocator().Detach(lists_);
  zone_.FreeAllRuns();
  for (const std::uint32_t block : isolated_) {
    static_cast<void>(zone_.allocator().Unisolate(BlockNumber(block)));
  }
  for (const auto& owner : owners_) {
    zone_.allocator().ReturnFreeBlocks(Request::Keyed(*owner));
    static_cast<void>(zone_.allocator().UnregisterOwner(*owner));
  }
}

void FrameModel::Require(bool condition, const char* what, std::uint32_t object) const {
  if (!condition) {
    throw ModelError(std::string(what) + ": " + std::to_string(object));
  }
}

Request FrameModel::RequestFor(MemoryKind kind, std::uint32_t flags) {
  frame::OwnerLists* owner = kind == MemoryKind::kKeyedA   ? owners_[0].get()
                             : kind == MemoryKind::kKeyedB ? owners_[1].get()
                                                           : nullptr;
  return Request(TypeOf(kind), owner, RequestFlags(flags & kFlags));
}

Freetype FrameModel::TypeOf(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::kMovable:
      return Freetype::Mapped(Mobility::kMovable);
    case MemoryKind::kUnmovable:
      return Freetype::Mapped(Mobility::kUnmovable);
    case MemoryKind::kReclaimable:
      return Freetype::Mapped(Mobility::kReclaimable);
    case MemoryKind::kUnmapped:
      return Freetype::Unmapped();
    case MemoryKind::kKeyedA:
      return Freetype::Keyed(owners_[0]->id());
    case MemoryKind::kKeyedB:
      return Freetype::Keyed(owners_[1]->id());
  }
  throw ModelError("no such kind of memory");
}

FrameModel::Runs::iterator FrameModel::Pick(std::uint32_t which) {
  if (runs_.empty()) {
    return runs_.end();
  }
  return std::next(runs_.begin(), static_cast<std::ptrdiff_t>(which % runs_.size()));
}

// --- What the reference knows ------------------------------------------------------------------

void FrameModel::NoteAllocated(FrameRange range, MemoryKind kind) {
  const Freetype type = TypeOf(kind);
  for (std::uint32_t i = 0; i < range.count.value; ++i) {
    const FrameNumber frame = range.begin + FrameCount(i);
    Require(idle_.erase(frame.value) == 1, "a frame that somebody has was handed out", frame.value);
    Require(zone_.converter().IsPresent(frame) == type.IsMapped(), "wrong visibility", frame.value);
    Require(CanMerge(zone_.TypeOf(frame), type), "wrong freetype", frame.value);
    Require(!isolated_.contains(frame.block().value), "from an isolated pageblock", frame.value);
    auto& writer = writers_[frame.value];
    if (!zone_.converter().IsZero(frame)) {
      // What was in mapped memory was for everybody.
      Require(writer.has_value() && (writer->IsMapped() || CanMerge(*writer, type)),
              "somebody else's data", frame.value);
    }
    zone_.converter().Write(frame);
    writer = type;
  }
  runs_[range.begin.value] = Run{range.count.value, kind};
}

void FrameModel::NoteFreed(Runs::iterator run) {
  for (std::uint32_t i = 0; i < run->second.frames; ++i) {
    Require(idle_.insert(run->first + i).second, "a free frame was freed", run->first + i);
  }
  runs_.erase(run);
}

bool FrameModel::IsFreeHere(std::uint32_t frame, Freetype like) {
  const std::uint32_t block = FrameNumber(frame).block().value;
  // Frames in the lists of the thread are nobody's, but not the allocator's either.
  return idle_.contains(frame) && !isolated_.contains(block) && CanMerge(settings_[block], like) &&
         zone_.allocator().Describe(FrameNumber(frame))->state == FrameState::kFree;
}

bool FrameModel::HasPlace(std::uint32_t order, Freetype like, Match match) {
  const std::uint32_t frames = Order(order).frames().value;
  for (std::uint32_t begin = 0; begin + frames <= blocks_ * kPageblockFrames; begin += frames) {
    std::uint32_t free = 0;
    while (free < frames && IsFreeHere(begin + free, like) &&
           (match == Match::kVisibility || zone_.TypeOf(FrameNumber(begin + free)) == like)) {
      ++free;
    }
    if (free == frames) {
      return true;
    }
  }
  return false;
}

bool FrameModel::CanConvertFor(std::uint32_t order, MemoryKind kind) {
  const std::uint32_t whole = std::max(order, kPageblockFramesLog2);
  const Freetype wanted = TypeOf(kind);
  const bool from_mapped =
      !wanted.IsMapped() && HasPlace(whole, Freetype::Mapped(Mobility::kMovable));
  const bool from_unmapped =
      wanted.visibility != Visibility::kUnmapped && HasPlace(whole, Freetype::Unmapped());
  return from_mapped || from_unmapped;
}

void FrameModel::CheckOrigin(FrameNumber frame, MemoryKind kind, std::uint32_t flags) {
  if (RequestFlags(flags & kFlags).Has(RequestFlag::kNoFallback)) {
    Require(zone_.TypeOf(frame) == TypeOf(kind), "fell back", frame.value);
  }
}

// An allocation failed: was there really nothing?
void FrameModel::CheckError(Error error, std::uint32_t order, MemoryKind kind,
                            std::uint32_t flags) {
  if (error == Error::kNoMemory) {
    Require(is_failing_, "failed without a reason", order);
    return;
  }
  Require(error == Error::kNoFrames || error == Error::kWouldBlock, "an odd error", order);
  const Match match = RequestFlags(flags & kFlags).Has(RequestFlag::kNoFallback)
                          ? Match::kFreetype
                          : Match::kVisibility;
  Require(!HasPlace(order, TypeOf(kind), match), "failed beside free frames", order);
  if (RequestFlags(flags & kFlags).ForbidsBlocking()) {
    Require(error == Error::kWouldBlock, "did not say that it might block", order);
  } else {
    Require(error == Error::kNoFrames, "said that it might block", order);
    Require(!CanConvertFor(order, kind), "failed beside free pageblocks to convert", order);
  }
}

// Pageblocks may only change their visibility while all of them is free.
void FrameModel::CheckSettings() {
  for (std::uint32_t block = 0; block < blocks_; ++block) {
    const Freetype now = zone_.allocator().FlagsOf(BlockNumber(block)).freetype();
    Require(frame::HasLists(now), "a freetype without lists", block);
    Require(CanMerge(zone_.converter().SettingOf(BlockNumber(block)), now),
            "mapped otherwise than the freetype says", block);
    if (!CanMerge(now, settings_[block])) {
      const std::uint32_t first = block * kPageblockFrames;
      for (const auto& [begin, run] : runs_) {
        const bool is_new = TypeOf(run.kind).visibility == now.visibility;
        Require(is_new || begin >= first + kPageblockFrames || begin + run.frames <= first,
                "a pageblock was converted under a run", begin);
      }
    }
    settings_[block] = now;
  }
}

void FrameModel::CheckCounters() {
  const frame::Counters counters = zone_.allocator().counters();
  std::uint32_t live = 0;
  for (const auto& [begin, run] : runs_) {
    live += run.frames;
  }
  FrameCount free = counters.isolated_frames;
  for (const Visibility visibility :
       {Visibility::kMapped, Visibility::kKeyed, Visibility::kUnmapped}) {
    free += counters.free_frames[visibility];
  }
  Require(counters.live_frames == FrameCount(live), "live frames", live);
  Require(counters.listed_frames == lists_.held_frames(), "listed frames", live);
  Require(counters.converting_frames == FrameCount(0), "converting frames", live);
  Require((free + counters.listed_frames).value + live == blocks_ * kPageblockFrames, "all frames",
          free.value);
}

void FrameModel::CheckAll() {
  zone_.allocator().CheckInvariantsAtRest();
  const std::uint32_t end = blocks_ * kPageblockFrames;
  for (std::uint32_t frame = 0; frame < end;) {
    const auto report = zone_.allocator().Describe(FrameNumber(frame));
    Require(report.has_value() && report->piece.begin.value == frame, "no piece", frame);
    const auto run = runs_.find(frame);
    Require((report->state == FrameState::kRun) == (run != runs_.end()), "run or not", frame);
    if (run != runs_.end()) {
      Require(report->piece.count.value == run->second.frames, "length of a run", frame);
    } else {
      const auto first = idle_.find(frame);
      Require(first != idle_.end(), "free or not", frame);
      Require(std::distance(first, idle_.lower_bound(report->piece.end().value)) ==
                  static_cast<std::ptrdiff_t>(report->piece.count.value),
              "length of a free piece", frame);
    }
    frame = report->piece.end().value;
  }
}

// --- Operations --------------------------------------------------------------------------------

void FrameModel::Allocate(std::uint32_t order, MemoryKind kind, Via via, std::uint32_t flags) {
  const Request request = RequestFor(kind, flags);
  frame::PageAllocator& allocator = zone_.allocator();
  const Result<FrameNumber> frame = via == Via::kAllocator
                                        ? allocator.Allocate(Order(order), request)
                                        : allocator.Allocate(Order(order), request, lists_);
  if (frame.ok()) {
    Require(frame->value % Order(order).frames().value == 0, "not aligned", frame->value);
    NoteAllocated(FrameRange{*frame, Order(order).frames()}, kind);
    CheckOrigin(*frame, kind, flags);
  } else {
    CheckError(frame.error(), order, kind, flags);
  }
  CheckSettings();
  CheckCounters();
}

void FrameModel::AllocateRun(std::uint32_t frames, std::uint32_t alignment, MemoryKind kind,
                             std::uint32_t flags) {
  const Result<FrameRange> run =
      zone_.allocator().AllocateRun(FrameCount(frames), Order(alignment), RequestFor(kind, flags));
  if (run.ok()) {
    Require(run->count == FrameCount(frames), "not as long as asked for", run->count.value);
    Require(run->begin.value % Order(alignment).frames().value == 0, "not aligned",
            run->begin.value);
    NoteAllocated(*run, kind);
    CheckOrigin(run->begin, kind, flags);
  } else {
    CheckError(run.error(), std::max(CeilLog2(frames), alignment), kind, flags);
  }
  CheckSettings();
  CheckCounters();
}

void FrameModel::Free(std::uint32_t which, Via via) {
  const auto run = Pick(which);
  if (run == runs_.end()) {
    return;
  }
  const FrameRange range{FrameNumber(run->first), FrameCount(run->second.frames)};
  if (via == Via::kThreadLists && IsPowerOfTwo(range.count.value)) {
    zone_.allocator().Free(range.begin, Order(FloorLog2(range.count.value)), lists_);
  } else {
    zone_.allocator().FreeRun(range);
  }
  NoteFreed(run);
  CheckSettings();
  CheckCounters();
}

void FrameModel::Grow(std::uint32_t which, std::uint32_t extra) {
  const auto run = Pick(which);
  if (run == runs_.end()) {
    return;
  }
  const FrameRange range{FrameNumber(run->first), FrameCount(run->second.frames)};
  bool can_grow = true;
  for (std::uint32_t i = 0; i < extra; ++i) {
    can_grow = can_grow && IsFreeHere(range.end().value + i, TypeOf(run->second.kind));
  }
  const Status grown = zone_.allocator().GrowRun(range, FrameCount(extra));
  if (grown.ok()) {
    Require(can_grow, "grew into frames that are not free", range.begin.value);
    const Run before = run->second;
    runs_.erase(run);
    NoteAllocated(FrameRange{range.end(), FrameCount(extra)}, before.kind);
    runs_.erase(range.end().value);
    runs_[range.begin.value] = Run{before.frames + extra, before.kind};
  } else if (grown.error() == Error::kNoMemory) {
    Require(is_failing_, "failed without a reason", range.begin.value);
  } else {
    Require(!can_grow, "did not grow into free frames", range.begin.value);
  }
  CheckCounters();
}

void FrameModel::Split(std::uint32_t which, std::uint32_t first) {
  const auto run = Pick(which);
  if (run == runs_.end() || run->second.frames == 1) {
    return;
  }
  const FrameCount frames(1 + first % (run->second.frames - 1));
  const FrameRange range{FrameNumber(run->first), FrameCount(run->second.frames)};
  const Status split = zone_.allocator().SplitRun(range, frames);
  if (split.ok()) {
    runs_[range.begin.value + frames.value] =
        Run{run->second.frames - frames.value, run->second.kind};
    run->second.frames = frames.value;
  } else {
    Require(is_failing_ && split.error() == Error::kNoMemory, "could not split", run->first);
  }
}

void FrameModel::Merge(std::uint32_t which) {
  const auto run = Pick(which);
  if (run == runs_.end()) {
    return;
  }
  const auto next = std::next(run);
  if (next == runs_.end() || next->first != run->first + run->second.frames) {
    return;
  }
  const Status merged = zone_.allocator().MergeRuns(
      FrameRange{FrameNumber(run->first), FrameCount(run->second.frames)},
      FrameRange{FrameNumber(next->first), FrameCount(next->second.frames)});
  const bool can_merge = CanMerge(TypeOf(run->second.kind), TypeOf(next->second.kind));
  Require(merged.ok() == can_merge, "merged or not", run->first);
  if (merged.ok()) {
    run->second.frames += next->second.frames;
    runs_.erase(next);
  }
}

void FrameModel::Isolate(std::uint32_t block) {
  // More than a few would leave nothing to allocate.
  if (isolated_.size() >= 2) {
    return;
  }
  const bool is_isolated = zone_.allocator().Isolate(BlockNumber(block % blocks_)).ok();
  Require(is_isolated == isolated_.insert(block % blocks_).second, "isolated or not", block);
}

void FrameModel::Unisolate(std::uint32_t block) {
  const bool was_isolated = zone_.allocator().Unisolate(BlockNumber(block % blocks_)).ok();
  Require(was_isolated == (isolated_.erase(block % blocks_) == 1), "was isolated or not", block);
  CheckSettings();
}

void FrameModel::ReturnBlocks(MemoryKind kind) {
  if (TypeOf(kind).IsMapped()) {
    return;
  }
  zone_.allocator().ReturnFreeBlocks(RequestFor(kind, 0));
  CheckSettings();
  Require(is_failing_ || !HasPlace(kPageblockFramesLog2, TypeOf(kind)), "blocks were kept", 0);
}

void FrameModel::TrimLeaf(std::uint32_t block) {
  static_cast<void>(zone_.allocator().TrimLeaf(BlockNumber(block % blocks_)));
  Require(zone_.allocator().counters().leaves == zone_.leaves().outside(), "leaves", block);
}

void FrameModel::Drain() {
  zone_.allocator().Drain(lists_);
  Require(lists_.held_frames() == FrameCount(0), "lists hold frames", 0);
  CheckCounters();
}

void FrameModel::AddBlocks(std::uint32_t count) {
  const std::uint32_t added = std::min(count, block_limit_ - blocks_);
  zone_.allocator().AddBlocks(BlockRange{BlockNumber(blocks_), added});
  for (std::uint32_t i = 0; i < added * kPageblockFrames; ++i) {
    idle_.insert(blocks_ * kPageblockFrames + i);
  }
  blocks_ += added;
  CheckSettings();
}

void FrameModel::FailConverter(std::uint32_t after) {
  zone_.converter().FailAfter(after, Error::kNoMemory);
  is_failing_ = true;
}

void FrameModel::FailSet(std::uint32_t blocks) {
  zone_.converter().FailSetAfterBlocks(blocks, Error::kNoMemory);
  is_failing_ = true;
}

void FrameModel::FailLeaves(std::uint32_t after) {
  zone_.leaves().FailAfter(after);
  is_failing_ = true;
}

void FrameModel::StopFailing() {
  zone_.converter().StopFailing();
  zone_.leaves().StopFailing();
  is_failing_ = false;
}

}  // namespace pageward::testing_support
