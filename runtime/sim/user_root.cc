#include "runtime/sim/user_root.h"

namespace pageward::sim {

using ptable::LeafAttributes;
using ptable::Mapper;
using ptable::MapRequest;
using ptable::SlotOf;
using ptable::TlbGather;

Status UserRoot::Create(PhysAddr kernel_root, const Format& format) {
  const std::optional<PhysAddr> root = tables_.Allocate();
  if (!root) {
    return Error::kNoFrames;
  }
  const unsigned own = TopEntryOf(kMmLocal.begin);
  table_.emplace(format, memory_, *root, 0, ptable::RootEntries{own, own + 1});
  const unsigned entry_area = TopEntryOf(kEntryArea.begin);
  memory_.Store(SlotOf(*root, entry_area), memory_.Load(SlotOf(kernel_root, entry_area)));
  return {};
}

void UserRoot::Destroy() {
  const PhysAddr root = table_->root();
  // The LDT has been unmapped, and with it the way to it.
  PW_CHECK(table_->table_count() == 0, Violation::kInvariant, root.value());
  table_.reset();
  tables_.Free(root);
}

void UserRoot::CopyUserEntries(PhysAddr kernel_root, VirtRange range) {
  const unsigned last = TopEntryOf(ptable::LastOf(range));
  for (unsigned entry = TopEntryOf(range.begin); entry <= last; ++entry) {
    const std::uint64_t word = memory_.Load(SlotOf(kernel_root, entry));
    if (memory_.Load(SlotOf(root(), entry)) != word) {
      memory_.Store(SlotOf(root(), entry), word);
    }
  }
}

Status UserRoot::MapLdt(VirtRange range, PhysAddr first) {
  const MapRequest request{range, first, LeafAttributes{}, 0};
  const auto mapped = Mapper(*table_).Map(request, tables_);
  return mapped.ok() ? Status() : Status(mapped.error());
}

void UserRoot::UnmapLdt(VirtRange range, ptable::TlbFlusher& flusher) {
  TlbGather gather(ptable::FlushMode::kMerged, flusher, tables_);
  // The whole entry, so that its tables go as well.
  const auto unmapped =
      Mapper(*table_).Unmap(kMmLocal, ptable::UnmapMode::kWholeLeaf, tables_, gather);
  PW_CHECK(unmapped.ok(), Violation::kInvariant, range.begin.value());
  gather.Finish();
}

}  // namespace pageward::sim
