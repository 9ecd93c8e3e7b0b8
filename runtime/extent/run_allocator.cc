#include "runtime/extent/run_allocator.h"

#include "runtime/core/bits.h"

namespace pageward::extent {
namespace {

using frame::Mobility;
using frame::Request;
using frame::RequestFlag;
using space::Backing;

// The zone grows by this much at least, by an eighth of what it has beyond that, and by no more
// than 1 GiB if nobody asks for more: growing is two system calls, and costs nothing until used.
constexpr std::uint32_t kLeastGrowthBlocks = 32;
constexpr std::uint32_t kMostGrowthBlocks = 512;

// Runs below this many frames are so cheap to use that a system call for each one counts.
constexpr std::uint32_t kSmallFrames = 16;
constexpr std::uint64_t kSmallBytes = FrameCount(kSmallFrames).bytes();

Order OrderOf(std::uint64_t alignment) {
  return Order(alignment <= kFrameBytes ? 0 : FloorLog2(alignment) - kFrameBytesLog2);
}

// Runs below the size for huge pages stay where they are: slabs and buffers among each other. Large
// ones come and go as wholes and would break up the blocks of the others.
constexpr Mobility MobilityFor(Backing backing) {
  return backing == Backing::kHugePages ? Mobility::kMovable : Mobility::kUnmovable;
}

}  // namespace

FrameRange RunAllocator::FramesOf(VirtRange range) const {
  const VirtRange zone = zone_.range();
  PW_CHECK(range.bytes > 0 && IsAligned<std::uint64_t>(range.bytes, kFrameBytes) &&
               IsAligned<std::uint64_t>(range.begin.value(), kFrameBytes),
           Violation::kRunMismatch, range.begin.value());
  PW_CHECK(zone.Contains(range.begin) && range.bytes <= zone.end() - range.begin,
           Violation::kForeignPointer, range.begin.value());
  const std::uint64_t first = (range.begin - zone.begin) >> kFrameBytesLog2;
  return FrameRange{FrameNumber(static_cast<std::uint32_t>(first)), FramesFor(range.bytes)};
}

// What is keyed lies in runs as well, which are table pages and none of the heap's.
std::optional<FrameRange> RunAllocator::HeapRunContaining(FrameNumber frame) const {
  const std::optional<frame::FrameReport> found = frames_.Describe(frame);
  const bool is_heap =
      found && found->state == frame::FrameState::kRun && found->freetype.IsMapped();
  return is_heap ? std::optional(found->piece) : std::nullopt;
}

// --- Allocating ----------------------------------------------------------------------------------

Result<FrameRange> RunAllocator::AllocateFrames(FrameCount count, Order alignment,
                                                Backing backing) {
  const Request request = Request::Mapped(MobilityFor(backing)).With(RequestFlag::kNoConversion);
  const Request unmixed = request.With(RequestFlag::kNoFallback);
  for (;;) {
    const Result<FrameRange> found = frames_.AllocateRun(count, alignment, unmixed);
    // More pageblocks are no help where what is wanting is memory for the frame table.
    if (found.ok() || found.error() == Error::kInvalid || found.error() == Error::kNoMemory) {
      return found;
    }
    if (const Status grown = Grow(count, alignment, backing); !grown.ok()) {
      // At the end of the zone each kind takes from the other.
      Result<FrameRange> last = frames_.AllocateRun(count, alignment, request);
      if (!last.ok()) {
        CloseFreedRuns();
        FlushQuarantine();
        last = frames_.AllocateRun(count, alignment, request);
      }
      return last.ok() ? last : Result<FrameRange>(grown.error());
    }
  }
}

Status RunAllocator::Grow(FrameCount count, Order alignment, Backing backing) {
  const std::uint32_t used = static_cast<std::uint32_t>(
      used_bytes_.load(std::memory_order_relaxed) >> kPageblockBytesLog2);
  std::uint32_t blocks = used / 8 < kLeastGrowthBlocks ? kLeastGrowthBlocks : used / 8;
  blocks = std::bit_floor(blocks < kMostGrowthBlocks ? blocks : kMostGrowthBlocks);
  // A run of any order below the top one is cut from a block that is aligned as a whole.
  const std::uint32_t needed = DivideRoundUp(count.value, kPageblockFrames);
  const std::uint32_t aligned = DivideRoundUp(alignment.frames().value, kPageblockFrames);
  std::uint32_t whole = needed > aligned ? needed : aligned;
  const std::uint32_t top = kMaxOrder.frames().value / kPageblockFrames;
  whole = whole <= top ? std::bit_ceil(whole) : AlignUp(whole, top);
  const Result<BlockRange> grown = zone_.Grow(backing, whole > blocks ? whole : blocks);
  if (!grown.ok() && whole < blocks) {
    // Near the end of the zone, or of what the system grants, less may do.
    return AddGrown(zone_.Grow(backing, whole), backing);
  }
  return AddGrown(grown, backing);
}

Status RunAllocator::AddGrown(const Result<BlockRange>& grown, Backing backing) {
  if (!grown.ok()) {
    return grown.error();
  }
  frames_.AddBlocks(*grown, MobilityFor(backing));
  return Status();
}

Result<VirtRange> RunAllocator::Allocate(std::uint64_t bytes, std::uint64_t alignment) {
  const Result<VirtRange> run = AllocateUsable(bytes, alignment);
  NoteAllocated(run, bytes, alignment);
  return run;
}

void RunAllocator::NoteAllocated(const Result<VirtRange>& run, std::uint64_t bytes,
                                 std::uint64_t alignment) {
  if (observer_ == nullptr) [[likely]] {
    return;
  }
  // No zone has as many frames as a request may ask for in vain.
  const std::uint64_t most = FrameCount(~0u).bytes();
  const FrameRange wanted{FrameNumber(0), FramesFor(bytes < most ? bytes : most)};
  const unsigned log2 = alignment <= kFrameBytes ? 0 : FloorLog2(alignment) - kFrameBytesLog2;
  NoteIf(run.ok(), RunEventKind::kAllocated, run.ok() ? FramesOf(*run) : wanted, FrameCount(0),
         Order(log2 < kMaxOrder.value() ? log2 : kMaxOrder.value()));
}

Result<VirtRange> RunAllocator::AllocateUsable(std::uint64_t bytes, std::uint64_t alignment) {
  PW_ASSERT(bytes > 0 && bytes % kFrameBytes == 0 && IsPowerOfTwo(alignment));
  const std::uint64_t zone_bytes = zone_.range().bytes;
  if (bytes > zone_bytes || alignment > kMaxOrder.frames().bytes()) {
    return Error::kNoAddressSpace;
  }
  const Backing backing =
      bytes >= options_.large_from_bytes ? Backing::kHugePages : Backing::kSmallPages;
  const Result<FrameRange> frames = AllocateFrames(FramesFor(bytes), OrderOf(alignment), backing);
  if (!frames.ok()) {
    return frames.error();
  }
  if (const Status usable = Open(*frames); !usable.ok()) {
    static_cast<void>(zone_.MakeGone(*frames));
    frames_.FreeRun(*frames);
    return usable.error();
  }
  NoteUsed(bytes);
  allocated_runs_.fetch_add(1, std::memory_order_relaxed);
  return zone_.AddressesOf(*frames);
}

std::optional<VirtRange> RunAllocator::TryReuse(std::uint64_t bytes, std::uint64_t alignment) {
  PW_ASSERT(bytes > 0 && bytes % kFrameBytes == 0 && IsPowerOfTwo(alignment));
  if (!ClosesInBatches(bytes) || alignment > kSmallBytes) {
    return std::nullopt;
  }
  const std::optional<FrameRange> frames = closing_.Take(FramesFor(bytes), OrderOf(alignment));
  if (!frames) {
    return std::nullopt;
  }
  NoteUsed(bytes);
  allocated_runs_.fetch_add(1, std::memory_order_relaxed);
  reused_runs_.fetch_add(1, std::memory_order_relaxed);
  NoteIf(true, RunEventKind::kAllocated, *frames, FrameCount(0), OrderOf(alignment));
  return zone_.AddressesOf(*frames);
}

// Making a small run usable that was gone is a system call, and slabs of a page or a few come in
// numbers. So what is free behind the run is opened with it, up to the next multiple of 64 KiB, and
// given back open: the next runs find it usable.
Status RunAllocator::Open(FrameRange run) {
  const std::uint32_t end = AlignUp(run.end().value, kSmallFrames);
  const FrameCount extra(end - run.end().value);
  const bool is_worth_it = options_.opens_ahead && run.count.value < kSmallFrames &&
                           extra.value > 0 && zone_.IsGone(run.begin);
  if (!is_worth_it || !frames_.GrowRun(run, extra).ok()) {
    return zone_.MakeUsable(run);
  }
  const FrameRange grown{run.begin, run.count + extra};
  const Status usable = zone_.MakeUsable(grown);
  // A free block began at the cut a moment ago, so its record is there: this can't fail.
  const Status cut = frames_.SplitRun(grown, run.count);
  PW_CHECK(cut.ok(), Violation::kInvariant, run.begin.value);
  frames_.FreeRun(FrameRange{run.end(), extra});
  return usable;
}

void RunAllocator::NoteUsed(std::uint64_t bytes) {
  const std::uint64_t now = used_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::uint64_t most = used_bytes_most_.load(std::memory_order_relaxed);
  while (now > most && !used_bytes_most_.compare_exchange_weak(most, now)) {
  }
}

// Takes exactly `frames`, which a run of the caller's ends before: grows that run and cuts it
// again.
bool RunAllocator::TryTakeBehind(FrameRange frames) {
  if (frames.begin == FrameNumber(0)) {
    return false;
  }
  const std::optional<FrameRange> before = HeapRunContaining(frames.begin - FrameCount(1));
  if (!before || before->end() != frames.begin || !frames_.GrowRun(*before, frames.count).ok()) {
    return false;
  }
  const FrameRange both{before->begin, before->count + frames.count};
  // A free block began at the cut a moment ago, so its record is there: this can't fail.
  const Status cut = frames_.SplitRun(both, before->count);
  PW_CHECK(cut.ok(), Violation::kInvariant, frames.begin.value);
  return true;
}

bool RunAllocator::TryAllocateAt(VirtAddr begin, std::uint64_t bytes) {
  const VirtRange zone = zone_.range();
  if (!zone.Contains(begin) || bytes > zone.end() - begin) {
    return false;
  }
  const FrameRange frames = FramesOf(VirtRange{begin, bytes});
  const bool is_taken = TryTakeUsable(frames);
  NoteIf(is_taken, RunEventKind::kGrown, frames);
  return is_taken;
}

bool RunAllocator::TryTakeUsable(FrameRange frames) {
  if (!TryTakeBehind(frames)) {
    return false;
  }
  if (!zone_.MakeUsable(frames).ok()) {
    static_cast<void>(zone_.MakeGone(frames));
    frames_.FreeRun(frames);
    return false;
  }
  NoteUsed(frames.count.bytes());
  grown_in_place_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// --- Freeing -------------------------------------------------------------------------------------

void RunAllocator::Free(VirtRange run) {
  const FrameRange frames = FramesOf(run);
  Note(RunEventKind::kFreed, frames);
  CheckIsRun(frames);
  used_bytes_.fetch_sub(run.bytes, std::memory_order_relaxed);
  freed_runs_.fetch_add(1, std::memory_order_relaxed);
  if (ClosesInBatches(run.bytes)) {
    CloseBatch(closing_.Put(frames));
  } else {
    Release(frames);
  }
}

bool RunAllocator::ClosesInBatches(std::uint64_t bytes) const {
  return options_.closes_in_batches && bytes < kSmallBytes;
}

void RunAllocator::Release(FrameRange frames) {
  static_cast<void>(zone_.MakeGone(frames));
  quarantine_.Push(frames, [this](FrameRange released) { frames_.FreeRun(released); });
}

// Neighbours are closed as one.
void RunAllocator::CloseBatch(const ClosingRuns::Batch& batch) {
  FrameRange joined;
  for (const FrameRange run : batch.runs()) {
    if (!joined.IsEmpty() && joined.end() == run.begin && frames_.MergeRuns(joined, run).ok()) {
      joined.count += run.count;
      continue;
    }
    if (!joined.IsEmpty()) {
      Release(joined);
    }
    joined = run;
  }
  if (!joined.IsEmpty()) {
    Release(joined);
  }
}

void RunAllocator::CloseFreedRuns() {
  CloseBatch(closing_.TakeAll());
}

// A free that is wrong must be found before the pages are given away.
void RunAllocator::CheckIsRun(FrameRange frames) const {
  const std::optional<FrameRange> run = HeapRunContaining(frames.begin);
  PW_CHECK(run.has_value(), Violation::kDoubleFree, zone_.AddressOf(frames.begin).value());
  PW_CHECK(*run == frames, Violation::kRunMismatch, zone_.AddressOf(frames.begin).value());
  PW_CHECK(!IsWaiting(*run), Violation::kDoubleFree, zone_.AddressOf(frames.begin).value());
}

bool RunAllocator::IsWaiting(FrameRange run) const {
  const FrameNumber frame = run.begin;
  // Looking through the queue takes longer than all the rest of a free. What waits is gone, and the
  // start of a run in use is not, where every freed run can be put out of reach.
  const bool may_wait = zone_.IsGone(frame) || !zone_.PutsAllOutOfReach();
  const bool waits = !quarantine_.IsOff() && may_wait && quarantine_.Contains(frame);
  return waits || (ClosesInBatches(run.count.bytes()) && closing_.Contains(frame));
}

void RunAllocator::FlushQuarantine() {
  quarantine_.Flush([this](FrameRange released) { frames_.FreeRun(released); });
}

// --- Dividing and joining ------------------------------------------------------------------------

bool RunAllocator::TrySplit(VirtRange run, std::uint64_t first_bytes) {
  const FrameRange frames = FramesOf(run);
  const FrameCount lower = FramesFor(first_bytes);
  const bool is_split = frames_.SplitRun(frames, lower).ok();
  NoteIf(is_split, RunEventKind::kSplit, frames, lower);
  return is_split;
}

bool RunAllocator::TryMerge(VirtRange low, VirtRange high) {
  const FrameRange lower = FramesOf(low);
  const FrameRange upper = FramesOf(high);
  const bool is_merged = frames_.MergeRuns(lower, upper).ok();
  NoteIf(is_merged, RunEventKind::kMerged, FrameRange{lower.begin, lower.count + upper.count},
         lower.count);
  return is_merged;
}

void RunAllocator::Decommit(VirtRange part) {
  Note(RunEventKind::kMadeGone, FramesOf(part));
  static_cast<void>(zone_.MakeGone(FramesOf(part)));
}

Status RunAllocator::Commit(VirtRange part) {
  const Status usable = zone_.MakeUsable(FramesOf(part));
  NoteIf(usable.ok(), RunEventKind::kMadeUsable, FramesOf(part));
  return usable;
}

// --- Questions -----------------------------------------------------------------------------------

std::optional<VirtRange> RunAllocator::RunContaining(VirtAddr address) const {
  const VirtRange zone = zone_.range();
  if (!zone.Contains(address)) {
    return std::nullopt;
  }
  const FrameNumber frame(static_cast<std::uint32_t>((address - zone.begin) >> kFrameBytesLog2));
  const std::optional<FrameRange> run = HeapRunContaining(frame);
  if (!run || IsWaiting(*run)) {
    return std::nullopt;
  }
  return zone_.AddressesOf(*run);
}

RunCounters RunAllocator::counters() const {
  const auto load = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  return RunCounters{
      .allocated_runs = load(allocated_runs_),
      .freed_runs = load(freed_runs_),
      .used_bytes = load(used_bytes_),
      .used_bytes_most = load(used_bytes_most_),
      .grown_in_place = load(grown_in_place_),
      .quarantined_bytes = quarantine_.waiting().bytes(),
      .closing_bytes = closing_.held().bytes(),
      .reused_runs = load(reused_runs_),
  };
}

void RunAllocator::LockForFork() {
  closing_.LockForFork();
  quarantine_.LockForFork();
}

void RunAllocator::UnlockAfterFork() {
  quarantine_.UnlockAfterFork();
  closing_.UnlockAfterFork();
}

}  // namespace pageward::extent
