#include "runtime/sim/mm_local.h"

#include <new>

#include "runtime/sim/process_flusher.h"
#include "runtime/sim/user_root.h"

namespace pageward::sim {

using ptable::FlushMode;
using ptable::LeafAttributes;
using ptable::Mapper;
using ptable::MapRequest;
using ptable::TlbGather;
using ptable::UnmapMode;

namespace {

constexpr VirtRange RegionOf(std::uint32_t cpu) {
  return VirtRange{kMermapBase + cpu * kMermapBytesPerCpu, kMermapBytesPerCpu};
}

constexpr VirtRange LdtRange(FrameRange frames) {
  return VirtRange{kLdtRemap.begin, frames.count.bytes()};
}

}  // namespace

// --- Views of one processor ----------------------------------------------------------------------

class MmLocal::CpuViews final : public space::ViewBackend {
 public:
  CpuViews(MmLocal& owner, std::uint32_t cpu, std::span<std::uint32_t> shown)
      : owner_(owner), cpu_(cpu), region_(RegionOf(cpu), shown, *this, owner.kernel_.stale()) {}

  space::MermapRegion& region() { return region_; }

  bool IsPrepared() const override { return owner_.HasViews(); }
  // Where the process runs, and not in something that interrupts it.
  bool IsProcessContext() const override {
    Cpu& cpu = CurrentCpu();
    return cpu.number().value == cpu_ && !cpu.IsInInterrupt() && cpu.HasTask() &&
           cpu.task().root == owner_.root_;
  }

  void Pin() override {
    ++CurrentCpu().task().pins;
    CurrentCpu().OpenWindowKey();
  }
  void Unpin() override {
    CurrentCpu().CloseWindowKey();
    --CurrentCpu().task().pins;
  }

  Status Map(VirtRange at, FrameRange frames, space::ViewAccess access) override {
    const TableBatch batch(owner_.kernel_.memory());
    ptable::NoPtpSource none;
    Mapper mapper(owner_.table_);
    for (std::uint32_t i = 0; i < frames.count.value; ++i) {
      if (owner_.kernel_.machine().Fails(FaultPoint::kViewPage)) {
        return Error::kNoMemory;
      }
      const FrameNumber frame = frames.begin + FrameCount(i);
      LeafAttributes attributes;
      attributes.permissions.is_writable = access == space::ViewAccess::kReadWrite;
      attributes.permissions.key = kWindowKey;
      const auto mapped =
          mapper.Map(MapRequest{VirtRange{at.begin + i * kFrameBytes, kFrameBytes},
                                owner_.kernel_.ram().AddressOf(frame), attributes, 0},
                     none);
      if (!mapped.ok()) {
        return mapped.error();
      }
    }
    Count(Tally::kWindowOpened, EventKind::kWindowOpened, at, frames.begin.value);
    return {};
  }

  void Unmap(VirtRange at) override {
    const TableBatch batch(owner_.kernel_.memory());
    ptable::NoPtpSource none;
    ptable::NoFlusher nobody;
    TlbGather gather(FlushMode::kMerged, nobody, none);
    const auto unmapped = Mapper(owner_.table_).Unmap(at, UnmapMode::kWholeLeaf, none, gather);
    PW_CHECK(unmapped.ok(), Violation::kInvariant, at.begin.value());
    gather.Finish();
    Count(Tally::kWindowClosed, EventKind::kWindowClosed, at, 0);
  }

  void Flush(VirtRange at) override {
    // This processor only: no other may use the region, and its key is closed there.
    owner_.kernel_.machine().Flush(ptable::FlushRequest{at, kFrameBytesLog2},
                                   owner_.FlushOf(ptable::CpuSet::Only(ptable::CpuNumber(cpu_))));
    Count(Tally::kWindowFlush, EventKind::kWindowFlushed, at, 0);
  }

 private:
  void Count(Tally tally, EventKind kind, VirtRange at, std::uint64_t value) {
    CurrentCpu().meter().Add(tally);
    if (owner_.kernel_.machine().HasEvents()) {
      owner_.kernel_.machine().Note(Event{.a = at.begin.value() >> kFrameBytesLog2,
                                          .b = at.bytes >> kFrameBytesLog2,
                                          .value = value,
                                          .kind = kind});
    }
  }

