// Giving table pages back to the page allocator.
#include "runtime/core/check.h"
#include "runtime/sim/ptp_pool.h"

namespace pageward::sim {

using frame::Freetype;
using frame::Request;

namespace {

constexpr FrameRange Only(FrameNumber frame) {
  return FrameRange{frame, FrameCount(1)};
}

// A pageblock that is the pool's and of which every frame is in the cache.
std::optional<BlockNumber> FindFreeBlockIn(const ptable::PtpReserve& reserve,
                                           const frame::PageAllocator& frames) {
  std::optional<BlockNumber> found;
  reserve.VisitWhile([&](FrameNumber frame) {
    const bool is_whole = reserve.CountIn(frame.block()) == kPageblockFrames &&
                          frames.FlagsOf(frame.block()).freetype() == Freetype::Keyed(kTableOwner);
    if (is_whole) {
      found = frame.block();
    }
    return !is_whole;
  });
  return found;
}

}  // namespace

bool PtpPool::IsLoose(FrameNumber frame) const {
  const auto report = frames_.Describe(frame);
  return report && report->state == frame::FrameState::kRun && !report->freetype.IsKeyed();
}

std::optional<BlockNumber> PtpPool::FindFreeBlock() const {
  return FindFreeBlockIn(reserve_, frames_);
}

std::optional<FrameNumber> PtpPool::FindLoose() const {
  std::optional<FrameNumber> found;
  reserve_.VisitWhile([&](FrameNumber frame) {
    if (IsLoose(frame)) {
      found = frame;
    }
    return !found.has_value();
  });
  return found;
}

bool PtpPool::ReleaseLoose(FrameNumber frame) {
  const auto changed = memory_.machine().Fails(FaultPoint::kBlockProtected)
                           ? Result<ptable::Changes>(Error::kNoMemory)
                           : map_.Change(Only(frame), kFromTables, FlushWhen::kNow);
  if (!changed.ok()) {
    MutexLock lock(pool_);
    reserve_.Put(frame);
    return false;
  }
  accounts_.Move(frame, kPoolAccount, kNobody);
  frames_.Free(frame, Order(0));
  CurrentCpu().meter().Add(Primitive::kFrameFreed);
  return true;
}

std::uint64_t PtpPool::Shrink(std::uint64_t wanted) {
  std::uint64_t released = 0;
  MutexLock refill(refill_);
  while (released < wanted) {
    std::optional<BlockNumber> block;
    std::optional<FrameNumber> loose;
    {
      MutexLock lock(pool_);
      block = FindFreeBlock();
      const FrameRange whole = BlockRange{block.value_or(BlockNumber()), 1}.frames();
      if (block && !reserve_.TryTakeWhole(whole, kUnshrinkable)) {
        break;  // Only a part of it may go, and then none does.
      }
      if (!block) {
        loose = FindLoose();
        if (!loose || !reserve_.TryTakeWhole(Only(*loose), kUnshrinkable)) {
          break;
        }
      }
    }
    if (block) {
      const FrameRange whole = BlockRange{*block, 1}.frames();
      for (FrameNumber frame = whole.begin; frame < whole.end(); ++frame.value) {
        accounts_.Move(frame, kPoolAccount, kNobody);
      }
      frames_.FreeRun(whole);
      // If changing it back fails, it stays the pool's, free: the next refill takes it first.
      static_cast<void>(frames_.ReturnFreeBlocks(Request::Keyed(owner_)));
      released += whole.count.value;
    } else if (ReleaseLoose(*loose)) {
      ++released;
    } else {
      break;
    }
  }
  return released;
}

}  // namespace pageward::sim
