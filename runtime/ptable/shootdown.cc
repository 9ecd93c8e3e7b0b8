#include "runtime/ptable/shootdown.h"

#include "runtime/core/check.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

void Shootdown::Flush(const FlushRequest& request) {
  ++counters_.events;
  target_.cpus.ForEach([&](CpuNumber cpu) {
    PW_ASSERT(cpu.value < tlbs_.size());
    counters_.interrupts += cpu == target_.initiator ? 0u : 1u;
    FlushOne(*tlbs_[cpu.value], request);
  });
}

// INVLPG drops the way to tables under the current PCID only. A table that is freed is reached
// under every other as well, if it is the kernel's; but its span is always flushed whole.
static_assert(Shootdown::kMostSinglePages < 1u << arch::kTableEntriesLog2);

void Shootdown::FlushOne(Tlb& tlb, const FlushRequest& request) {
  const std::uint64_t pages = request.range.bytes >> request.page_bytes_log2;
  // No instruction drops one address under every PCID.
  if (pages > kMostSinglePages || target_.scope == ShootdownScope::kEveryPcid) {
    ++counters_.full_flushes;
    DropAll(tlb);
    return;
  }
  const std::uint64_t page_bytes = std::uint64_t{1} << request.page_bytes_log2;
  for (VirtRange rest = request.range; rest.bytes > 0; rest = WithoutFirst(rest, page_bytes)) {
    ++counters_.page_flushes;
    DropPage(tlb, rest.begin);
  }
}

void Shootdown::DropAll(Tlb& tlb) {
  const bool is_one_pcid = target_.scope == ShootdownScope::kOnePcid;
  tlb.Flush(is_one_pcid ? TlbFlush{TlbFlush::Kind::kPcid, target_.pcid, VirtAddr()}
                        : TlbFlush{TlbFlush::Kind::kAll, {}, VirtAddr()});
}

void Shootdown::DropPage(Tlb& tlb, VirtAddr at) {
  // Under another PCID than that of the change, INVLPG would miss: INVPCID names the PCID.
  const bool is_current =
      target_.scope == ShootdownScope::kGlobalPages || tlb.pcid() == target_.pcid;
  tlb.Flush(is_current ? TlbFlush{TlbFlush::Kind::kPage, tlb.pcid(), at}
                       : TlbFlush{TlbFlush::Kind::kPageOfPcid, target_.pcid, at});
}

}  // namespace pageward::ptable