  MmLocal& owner_;
  const std::uint32_t cpu_;
  space::MermapRegion region_;
};

// --- The region ----------------------------------------------------------------------------------

MmLocal::Memory MmLocal::Memory::CarveFrom(Carver& carver, std::uint32_t cpus) {
  Memory memory;
  memory.cpus = carver.Take<std::byte>(cpus * sizeof(CpuViews), alignof(CpuViews));
  memory.shown = carver.Take<std::uint32_t>(std::size_t{cpus} * kPagesPerCpu);
  return memory;
}

MmLocal::MmLocal(Kernel& kernel, const Memory& memory, PhysAddr root, arch::Pcid pcid,
                 ptable::PtpSource& tables)
    : kernel_(kernel),
      root_(root),
      pcid_(pcid),
      tables_(tables),
      table_(kernel.direct_map().table().format(), kernel.memory(), root, 0,
             ptable::RootEntries{TopEntryOf(kMmLocal.begin), TopEntryOf(kMmLocal.begin) + 1}) {
  // Never destroyed: views own nothing.
  for (std::uint32_t cpu = 0; cpu < kernel.machine().cpu_count(); ++cpu) {
    CpuViews* const made = ::new (static_cast<void*>(memory.cpus.data() + cpu * sizeof(CpuViews)))
        CpuViews(*this, cpu, memory.shown.subspan(std::size_t{cpu} * kPagesPerCpu, kPagesPerCpu));
    cpus_ = cpu == 0 ? made : cpus_;
  }
}

MmLocal::CpuViews& MmLocal::ViewsOf(std::uint32_t cpu) {
  PW_ASSERT(cpu < kernel_.machine().cpu_count());
  return cpus_[cpu];
}

space::MermapRegion& MmLocal::views(std::uint32_t cpu) {
  return ViewsOf(cpu).region();
}

ptable::ShootdownTarget MmLocal::FlushOf(ptable::CpuSet cpus) const {
  return ptable::ShootdownTarget{cpus, ptable::CpuNumber(0), ptable::ShootdownScope::kOnePcid,
                                 pcid_};
}

Status MmLocal::PrepareViews() {
  return views_ready_.Prepare([this]() -> Status {
    const TableBatch batch(kernel_.memory());
    const VirtRange all{kMermapBase, kernel_.machine().cpu_count() * kMermapBytesPerCpu};
    const auto prepared = Mapper(table_).Prepare(all, 0, tables_);
    if (!prepared.ok()) {
      return prepared.error();
    }
    ++preparations_;
    return {};
  });
}

bool MmLocal::ShowsStale(FrameRange frames) {
  for (std::uint32_t cpu = 0; HasViews() && cpu < kernel_.machine().cpu_count(); ++cpu) {
    if (views(cpu).ShowsStale(frames)) {
      return true;
    }
  }
  return false;
}

std::uint32_t MmLocal::FlushStaleViews(FrameRange frames) {
  std::uint32_t flushed = 0;
  for (std::uint32_t cpu = 0; HasViews() && cpu < kernel_.machine().cpu_count(); ++cpu) {
    if (views(cpu).ShowsStale(frames)) {
      views(cpu).FlushStale();
      ++flushed;
    }
  }
  return flushed;
}

Status MmLocal::SetLdt(FrameRange frames, UserRoot* user_root) {
  if (HasLdt()) {
    return Error::kInUse;
  }
  if (frames.IsEmpty() || frames.count.value > kLdtPages) {
    return Error::kInvalid;
  }
  const PhysAddr first = kernel_.ram().AddressOf(frames.begin);
  const MapRequest request{LdtRange(frames), first, LeafAttributes{}, 0};
  const auto mapped = Mapper(table_).Map(request, tables_);
  if (!mapped.ok()) {
    return mapped.error();
  }
  ldt_ = frames;
  if (user_root != nullptr) {
    if (const Status shown = user_root->MapLdt(LdtRange(frames), first); !shown) {
      ClearLdt(nullptr);
      return shown;
    }
  }
  return {};
}

void MmLocal::ClearLdt(UserRoot* user_root) {
  ProcessFlusher flusher(kernel_, FlushOf(kernel_.machine().AllCpus()));
  TlbGather gather(FlushMode::kMerged, flusher, tables_);
  const auto unmapped =
      Mapper(table_).Unmap(LdtRange(ldt_), UnmapMode::kWholeLeaf, tables_, gather);
  PW_CHECK(unmapped.ok(), Violation::kInvariant, ldt_.begin.value);
  gather.Finish();
  if (user_root != nullptr) {
    user_root->UnmapLdt(LdtRange(ldt_), flusher);
  }
  ldt_ = FrameRange{};
}

std::size_t MmLocal::TearDown(UserRoot* user_root) {
  if (HasLdt()) {
    ClearLdt(user_root);
  }
  ProcessFlusher flusher(kernel_, FlushOf(kernel_.machine().AllCpus()));
  TlbGather gather(FlushMode::kMerged, flusher, tables_);
  const auto unmapped = Mapper(table_).Unmap(kMmLocal, UnmapMode::kWholeLeaf, tables_, gather);
  PW_CHECK(unmapped.ok() && table_.table_count() == 0, Violation::kInvariant, 0);
  gather.Finish();
  std::size_t live = 0;
  for (std::uint32_t cpu = 0; cpu < kernel_.machine().cpu_count(); ++cpu) {
    live += views(cpu).TearDown();
  }
  views_ready_.Reset();
  return live;
}

}  // namespace pageward::sim
