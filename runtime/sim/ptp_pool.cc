#include "runtime/sim/ptp_pool.h"

#include "runtime/core/check.h"

namespace pageward::sim {

using frame::Mobility;
using frame::Request;

PtpPool::Memory PtpPool::Memory::CarveFrom(Carver& carver, FrameCount frames) {
  const std::size_t blocks = (frames.value + kPageblockFrames - 1) / kPageblockFrames;
  Memory memory;
  memory.reserve.links = carver.Take<std::uint64_t>(frames.value);
  memory.reserve.block_counts = carver.Take<std::uint16_t>(blocks);
  return memory;
}

PtpPool::PtpPool(const Memory& memory, KernelMemory& kernel_memory, DirectMap& direct_map,
                 frame::PageAllocator& frames, TableAccounts& accounts,
                 const PtpPoolOptions& options)
    : memory_(kernel_memory),
      map_(direct_map),
      frames_(frames),
      accounts_(accounts),
      options_(options),
      reserve_(memory.reserve, *this, options.shape) {
  frames.RegisterOwner(owner_);
  direct_map.UseSplitPages(*this);
}

ptable::TaskId PtpPool::Me() const {
  return ptable::TaskId{CurrentCpu().number().value + std::uint64_t{1}};
}

std::uint8_t& PtpPool::Depth() {
  return depth_[CurrentCpu().number().value];
}

void PtpPool::EnterNesting() {
  CurrentCpu().EnterNesting();
  const std::uint8_t depth = ++Depth();
  if (depth > 1) {
    CurrentCpu().meter().Add(Tally::kNestedRefill);
  }
  if (depth > deepest()) {
    __atomic_store_n(&deepest_, depth, __ATOMIC_RELAXED);
  }
}

void PtpPool::LeaveNesting() {
  --Depth();
  CurrentCpu().LeaveNesting();
}

bool PtpPool::IsProtected(FrameNumber frame) const {
  return !HasKey() || map_.PermissionsOf(frame).key == kTableKey;
}

void PtpPool::Adopt(FrameRange frames) {
  MutexLock lock(pool_);
  for (std::uint32_t i = frames.count.value; i-- > 0;) {
    const FrameNumber frame = frames.begin + FrameCount(i);
    accounts_.Move(frame, kNobody, kPoolAccount);
    reserve_.Put(frame);
  }
}

// --- Handing out and taking back -----------------------------------------------------------------

void PtpPool::HandOut(FrameNumber frame, AccountId account, Use use) {
  accounts_.Move(frame, UsesReserve() ? kPoolAccount : kNobody, account);
  memory_.ZeroTable(frame);
  CurrentCpu().meter().Add(Tally::kTablePageTaken);
  memory_.machine().Note(Event{
      .a = frame.value, .value = use == Use::kSplit ? 1u : 0u, .kind = EventKind::kTableTaken});
}

Result<FrameNumber> PtpPool::Allocate(AccountId account) {
  if (memory_.machine().Fails(FaultPoint::kTablePage)) {
    return Error::kNoFrames;
  }
  const Result<FrameNumber> frame = UsesReserve() ? TakeCached() : TakeOne();
  if (frame.ok()) {
    HandOut(*frame, account, Use::kOrdinary);
  }
  return frame;
}

Result<FrameNumber> PtpPool::TakeCached() {
  {
    MutexLock lock(pool_);
    // Who refills holds the other lock already, and gets none.
    if (reserve_.size() > options_.shape.reserved() || reserve_.IsRefilling(Me())) {
      return reserve_.Take(Me());
    }
  }
  MutexLock refill(refill_);
  MutexLock lock(pool_);
  const Result<FrameNumber> frame = reserve_.Take(Me());
  EndRefill();
  return frame;
}

void PtpPool::Free(FrameNumber frame) {
  Meter& meter = CurrentCpu().meter();
  meter.Add(Tally::kTablePageReturned);
  memory_.machine().Note(Event{.a = frame.value, .kind = EventKind::kTableReturned});
  const AccountId owner = accounts_.OwnerOf(frame);
  accounts_.Move(frame, owner, UsesReserve() ? kPoolAccount : kNobody);
  if (!UsesReserve()) {
    FreeOne(frame);
    return;
  }
  MutexLock lock(pool_);
  reserve_.Put(frame);
}

void PtpPool::SplitSource::Free(PhysAddr table) {
  const FrameNumber frame = pool_.memory_.machine().ram().FrameOf(table);
  if (pool_.UsesReserve()) {
    pool_.Free(frame);
    return;
  }
  // It came from what was prepared, so there is room for it.
  Prepared& prepared = pool_.prepared_[CurrentCpu().number().value];
  pool_.accounts_.Move(frame, kKernelAccount, kNobody);
  prepared.frames[prepared.count++] = frame;
}

// --- The reserve: splits and refills -------------------------------------------------------------

Status PtpPool::Prepare() {
  if (!UsesReserve()) {
    return PrepareOneByOne();
  }
  {
    MutexLock lock(pool_);
    if (reserve_.IsReady(Me())) {
      return {};
    }
  }
  MutexLock refill(refill_);
  MutexLock lock(pool_);
  const Status prepared = reserve_.Prepare(Me());
  EndRefill();
  return prepared;
}

bool PtpPool::IsReady() {
  if (!UsesReserve()) {
    return true;
  }
  MutexLock lock(pool_);
  return reserve_.IsReady(Me());
}

std::optional<PhysAddr> PtpPool::AllocateForSplit() {
  if (memory_.machine().Fails(FaultPoint::kTablePage)) {
    return std::nullopt;
  }
  std::optional<FrameNumber> frame;
  if (UsesReserve()) {
    MutexLock lock(pool_);
    frame = reserve_.TakeForSplit(Me());
  } else {
    Prepared& prepared = prepared_[CurrentCpu().number().value];
    if (prepared.count > 0) {
      frame = prepared.frames[--prepared.count];
    }
  }
  if (!frame) {
    return std::nullopt;
  }
  HandOut(*frame, kKernelAccount, Use::kSplit);
  return memory_.machine().ram().AddressOf(*frame);
}

void PtpPool::BeginRefill() {
  memory_.machine().Note(Event{.value = reserve_.size(), .kind = EventKind::kRefillBegun});
  EnterNesting();
  refill_order_ = ~std::uint64_t{0};
  is_in_refill_ = true;
}

void PtpPool::EndRefill() {
  if (is_in_refill_) {
    is_in_refill_ = false;
    LeaveNesting();
    memory_.machine().Note(
        Event{.a = refill_order_, .value = reserve_.size(), .kind = EventKind::kRefillEnded});
  }
}

// The analysis cannot know that the reserve calls back with its lock held.
std::optional<FrameNumber> PtpPool::Allocate(Order order) PW_NO_THREAD_SAFETY_ANALYSIS {
  if (!is_in_refill_) {
    BeginRefill();
  }
  pool_.Unlock();
  const NoCompaction none;
  // A whole pageblock comes with its key, by conversion. Less comes from ordinary memory, page by
  // page: what is left where no pageblock is.
  const Request request =
      order >= kPageblockOrder ? Request::Keyed(owner_) : Request::Mapped(Mobility::kUnmovable);
  const Result<FrameNumber> first = frames_.Allocate(order, request);
  if (first.ok()) {
    CurrentCpu().meter().Add(Primitive::kFrameAllocated);
    for (std::uint32_t i = 0; order < kPageblockOrder && i + 1 < order.frames().value; ++i) {
      const FrameRange rest{*first + FrameCount(i), FrameCount(order.frames().value - i)};
      // The block has been broken up, so there is a leaf for each of its frames.
      const Status split = frames_.SplitRun(rest, FrameCount(1));
      PW_CHECK(split.ok(), Violation::kInvariant, first->value);
    }
  }
  pool_.Lock();
  return first.ok() ? std::optional(*first) : std::nullopt;
}

Status PtpPool::Protect(FrameRange block) PW_NO_THREAD_SAFETY_ANALYSIS {
  pool_.Unlock();
  Status status;
  if (block.count < FrameCount(kPageblockFrames)) {
    status =
        memory_.machine().Fails(FaultPoint::kBlockProtected) ? Status(Error::kNoMemory) : Status();
    if (status.ok()) {
      const auto changed = map_.Change(block, kToTables, FlushWhen::kNow);
      status = changed.ok() ? Status() : Status(changed.error());
    }
  }
  if (status.ok()) {
    for (FrameNumber frame = block.begin; frame < block.end(); ++frame.value) {
      accounts_.Move(frame, kNobody, kPoolAccount);
    }
    CurrentCpu().meter().Add(Tally::kRefill);
    memory_.machine().Note(
        Event{.a = block.begin.value, .b = block.count.value, .kind = EventKind::kTableProtected});
  }
  pool_.Lock();
  refill_order_ = status.ok() ? FloorLog2(block.count.value) : refill_order_;
  return status;
}

void PtpPool::Free(FrameRange block) PW_NO_THREAD_SAFETY_ANALYSIS {
  pool_.Unlock();
  if (block.count >= FrameCount(kPageblockFrames)) {
    frames_.FreeRun(block);
  } else {
    for (FrameNumber frame = block.begin; frame < block.end(); ++frame.value) {
      frames_.Free(frame, Order(0));
    }
  }
  pool_.Lock();
}

// --- Questions -----------------------------------------------------------------------------------

std::size_t PtpPool::cached() const {
  MutexLock lock(pool_);
  return reserve_.size();
}

ptable::PtpReserveCounters PtpPool::counters() const {
  MutexLock lock(pool_);
  return reserve_.counters();
}

void PtpPool::CheckInvariants() const {
  MutexLock lock(pool_);
  reserve_.CheckInvariants();
  if (!UsesReserve()) {
    return;
  }
  PW_CHECK(accounts_.charges(kPoolAccount) == reserve_.size(), Violation::kInvariant,
           reserve_.size());
  reserve_.VisitWhile([&](FrameNumber frame) {
    PW_CHECK(accounts_.OwnerOf(frame) == kPoolAccount && IsProtected(frame), Violation::kInvariant,
             frame.value);
    return true;
  });
}

}  // namespace pageward::sim
