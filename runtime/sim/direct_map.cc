#include "runtime/sim/direct_map.h"

#include "runtime/ptable/edge_split.h"
#include "runtime/ptable/mapper.h"

namespace pageward::sim {

using ptable::Changes;
using ptable::FlushMode;
using ptable::LeafAttributes;
using ptable::Mapper;
using ptable::MapRequest;
using ptable::PermissionChange;
using ptable::TlbGather;

namespace {

auto AffectedBy(const PermissionChange& change) {
  return [&change](const ptable::Entry& leaf) {
    return change.AppliedTo(leaf.permissions()) != leaf.permissions();
  };
}

}  // namespace

DirectMap::DirectMap(KernelMemory& memory, PhysAddr root, const Options& options)
    : memory_(memory),
      options_(options),
      table_(Format(options.phys_bits), memory, root, 0,
             ptable::RootEntries{kFirstKernelEntry, 512}) {}

Status DirectMap::Build(ptable::PtpSource& tables) {
  const SimRam& ram = memory_.machine().ram();
  const MapRequest request{VirtRange{kDirectMapBase, ram.bytes()}, ram.base(),
                           // As Linux maps it (PAGE_KERNEL): accessed and dirty from the start.
                           LeafAttributes{.permissions = {.is_writable = true},
                                          .is_global = options_.is_global,
                                          .is_accessed = true,
                                          .is_dirty = true},
                           options_.largest_leaf};
  const Result<Changes> mapped = Mapper(table_).Map(request, tables);
  return mapped.ok() ? Status() : Status(mapped.error());
}

ptable::ShootdownTarget DirectMap::Everybody() const {
  return ptable::ShootdownTarget{memory_.machine().AllCpus(), ptable::CpuNumber(0), scope(),
                                 arch::Pcid()};
}

// --- Changing ------------------------------------------------------------------------------------

Status DirectMap::SplitAt(VirtAddr boundary, const PermissionChange& change) {
  if (IsPteOnly()) {
    return {};
  }
  ptable::EdgeSplit edge(table_, AffectedBy(change));
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (edge.NeedAt(boundary).tables() == 0) {
        return {};
      }
    }
    if (const Status prepared = split_pages_->Prepare(); !prepared) {
      return prepared;
    }
    MutexLock lock(mutex_);
    if (!split_pages_->IsReady()) {
      continue;  // Somebody else was faster; see PtpReserve.
    }
    const ptable::EdgeNeed need = edge.NeedAt(boundary);
    const TableBatch batch(memory_);
    Changes changes;
    ptable::PtpStock<KernelMemory> stock(memory_, split_pages_->Source());
    const Status filled = stock.Fill(need.tables());
    if (filled.ok()) {
      edge.SplitAt(boundary, stock, changes);
      __atomic_fetch_add(&splits_, changes.splits, __ATOMIC_RELAXED);
      CurrentCpu().meter().Add(Tally::kSplit, changes.splits);
      memory_.machine().Note(Event{.a = boundary.value() >> kFrameBytesLog2,
                                   .value = need.end == 0 ? 0u : need.end - 1,
                                   .kind = EventKind::kSplit});
    }
    return filled;
  }
}

Result<Changes> DirectMap::Rewrite(FrameRange frames, const PermissionChange& change,
                                   TlbGather& gather) {
  ptable::NoPtpSource none;
  const TableBatch batch(memory_);
  return ptable::SetMemory(table_, AddressesOf(frames), change, none, gather);
}

Result<Changes> DirectMap::Change(FrameRange frames, const PermissionChange& change,
                                  FlushWhen when) {
  if (!options_.can_change) {
    return Error::kUnsupported;
  }
  const VirtRange range = AddressesOf(frames);
  PW_ASSERT(frames.end().value <= memory_.machine().ram().frames().value);
  for (const VirtAddr boundary : {range.begin, range.end()}) {
    if (const Status split = SplitAt(boundary, change); !split) {
      return split.error();
    }
  }
  if (follower_ != nullptr) {
    if (const Status followed = follower_->Change(frames, change); !followed) {
      return followed.error();
    }
  }
  ptable::NoPtpSource none;
  ptable::NoFlusher nobody;
  TlbGather gather(FlushMode::kMerged, nobody, none);
  bool needs_flush = false;
  Result<Changes> changes = Changes{};
  {
    MutexLock lock(mutex_);
    changes = Rewrite(frames, change, gather);
    needs_flush = gather.IsPending();
    gather.Finish();
  }
  NoteChange(frames, change);
  if (when == FlushWhen::kNow && needs_flush) {
    Flush(frames);
  }
  return changes;
}

void DirectMap::Restore(FrameRange frames, const PermissionChange& change) {
  ptable::NoPtpSource none;
  ptable::NoFlusher nobody;
  TlbGather gather(FlushMode::kMerged, nobody, none);
  {
    MutexLock lock(mutex_);
    const Result<Changes> changes = Rewrite(frames, change, gather);
    PW_CHECK(changes.ok(), Violation::kInvariant, frames.begin.value);
    gather.Finish();
  }
  if (follower_ != nullptr) {
    const Status followed = follower_->Change(frames, change);
    PW_CHECK(followed.ok(), Violation::kInvariant, frames.begin.value);
  }
  NoteChange(frames, change);
}

Status DirectMap::SplitAbsentAt(FrameNumber boundary) {
  return SplitAt(AddressOf(boundary), ptable::SetDirectMapTo::kDefault);
}

// Whether one page in each pageblock's worth of addresses finds every leaf of `frames`.
bool DirectMap::HasOnlyLargeLeaves(FrameRange frames) const {
  const VirtRange range = AddressesOf(frames);
  for (VirtAddr at = range.begin; at < range.end();) {
    const unsigned level = table_.Find(at).level;
    if (level == 0) {
      return false;
    }
    at = Shape::EntryRange(level, at).end();
  }
  return frames.count.value % kPageblockFrames == 0;
}

void DirectMap::Flush(FrameRange frames) {
  // The stride is that of the leaves: a pageblock that is one leaf is one instruction.
  const unsigned stride = HasOnlyLargeLeaves(frames) ? kPageblockBytesLog2 : kFrameBytesLog2;
  MachineFlusher flusher(memory_.machine(), Everybody());
  flusher.Flush(ptable::FlushRequest{AddressesOf(frames), stride});
  if (follower_ != nullptr) {
    follower_->Flush(frames);
  }
}

void DirectMap::NoteChange(FrameRange frames, const PermissionChange& change) {
  Meter& meter = CurrentCpu().meter();
  if (change.key.has_value()) {
    meter.Add(Tally::kKeyChange);
  }
  if (change.is_readable.has_value()) {
    meter.Add(Tally::kPresenceChange);
  }
  memory_.machine().Note(Event{
      .a = frames.begin.value, .b = frames.count.value, .kind = EventKind::kDirectMapChanged});
}

// --- Questions -----------------------------------------------------------------------------------

ptable::Permissions DirectMap::PermissionsOf(FrameNumber frame) const {
  return table_.Find(AddressOf(frame)).entry.permissions();
}

unsigned DirectMap::LeafLevelOf(FrameNumber frame) const {
  return table_.Find(AddressOf(frame)).level;
}

ptable::LeafCounts DirectMap::CountLeaves() const {
  ptable::LeafCounts counts;
  const std::uint64_t bytes = memory_.machine().ram().bytes();
  for (std::uint64_t offset = 0; offset < bytes;) {
    const unsigned level = table_.Find(kDirectMapBase + offset).level;
    ++counts.at[level];
    offset += Shape::Bytes(level);
  }
  return counts;
}

}  // namespace pageward::sim
