#include "runtime/sim/asi.h"

#include "runtime/core/check.h"

namespace pageward::sim {

using ptable::FlushMode;
using ptable::LeafAttributes;
using ptable::Mapper;
using ptable::MapRequest;
using ptable::SlotOf;
using ptable::TlbGather;
using ptable::UnmapMode;

Status RestrictedTable::Create() {
  PW_ASSERT(!kernel_.direct_map().options().is_global);
  const std::optional<PhysAddr> root = tables_.Allocate();
  if (!root) {
    return Error::kNoFrames;
  }
  KernelTable& all = kernel_.direct_map().table();
  const unsigned first = TopEntryOf(kDirectMapBase);
  const unsigned last = TopEntryOf(kDirectMapBase + (kernel_.ram().bytes() - 1));
  table_.emplace(all.format(), kernel_.memory(), *root, 0, ptable::RootEntries{first, last + 1});
  const TableBatch batch(kernel_.memory());
  for (const VirtRange shared : {kKmapRange, kEntryArea, kExecmem}) {
    const unsigned entry = TopEntryOf(shared.begin);
    kernel_.memory().Store(SlotOf(*root, entry), kernel_.memory().Load(SlotOf(all.root(), entry)));
  }
  kernel_.direct_map().UseFollower(this);
  return {};
}

void RestrictedTable::Destroy() {
  kernel_.direct_map().UseFollower(nullptr);
  MachineFlusher flusher(kernel_.machine(), Everybody());
  TlbGather gather(FlushMode::kMerged, flusher, tables_);
  {
    const TableBatch batch(kernel_.memory());
    const FrameRange all{FrameNumber(0), kernel_.ram().frames()};
    // Whole entries of the root, so that every table goes.
    const VirtAddr begin = Shape::EntryRange(Shape::kTopLevel, kDirectMapBase).begin;
    const VirtAddr last = ptable::LastOf(AddressesOf(all));
    const VirtAddr end = Shape::EntryRange(Shape::kTopLevel, last).end();
    const auto unmapped = Mapper(*table_).Unmap(VirtRange{begin, end - begin},
                                                UnmapMode::kWholeLeaf, tables_, gather);
    PW_CHECK(unmapped.ok() && table_->table_count() == 0, Violation::kInvariant, 0);
  }
  gather.Finish();
  const PhysAddr root = table_->root();
  table_.reset();
  tables_.Free(root);
}

Status RestrictedTable::Prepare(FrameRange frames) {
  const TableBatch batch(kernel_.memory());
  const auto prepared = Mapper(*table_).Prepare(AddressesOf(frames), 0, tables_);
  return prepared.ok() ? Status() : Status(prepared.error());
}

Status RestrictedTable::Open(FrameRange frames, ptable::PtpSource& tables) {
  const TableBatch batch(kernel_.memory());
  for (FrameNumber frame = frames.begin; frame < frames.end(); ++frame.value) {
    const FrameRange only{frame, FrameCount(1)};
    const MapRequest request{
        AddressesOf(only), kernel_.ram().AddressOf(frame),
        LeafAttributes{.permissions = kernel_.direct_map().PermissionsOf(frame)}, 0};
    const auto mapped = Mapper(*table_).Map(request, tables);
    if (!mapped.ok()) {
      // What was opened before goes again: nobody has been told of it.
      if (frame > frames.begin) {
        Close(FrameRange{frames.begin, frame - frames.begin});
      }
      return mapped.error();
    }
  }
  return {};
}

void RestrictedTable::Close(FrameRange frames) {
  MachineFlusher flusher(kernel_.machine(), Everybody());
  TlbGather gather(FlushMode::kMerged, flusher, tables_);
  const TableBatch batch(kernel_.memory());
  ptable::NoPtpSource none;
  const auto unmapped =
      Mapper(*table_).Unmap(AddressesOf(frames), UnmapMode::kWholeLeaf, none, gather);
  PW_CHECK(unmapped.ok(), Violation::kInvariant, frames.begin.value);
  gather.Finish();
}

bool RestrictedTable::IsOpen(FrameNumber frame) const {
  const ptable::Entry entry = table_->Find(kernel_.direct_map().AddressOf(frame)).entry;
  return entry.IsLeaf() && entry.permissions().is_readable;
}

// What is open is open by small leaves, so nothing is ever split.
Status RestrictedTable::Change(FrameRange frames, const ptable::PermissionChange& change) {
  ptable::NoPtpSource none;
  ptable::NoFlusher nobody;
  TlbGather gather(FlushMode::kMerged, nobody, none);
  const TableBatch batch(kernel_.memory());
  const auto changed = Mapper(*table_).Protect(AddressesOf(frames), change, none, gather);
  gather.Finish();
  return changed.ok() ? Status() : Status(changed.error());
}

void RestrictedTable::Flush(FrameRange frames) {
  MachineFlusher flusher(kernel_.machine(), Everybody());
  flusher.Flush(ptable::FlushRequest{AddressesOf(frames), kFrameBytesLog2});
}

void RestrictedTable::Enter() {
  CurrentCpu().LoadTable(table_->root(), kPcid);
}

void RestrictedTable::Leave() {
  Cpu& cpu = CurrentCpu();
  cpu.LoadTable(cpu.task().root, cpu.task().pcid);
}

bool RestrictedTable::IsEntered() const {
  return (CurrentCpu().registers().cr3 & arch::Cr3::TableFrame::kMask) == table_->root().value();
}

}  // namespace pageward::sim
