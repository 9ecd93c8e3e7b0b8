#include "runtime/space/private_zone.h"

#include <cstring>

#include "runtime/core/bits.h"

namespace pageward::space {
namespace {

// A pageblock with a key of its own is a mapping with one on either side, at most.
constexpr std::int32_t kMappingsForKey = 2;

// The pageblocks that lie wholly inside `range`.
BlockRange WholeBlocksIn(FrameRange range) {
  const std::uint32_t begin = DivideRoundUp(range.begin.value, kPageblockFrames);
  const std::uint32_t end = range.end().value / kPageblockFrames;
  return BlockRange{BlockNumber(begin), end > begin ? end - begin : 0};
}

// Empty if `end` lies before `begin`.
FrameRange Between(FrameNumber begin, FrameNumber end) {
  return FrameRange{begin, end > begin ? end - begin : FrameCount(0)};
}

FrameNumber Earlier(FrameNumber a, FrameNumber b) {
  return a < b ? a : b;
}
FrameNumber Later(FrameNumber a, FrameNumber b) {
  return a > b ? a : b;
}

Gone Worse(Gone a, Gone b) {
  return a > b ? a : b;
}

}  // namespace

PrivateZone::PrivateZone(os::Os& os, keys::KeyBroker& keys, const ZoneReservation& reservation,
                         unsigned guarded_table, unsigned protected_table, const Options& options)
    : os_(os),
      keys_(keys),
      reservation_(reservation),
      range_(reservation.frames()),
      block_count_(reservation.block_count()),
      options_(options),
      guarded_(reservation.table(guarded_table).begin.AsPointer<std::uint64_t>()),
      protected_(reservation.table(protected_table).begin.AsPointer<std::uint64_t>()),
      gone_by_(options.gone_by) {
  in_use_.high = block_count_;
}

// --- Growing -----------------------------------------------------------------------------------

Result<BlockRange> PrivateZone::Place(Backing backing, std::uint32_t blocks) const {
  // Natural alignment, so that the buddy can hand the blocks out as one.
  std::uint32_t alignment = std::bit_ceil(blocks);
  const std::uint32_t most = kMaxOrder.frames().value / kPageblockFrames;
  alignment = alignment < most ? alignment : most;
  if (backing == Backing::kSmallPages) {
    const std::uint64_t end = std::uint64_t{AlignUp(in_use_.low, alignment)} + blocks;
    if (end > in_use_.high) {
      return Error::kNoAddressSpace;
    }
    return BlockRange{BlockNumber(in_use_.low), static_cast<std::uint32_t>(end) - in_use_.low};
  }
  if (blocks > in_use_.high - in_use_.low) {
    return Error::kNoAddressSpace;
  }
  const std::uint32_t begin = AlignDown(in_use_.high - blocks, alignment);
  if (begin < in_use_.low) {
    return Error::kNoAddressSpace;
  }
  return BlockRange{BlockNumber(begin), in_use_.high - begin};
}

Result<BlockRange> PrivateZone::Grow(Backing backing, std::uint32_t blocks) {
  PW_ASSERT(blocks > 0 && blocks <= block_count_);
  MutexLock lock(mutex_);
  const Result<BlockRange> place = Place(backing, blocks);
  if (!place.ok()) {
    return place;
  }
  const VirtRange addresses = AddressesOf(place->frames());
  if (const Status status = reservation_.CommitTables(os_, *place); !status.ok()) {
    return status.error();
  }
  if (const Status status = Open(addresses); !status.ok()) {
    return status.error();
  }
  if (backing == Backing::kHugePages && options_.uses_huge_pages) {
    // Advice: where it is not taken the zone works with small pages.
    static_cast<void>(os_.Advise(addresses, os::HugePages::kPreferred));
    CountCall();
  }
  if (backing == Backing::kSmallPages) {
    // The first growth makes two mappings of the reservation, and so does the first huge one.
    NoteMappings(in_use_.low == 0 ? 1 : 0);
    in_use_.low = place->end().value;
  } else {
    NoteMappings(in_use_.high == block_count_ ? 1 : 0);
    in_use_.high = place->begin.value;
  }
  return place;
}

// --- Putting out of reach ----------------------------------------------------------------------

Gone PrivateZone::MakeGone(FrameRange range) {
  PW_ASSERT(!range.IsEmpty());
  const FrameRange whole = WholeBlocksIn(range).frames();
  if (whole.IsEmpty()) {
    return CloseSmall(range);
  }
  // Without pages, the change of protection has nothing to walk.
  const Gone dropped = DropPages(whole);
  Gone gone = Gone::kUnreachable;
  if (gone_by() == GoneBy::kNothing || (!TryProtect(whole) && !TryGuard(whole))) {
    gone = NotePurged(dropped, whole.count);
  }
  for (const FrameRange rest :
       {Between(range.begin, whole.begin), Between(whole.end(), range.end())}) {
    if (!rest.IsEmpty()) {
      gone = Worse(gone, CloseSmall(rest));
    }
  }
  return gone;
}

Gone PrivateZone::CloseSmall(FrameRange range) {
  if (TryGuard(range)) {
    return Gone::kUnreachable;
  }
  const Gone dropped = DropPages(range);
  if (gone_by() == GoneBy::kProtection && TryProtect(range)) {
    return Gone::kUnreachable;
  }
  return NotePurged(dropped, range.count);
}

bool PrivateZone::TryGuard(FrameRange range) {
  if (gone_by() != GoneBy::kGuardMarkers) {
    return false;
  }
  CountFlush();
  const Status guarded = os_.InstallGuard(AddressesOf(range));
  if (!guarded.ok()) {
    if (guarded.error() == Error::kUnsupported) {
      // An older kernel, or memory that is locked: neither changes back.
      gone_by_.store(GoneBy::kProtection, std::memory_order_relaxed);
    }
    return false;
  }
  guarded_.Set(range.begin.value, range.end().value);
  NoteGone(range.count);
  return true;
}

Gone PrivateZone::DropPages(FrameRange range) {
  CountFlush();
  if (os_.Discard(AddressesOf(range)).ok()) {
    return Gone::kPurged;
  }
  // Locked memory keeps its pages. What comes out again must still be zero.
  std::memset(AddressOf(range.begin).AsPointer(), 0, range.count.bytes());
  return Gone::kKept;
}

bool PrivateZone::TryProtect(FrameRange range) {
  MutexLock lock(mutex_);
  const std::int32_t before = BoundariesOf(range);
  protected_.Set(range.begin.value, range.end().value);
  const std::int32_t added = BoundariesOf(range) - before;
  if (!FitsBudget(added) || !Close(AddressesOf(range)).ok()) {
    protected_.Clear(range.begin.value, range.end().value);
    return false;
  }
  NoteMappings(added);
  NoteGone(range.count);
  return true;
}

Gone PrivateZone::NotePurged(Gone gone, FrameCount frames) {
  purged_bytes_total_.fetch_add(frames.bytes(), std::memory_order_relaxed);
  return gone;
}

// --- Making usable -----------------------------------------------------------------------------

Status PrivateZone::MakeUsable(FrameRange range) {
  PW_ASSERT(!range.IsEmpty());
  // Protected first: opening a part of a block may leave the rest of it guarded.
  if (protected_.Any(range.begin.value, range.end().value)) {
    if (const Status opened = OpenProtected(range); !opened.ok()) {
      return opened;
    }
  }
  return guarded_.Any(range.begin.value, range.end().value) ? OpenGuarded(range) : Status();
}

Status PrivateZone::OpenGuarded(FrameRange range) {
  CountCall();
  if (const Status removed = os_.RemoveGuard(AddressesOf(range)); !removed.ok()) {
    return removed;
  }
  NoteUsable(FrameCount(guarded_.Count(range.begin.value, range.end().value)));
  guarded_.Clear(range.begin.value, range.end().value);
  return Status();
}

// Opens what is protected in `range`. A hole in a closed range costs up to two mappings; over the
// budget the rest of the pageblocks is opened too and guarded instead.
Status PrivateZone::OpenProtected(FrameRange range) {
  MutexLock lock(mutex_);
  const FrameRange opened = WidenOverBudget(range);
  const std::int32_t before = BoundariesOf(opened);
  const std::uint32_t end = opened.end().value;
  for (std::uint32_t at = protected_.Find(opened.begin.value, end, true); at < end;) {
    const std::uint32_t stop = protected_.Find(at, end, false);
    const FrameRange part = Between(FrameNumber(at), FrameNumber(stop));
    if (const Status status = Open(AddressesOf(part)); !status.ok()) {
      return status;
    }
    // Guards go up before the flags go down: a thread that finds its frames of this block neither
    // protected nor guarded takes them for usable.
    for (const FrameRange rest : {Between(part.begin, Earlier(range.begin, part.end())),
                                  Between(Later(range.end(), part.begin), part.end())}) {
      if (!rest.IsEmpty()) {
        static_cast<void>(TryGuard(rest));
      }
    }
    protected_.Clear(at, stop);
    NoteUsable(part.count);
    at = protected_.Find(stop, end, true);
  }
  NoteMappings(BoundariesOf(opened) - before);
  return Status();
}

FrameRange PrivateZone::WidenOverBudget(FrameRange range) const {
  // Two boundaries at most: if they fit, the range is opened as it is.
  if (FitsBudget(2)) {
    return range;
  }
  const std::uint32_t begin = AlignDown(range.begin.value, kPageblockFrames);
  const std::uint32_t end = AlignUp(range.end().value, kPageblockFrames);
  return Between(FrameNumber(begin), FrameNumber(end));
}

// --- Keys --------------------------------------------------------------------------------------

std::array<BlockRange, 2> PrivateZone::GrownBlocks() const {
  MutexLock lock(mutex_);
  return {BlockRange{BlockNumber(0), in_use_.low},
          BlockRange{BlockNumber(in_use_.high), block_count_ - in_use_.high}};
}

Status PrivateZone::GiveKey(BlockRange blocks, arch::Pkey key) {
  const Status given =
      os_.ProtectWithKey(AddressesOf(blocks.frames()), os::Protection::kReadWrite, key);
  CountCall();
  if (!given.ok()) {
    RestoreKey(blocks, arch::kDefaultPkey);
    return given;
  }
  MutexLock lock(mutex_);
  NoteMappings(kMappingsForKey);
  // The first table would be a huge page otherwise.
  AdviseIfLarge(blocks, os::HugePages::kNever);
  return given;
}

Status PrivateZone::TakeKey(BlockRange blocks) {
  const FrameRange frames = blocks.frames();
  MutexLock lock(mutex_);
  const std::int32_t before = BoundariesOf(frames);
  protected_.Set(frames.begin.value, frames.end().value);
  CountFlush();
  const Result<arch::Pkey> closed = keys_.KeyFor(keys::KeyBroker::Purpose::kClosed);
  const Status taken = os_.ProtectWithKey(AddressesOf(frames), os::Protection::kNone,
                                          closed.ok() ? *closed : arch::kDefaultPkey);
  if (!taken.ok()) {
    protected_.Clear(frames.begin.value, frames.end().value);
    return taken;
  }
  NoteMappings(BoundariesOf(frames) - before - kMappingsForKey);
  NoteGone(frames.count);
  AdviseIfLarge(blocks, os::HugePages::kPreferred);
  return taken;
}

void PrivateZone::AdviseIfLarge(BlockRange blocks, os::HugePages pages) {
  if (options_.uses_huge_pages && blocks.begin.value >= in_use_.high) {
    static_cast<void>(os_.Advise(AddressesOf(blocks.frames()), pages));
    CountCall();
  }
}

void PrivateZone::RestoreKey(BlockRange blocks, arch::Pkey key) {
  const VirtRange range = AddressesOf(blocks.frames());
  const Status restored = os_.ProtectWithKey(range, os::Protection::kReadWrite, key);
  CountCall();
  // What the failed change has not reached stays as it is, so that this takes no new mapping.
  PW_CHECK(restored.ok(), Violation::kProtection, range.begin.value());
}

// --- Protection and the count of mappings ------------------------------------------------------

// The key is claimed by the first range that is closed with it: most programs never free one.
Status PrivateZone::Close(VirtRange range) {
  CountFlush();
  const Result<arch::Pkey> key = keys_.KeyFor(keys::KeyBroker::Purpose::kClosed);
  return key.ok() ? os_.ProtectWithKey(range, os::Protection::kNone, *key)
                  : os_.Protect(range, os::Protection::kNone);
}

Status PrivateZone::Open(VirtRange range) {
  CountCall();
  return keys_.ClaimedKey(keys::KeyBroker::Purpose::kClosed)
             ? os_.ProtectWithKey(range, os::Protection::kReadWrite, arch::kDefaultPkey)
             : os_.Protect(range, os::Protection::kReadWrite);
}

// What Grow() has not handed out yet counts as closed: it is a part of the reservation.
bool PrivateZone::IsClosed(std::uint32_t frame) const {
  const std::uint32_t block = frame / kPageblockFrames;
  return (block >= in_use_.low && block < in_use_.high) || protected_.Test(frame);
}

// Places inside `range` and at its ends where the protection changes.
std::int32_t PrivateZone::BoundariesOf(FrameRange range) const {
  const std::uint32_t begin = range.begin.value;
  const std::uint32_t end = range.end().value;
  std::int32_t boundaries = 0;
  if (begin > 0 && IsClosed(begin - 1) != IsClosed(begin)) {
    ++boundaries;
  }
  if (end < block_count_ * kPageblockFrames && IsClosed(end - 1) != IsClosed(end)) {
    ++boundaries;
  }
  for (std::uint32_t at = begin;;) {
    at = protected_.Find(at, end, !protected_.Test(at));
    if (at == end) {
      return boundaries;
    }
    ++boundaries;
  }
}

void PrivateZone::NoteMappings(std::int32_t added) {
  const std::uint32_t now =
      mappings_.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(added);
  mappings_.store(now, std::memory_order_relaxed);
  if (now > mappings_most_.load(std::memory_order_relaxed)) {
    mappings_most_.store(now, std::memory_order_relaxed);
  }
}

void PrivateZone::NoteGone(FrameCount frames) {
  gone_bytes_.fetch_add(frames.bytes(), std::memory_order_relaxed);
  gone_bytes_total_.fetch_add(frames.bytes(), std::memory_order_relaxed);
}

PrivateZoneCounters PrivateZone::counters() const {
  const auto load = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  return PrivateZoneCounters{
      .flushes = load(flushes_),
      .other_calls = load(other_calls_),
      .gone_bytes = load(gone_bytes_),
      .gone_bytes_total = load(gone_bytes_total_),
      .purged_bytes_total = load(purged_bytes_total_),
      .mappings = load(mappings_),
      .mappings_most = load(mappings_most_),
  };
}

std::uint64_t PrivateZone::CommittedTableBytes(unsigned first, unsigned end) const {
  MutexLock lock(mutex_);
  return reservation_.CommittedBytes(first, end, in_use_.low, in_use_.high);
}

Status PrivateZone::SealTables(unsigned first, unsigned end) {
  MutexLock lock(mutex_);
  return reservation_.SealTables(os_, first, end);
}

}  // namespace pageward::space
