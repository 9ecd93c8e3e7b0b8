#include "runtime/space/table_pool.h"

#include "runtime/core/check.h"

namespace pageward::space {

using frame::Freetype;
using frame::Mobility;
using frame::Request;
using frame::RequestFlag;

namespace {

// By how many pageblocks a zone grows that has no free one: as much as for the first small run, and
// if that can't be had, as little as is needed.
constexpr std::uint32_t kGrowthBlocks[] = {32, 1};

bool IsRun(const frame::PageAllocator& frames, FrameRange range) {
  const auto report = frames.Describe(range.begin);
  return report && report->state == frame::FrameState::kRun && report->piece == range;
}

// A pageblock that was taken as a whole and of which every frame is here.
std::optional<BlockNumber> FindFreeBlockIn(const ptable::PtpReserve& reserve,
                                           const frame::PageAllocator& frames) {
  std::optional<BlockNumber> found;
  reserve.VisitWhile([&](FrameNumber frame) {
    const BlockNumber block = frame.block();
    if (reserve.CountIn(block) == kPageblockFrames &&
        IsRun(frames, BlockRange{block, 1}.frames())) {
      found = block;
    }
    return !found.has_value();
  });
  return found;
}

}  // namespace

// One of the calls of this thread that may refill; a thread is known by where it keeps them.
class TablePool::RefillScope {
 public:
  explicit RefillScope(TablePool& pool) : pool_(pool), outer_(t_innermost) {
    t_innermost = this;
    unsigned depth = 0;
    for (const RefillScope* scope = this; scope != nullptr; scope = scope->outer_) {
      depth += &scope->pool_ == &pool ? 1 : 0;
    }
    unsigned deepest = pool.deepest();
    while (depth > deepest && !pool.deepest_.compare_exchange_weak(deepest, depth)) {
    }
  }
  ~RefillScope() { t_innermost = outer_; }
  RefillScope(const RefillScope&) = delete;
  RefillScope& operator=(const RefillScope&) = delete;

  static ptable::TaskId Me() { return ptable::TaskId{VirtAddr::Of(&t_innermost).value()}; }

 private:
  static constinit thread_local RefillScope* t_innermost;

