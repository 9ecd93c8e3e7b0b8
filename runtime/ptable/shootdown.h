// Making several simulated processors forget at once: local instructions and interrupts, counted.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/arch/x86_paging.h"
#include "runtime/ptable/cpu_set.h"
#include "runtime/ptable/tlb.h"
#include "runtime/ptable/tlb_gather.h"

namespace pageward::ptable {

/// Whose translations change, which decides what each processor has to execute.
enum class ShootdownScope : std::uint8_t {
  kOnePcid,      ///< One address space, with translations that are not global.
  kGlobalPages,  ///< Kernel memory, mapped global.
  kEveryPcid,    ///< Kernel memory, mapped not global and so cached under any PCID (KPTI).
};

/// Who has to forget what.
struct ShootdownTarget {
  CpuSet cpus{};          ///< Whoever may have cached it. Only the initiator: a local flush.
  CpuNumber initiator{};  ///< Needs no interrupt. It flushes only if it is in the set.
  ShootdownScope scope = ShootdownScope::kOnePcid;
  arch::Pcid pcid{};  ///< For kOnePcid.
};

struct ShootdownCounters {
  std::uint64_t events = 0;        ///< Calls of Flush().
  std::uint64_t interrupts = 0;    ///< Inter-processor interrupts (IPIs).
  std::uint64_t page_flushes = 0;  ///< Single addresses dropped, on all processors together.
  std::uint64_t full_flushes = 0;  ///< Processors that dropped a whole PCID or everything.

  friend constexpr bool operator==(const ShootdownCounters&, const ShootdownCounters&) = default;
};

/// Delivers flushes to simulated TLBs, at once. Externally synchronized, together with the TLBs.
///
/// Cheap to make: one for each operation, or for each gather that outlives several.
class Shootdown final : public TlbFlusher {
 public:
  /// Above so many pages, all goes: dropping one by one would take longer. Linux's
  /// tlb_single_page_flush_ceiling.
  static constexpr std::uint64_t kMostSinglePages = 33;

  /// Requires: `tlbs`, by processor number, and the counters outlive this.
  Shootdown(std::span<Tlb* const> tlbs, const ShootdownTarget& target, ShootdownCounters& counters)
      : tlbs_(tlbs), target_(target), counters_(counters) {}

  void Flush(const FlushRequest& request) override;

 private:
  void FlushOne(Tlb& tlb, const FlushRequest& request);
  void DropAll(Tlb& tlb);
  void DropPage(Tlb& tlb, VirtAddr at);

  std::span<Tlb* const> tlbs_;
  const ShootdownTarget target_;
  ShootdownCounters& counters_;
};

}  // namespace pageward::ptable
