#include "runtime/sim/kmap_local.h"

#include "runtime/ptable/mapper.h"

namespace pageward::sim {

using ptable::LeafAttributes;
using ptable::Mapper;
using ptable::MapRequest;

Status KmapLocal::Prepare() {
  const std::uint64_t bytes = std::uint64_t{kernel_.machine().cpu_count()} * kSlots * kFrameBytes;
  AccountedTables tables(kernel_.tables(), kernel_.ram(), kKernelAccount);
  const TableBatch batch(kernel_.memory());
  const auto prepared =
      Mapper(kernel_.direct_map().table()).Prepare(VirtRange{kKmapRange.begin, bytes}, 0, tables);
  return prepared.ok() ? Status() : Status(prepared.error());
}

Result<VirtAddr> KmapLocal::Map(FrameNumber frame) {
  Cpu& cpu = CurrentCpu();
  const std::uint32_t number = cpu.number().value;
  if (used_[number] == kSlots) {
    return Error::kInUse;
  }
  const VirtAddr at = AddressOf(number, used_[number]);
  const TableBatch batch(kernel_.memory());
  ptable::NoPtpSource none;
  const LeafAttributes attributes{.permissions = {.is_writable = true},
                                  .is_global = kernel_.direct_map().options().is_global};
  const auto mapped = Mapper(kernel_.direct_map().table())
                          .Map(MapRequest{VirtRange{at, kFrameBytes},
                                          kernel_.ram().AddressOf(frame), attributes, 0},
                               none);
  if (!mapped.ok()) {
    return mapped.error();
  }
  ++used_[number];
  cpu.meter().Add(Tally::kWindowOpened);
  kernel_.machine().Note(Event{.a = at.value() >> kFrameBytesLog2,
                               .b = 1,
                               .value = frame.value,
                               .kind = EventKind::kWindowOpened});
  return at;
}

void KmapLocal::Unmap(VirtAddr at) {
  Cpu& cpu = CurrentCpu();
  const std::uint32_t number = cpu.number().value;
  PW_CHECK(used_[number] > 0 && at == AddressOf(number, used_[number] - 1u), Violation::kAssertion,
           at.value());
  --used_[number];
  MachineFlusher flusher(kernel_.machine(),
                         ptable::ShootdownTarget{ptable::CpuSet::Only(cpu.number()), cpu.number(),
                                                 kernel_.direct_map().scope(), arch::Pcid()});
  ptable::NoPtpSource none;
  ptable::TlbGather gather(ptable::FlushMode::kMerged, flusher, none);
  {
    const TableBatch batch(kernel_.memory());
    const auto unmapped =
        Mapper(kernel_.direct_map().table())
            .Unmap(VirtRange{at, kFrameBytes}, ptable::UnmapMode::kWholeLeaf, none, gather);
    PW_CHECK(unmapped.ok(), Violation::kInvariant, at.value());
  }
  gather.Finish();
  cpu.meter().Add(Tally::kWindowClosed);
  kernel_.machine().Note(
      Event{.a = at.value() >> kFrameBytesLog2, .b = 1, .kind = EventKind::kWindowClosed});
}

}  // namespace pageward::sim