  TablePool& pool_;
  RefillScope* const outer_;
};

constinit thread_local TablePool::RefillScope* TablePool::RefillScope::t_innermost = nullptr;

TablePool::TablePool(const Memory& memory, PrivateZone& zone, KeyedBlocks& blocks,
                     frame::OwnerId owner, LockRank refill_rank, std::atomic<bool>* is_low)
    : zone_(zone),
      blocks_(blocks),
      owner_(owner),
      is_low_(is_low),
      refill_(refill_rank),
      reserve_(memory, *this) {
  if (is_low_ != nullptr) {
    is_low_->store(true, std::memory_order_relaxed);
  }
}

void TablePool::Connect(frame::PageAllocator& frames) {
  PW_ASSERT(frames_ == nullptr);
  frames_ = &frames;
  frames.RegisterOwner(owner_);
}

void TablePool::NoteSize() {
  if (is_low_ != nullptr) {
    is_low_->store(reserve_.size() < reserve_.shape().reserved(), std::memory_order_relaxed);
  }
}

// --- Pages ---------------------------------------------------------------------------------------

Result<FrameNumber> TablePool::Take() {
  const ptable::TaskId me = RefillScope::Me();
  {
    MutexLock lock(pool_);
    // Who refills holds the other lock already, and gets none.
    if (reserve_.size() > reserve_.shape().reserved() || reserve_.IsRefilling(me)) {
      const Result<FrameNumber> frame = reserve_.Take(me);
      NoteSize();
      return frame;
    }
  }
  const RefillScope scope(*this);
  MutexLock refill(refill_);
  MutexLock lock(pool_);
  const Result<FrameNumber> frame = reserve_.Take(me);
  NoteSize();
  return frame;
}

void TablePool::Put(FrameNumber frame) {
  const auto report = frames_->Describe(frame);
  PW_CHECK(report && report->state == frame::FrameState::kRun && Owns(frame),
           Violation::kForeignFrame, frame.value);
  MutexLock lock(pool_);
  reserve_.Put(frame);
  NoteSize();
}

// --- Splits --------------------------------------------------------------------------------------

Status TablePool::Prepare() {
  if (frames_ == nullptr) {
    return Error::kNoFrames;
  }
  if (IsReady()) {
    return Status();
  }
  const RefillScope scope(*this);
  MutexLock refill(refill_);
  MutexLock lock(pool_);
  const Status prepared = reserve_.Prepare(RefillScope::Me());
  NoteSize();
  return prepared;
}

bool TablePool::IsReady() const {
  MutexLock lock(pool_);
  return reserve_.IsReady(RefillScope::Me());
}

std::optional<FrameNumber> TablePool::TakeForSplit() {
  MutexLock lock(pool_);
  const std::optional<FrameNumber> frame = reserve_.TakeForSplit(RefillScope::Me());
  NoteSize();
  return frame;
}

// --- Refilling -----------------------------------------------------------------------------------

bool TablePool::GrowZone() {
  const auto most = static_cast<std::uint32_t>(zone_.range().bytes / kPageblockBytes);
  for (const std::uint32_t blocks : kGrowthBlocks) {
    const Result<BlockRange> grown =
        zone_.Grow(Backing::kSmallPages, blocks < most ? blocks : most);
    if (grown.ok()) {
      frames_->AddBlocks(*grown, Mobility::kUnmovable);
      return true;
    }
  }
  return false;
}

Result<FrameNumber> TablePool::AllocateWhole() {
  const Request request = Request::Keyed(owner_);
  const Result<FrameNumber> first = frames_->Allocate(kPageblockOrder, request);
  const bool lacks_blocks = !first.ok() && first.error() == Error::kNoFrames;
  return lacks_blocks && GrowZone() ? frames_->Allocate(kPageblockOrder, request) : first;
}

// The analysis cannot know that the reserve calls back with its lock held.
std::optional<FrameNumber> TablePool::Allocate(Order order) PW_NO_THREAD_SAFETY_ANALYSIS {
  pool_.Unlock();
  // Only whole pageblocks are converted. Less comes from those that are the pool's already.
  const Result<FrameNumber> first =
      order >= kPageblockOrder
          ? AllocateWhole()
          : frames_->Allocate(order, Request::Keyed(owner_).With(RequestFlag::kMayNotBlock));
  pool_.Lock();
  return first.ok() ? std::optional(*first) : std::nullopt;
}

// The analysis cannot know that a refill is under way.
Status TablePool::Protect(FrameRange block) PW_NO_THREAD_SAFETY_ANALYSIS {
  // The conversion has done it.
  PW_CHECK(Owns(block.begin), Violation::kFreetype, block.begin.value);
  // Also of a piece: its pageblock may have been refused before.
  return seals_ ? zone_.Seal(BlockRange{block.begin.block(), 1}) : Status();
}

void TablePool::Free(FrameRange block) PW_NO_THREAD_SAFETY_ANALYSIS {
  pool_.Unlock();
  frames_->FreeRun(block);
  pool_.Lock();
}

// --- Pageblocks ----------------------------------------------------------------------------------

// Calls `visit` with each row of neighbouring pageblocks of the pool, until it fails.
template <typename Visit>
Status TablePool::ForEachKeyedRange(Visit visit) const {
  for (const BlockRange grown : zone_.GrownBlocks()) {
    BlockRange found{grown.begin, 0};
    for (BlockNumber block = grown.begin; block <= grown.end(); ++block.value) {
      if (block < grown.end() && Owns(FirstFrameOf(block))) {
        ++found.count;
        continue;
      }
      if (found.count > 0) {
        if (const Status visited = visit(found); !visited.ok()) {
          return visited;
        }
      }
      found = BlockRange{block + 1, 0};
    }
  }
  return Status();
}

Status TablePool::UseKey(arch::Pkey key) {
  MutexLock refill(refill_);
  const Status given =
      ForEachKeyedRange([&](BlockRange blocks) { return zone_.GiveKey(blocks, key); });
  if (given.ok()) {
    blocks_.SetKey(owner_.id(), key);
  }
  return given;
}

Status TablePool::Seal() {
  MutexLock refill(refill_);
  const Status sealed = ForEachKeyedRange([&](BlockRange blocks) { return zone_.Seal(blocks); });
  seals_ = sealed.ok();
  return sealed;
}

std::uint64_t TablePool::bytes() const {
  std::uint64_t bytes = 0;
  static_cast<void>(ForEachKeyedRange([&](BlockRange blocks) {
    bytes += blocks.frames().count.bytes();
    return Status();
  }));
  return bytes;
}

std::uint64_t TablePool::Shrink(std::uint64_t wanted) {
  std::uint64_t released = 0;
  MutexLock refill(refill_);
  while (released < wanted) {
    FrameRange whole;
    {
      MutexLock lock(pool_);
      const std::optional<BlockNumber> block = FindFreeBlockIn(reserve_, *frames_);
      whole = BlockRange{block.value_or(BlockNumber()), 1}.frames();
      if (!block || !reserve_.TryTakeWhole(whole, kUnshrinkable)) {
        break;  // None, or only a part of it may go, and then none does.
      }
      NoteSize();
    }
    frames_->FreeRun(whole);
    // If changing it back fails, it stays the pool's, free: the next refill takes it first.
    if (frames_->ReturnFreeBlocks(Request::Keyed(owner_)) == 0) {
      break;
    }
    released += whole.count.value;
  }
  return released;
}

// --- Questions -----------------------------------------------------------------------------------

std::size_t TablePool::cached() const {
  MutexLock lock(pool_);
  return reserve_.size();
}

ptable::PtpReserveCounters TablePool::counters() const {
  MutexLock lock(pool_);
  return reserve_.counters();
}

void TablePool::CheckInvariants() const {
  MutexLock lock(pool_);
  reserve_.CheckInvariants();
  reserve_.VisitWhile([&](FrameNumber frame) {
    const auto report = frames_->Describe(frame);
    PW_CHECK(report && report->state == frame::FrameState::kRun && Owns(frame),
             Violation::kInvariant, frame.value);
    return true;
  });
}

}  // namespace pageward::space
