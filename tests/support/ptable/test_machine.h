// A small simulated machine: memory, tables, and processors that share both.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/ptable/mmu.h"
#include "runtime/ptable/shootdown.h"
#include "tests/support/ptable/test_table.h"
#include "tests/support/ptable/unbounded_spill.h"

namespace pageward::testing_support {

/// How much the TLBs of a machine remember.
enum class TlbSize : std::uint8_t { kAsHardware, kUnbounded };

/// Processors over one address space of four levels.
class TestMachine {
 public:
  using Mmu = ptable::Mmu<FakeTableMemory>;

  explicit TestMachine(std::uint32_t cpus, std::uint32_t frames = 64,
                       TlbSize tlb_size = TlbSize::kAsHardware,
                       ptable::WalkCaching walk_caching = ptable::WalkCaching::kOn)
      : tables_(frames) {
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
      UnboundedSpill& spill = spills_.emplace_back();
      ptable::Tlb& tlb =
          tlbs_.emplace_back(walk_caching, tlb_size == TlbSize::kUnbounded ? &spill : nullptr);
      Mmu& mmu = mmus_.emplace_back(tables_.memory(), tlb, arch::PhysBits());
      mmu.WriteCr3(tables_.table().root().value());
      tlb_pointers_.push_back(&tlb);
    }
  }

  TestTable<X86FourLevels>& tables() { return tables_; }
  Mmu& mmu(std::uint32_t cpu) { return mmus_[cpu]; }
  std::uint32_t cpus() const { return static_cast<std::uint32_t>(mmus_.size()); }

  /// Flushes on behalf of processor 0, on all processors.
  ptable::Shootdown Shootdown(ptable::ShootdownScope scope = ptable::ShootdownScope::kGlobalPages) {
    return ptable::Shootdown(
        tlb_pointers_,
        ptable::ShootdownTarget{ptable::CpuSet::FirstOf(cpus()), ptable::CpuNumber(0), scope},
        counters_);
  }
  const ptable::ShootdownCounters& counters() const { return counters_; }

 private:
  TestTable<X86FourLevels> tables_;
  std::deque<UnboundedSpill> spills_;
  std::deque<ptable::Tlb> tlbs_;
  std::deque<Mmu> mmus_;
  std::vector<ptable::Tlb*> tlb_pointers_;
  ptable::ShootdownCounters counters_;
};

}  // namespace pageward::testing_support
