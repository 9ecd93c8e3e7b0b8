// One simulated processor as far as memory sees it: its paging registers, its TLB, and what its
// instructions do to both.
#pragma once

#include <cstdint>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/address.h"
#include "runtime/core/check.h"
#include "runtime/ptable/rights.h"
#include "runtime/ptable/tlb.h"
#include "runtime/ptable/translate.h"

namespace pageward::ptable {

/// How often what happened. Translations that hit the TLB are not counted: it would cost more than
/// they do.
struct MmuCounters {
  std::uint64_t walks = 0;
  std::uint64_t faults = 0;
};

/// A processor's memory management unit.
///
/// Faults the way the processor does: a stale translation may fault where the tables would allow
/// the access; that fault drops it, so that the next try walks (SDM 3A 4.10.4.3: a spurious fault).
/// Externally synchronized: one processor runs at a time.
template <TableMemory Memory>
class Mmu {
 public:
  /// Requires: memory and TLB outlive the MMU; the TLB is this processor's alone.
  Mmu(Memory& memory, Tlb& tlb, arch::PhysBits phys_bits)
      : memory_(memory), tlb_(tlb), phys_bits_(phys_bits), reserved_(MasksFor(registers_)) {}
  Mmu(const Mmu&) = delete;
  Mmu& operator=(const Mmu&) = delete;

  const PagingRegisters& registers() const { return registers_; }
  Tlb& tlb() { return tlb_; }
  const MmuCounters& counters() const { return counters_; }

  /// Translates `at` for an access, from the TLB if it is there. Sets accessed and dirty bits.
  Outcome Translate(VirtAddr at, Access access) {
    const TlbHit hit = tlb_.Find(at);
    if (!hit) {
      return TranslateByWalk(at, access);
    }
    if (const auto code = DenialOf(hit.leaf, registers_, access); code.value() != 0) [[unlikely]] {
      return Fault(Outcome::PageFault(at, code, AnswerSource::kTlb));
    }
    // The first write through a translation has to set the dirty bit in memory (4.8).
    if (access.kind == AccessKind::kWrite && !arch::PagingEntry::Dirty::Get(hit.leaf))
        [[unlikely]] {
      tlb_.ForgetFaulting(at);
      return TranslateByWalk(at, access);
    }
    const std::uint64_t offset_mask = (std::uint64_t{1} << hit.page_bytes_log2) - 1;
    const std::uint64_t frame = hit.leaf & arch::PagingEntry::Frame::kMask & ~offset_mask;
    return Outcome::Translated(PhysAddr(frame | (at.value() & offset_mask)), hit.page_bytes_log2,
                               AnswerSource::kTlb);
  }

  // --- Instructions. Requires, for each: what would raise #GP is not asked for. -----------------

  /// MOV to CR0. Changes of WP act at once, on cached translations, too.
  void WriteCr0(std::uint64_t value) { registers_.cr0 = value; }

  /// MOV to CR3: another table and, with CR4.PCIDE, another PCID, whose translations go unless bit
  /// 63 of the operand asks to keep them (4.10.4.1).
  void WriteCr3(std::uint64_t operand) {
    using arch::Cr3;
    const bool has_pcids = arch::Cr4::ContextIds::Get(registers_.cr4);
    const bool keeps = has_pcids && Cr3::KeepTranslations::Get(operand);
    registers_.cr3 = Cr3::KeepTranslations::Set(operand, false);
    PW_ASSERT(phys_bits_.Contains(PhysAddr(registers_.cr3 & Cr3::TableFrame::kMask)));
    tlb_.set_pcid(registers_.pcid());
    if (!keeps) {
      tlb_.Flush(TlbFlush{TlbFlush::Kind::kPcid, registers_.pcid(), VirtAddr()});
    }
  }

  /// MOV to CR4. Changing PGE, or clearing PCIDE, drops everything; setting SMEP drops what belongs
  /// to the current PCID (4.10.4.1).
  void WriteCr4(std::uint64_t value) {
    using arch::Cr4;
    const std::uint64_t old = registers_.cr4;
    const auto sets = [&](std::uint64_t mask) { return (value & ~old & mask) != 0; };
    const auto clears = [&](std::uint64_t mask) { return (old & ~value & mask) != 0; };
    PW_ASSERT(!sets(Cr4::ContextIds::kMask) || arch::Cr3::ContextId::Get(registers_.cr3) == 0);
    registers_.cr4 = value;
    tlb_.set_pcid(registers_.pcid());
    if (sets(Cr4::GlobalPages::kMask) || clears(Cr4::GlobalPages::kMask | Cr4::ContextIds::kMask) ||
        sets(Cr4::FiveLevels::kMask) || clears(Cr4::FiveLevels::kMask)) {
      tlb_.Flush(TlbFlush{TlbFlush::Kind::kAll, {}, VirtAddr()});
    } else if (sets(Cr4::NoUserFetch::kMask)) {
      tlb_.Flush(TlbFlush{TlbFlush::Kind::kPcid, registers_.pcid(), VirtAddr()});
    }
  }

  /// WRMSR to IA32_EFER. Drops nothing.
  void WriteEfer(std::uint64_t value) {
    registers_.efer = value;
    reserved_ = MasksFor(registers_);
  }

  /// WRPKRU, WRMSR to IA32_PKRS, STAC and CLAC. Rights are looked up at each access, so these act
  /// at once and drop nothing.
  void WritePkru(arch::Pkru rights) { registers_.pkru = rights; }
  void WritePkrs(arch::Pkrs rights) { registers_.pkrs = rights; }
  void WriteAc(bool is_set) { registers_.is_ac_set = is_set; }

  /// INVLPG. Does nothing for an address that is not canonical.
  void Invlpg(VirtAddr at) {
    if (arch::IsCanonical(at, registers_.levels())) {
      tlb_.Flush(TlbFlush{TlbFlush::Kind::kPage, tlb_.pcid(), at});
    }
  }

  /// INVPCID. Requires: not TlbFlush::Kind::kPage; PCID 0 unless CR4.PCIDE.
  void Invpcid(const TlbFlush& flush) {
    PW_ASSERT(flush.kind != TlbFlush::Kind::kPage);
    PW_ASSERT(arch::Cr4::ContextIds::Get(registers_.cr4) || flush.pcid == arch::Pcid(0));
    tlb_.Flush(flush);
  }

 private:
  ReservedMasks MasksFor(const PagingRegisters& registers) const {
    return ReservedMasks(phys_bits_, arch::Efer::NoExecute::Get(registers.efer)
                                         ? NoExecuteBit::kDefined
                                         : NoExecuteBit::kReserved);
  }

  Outcome Fault(Outcome outcome) {
    ++counters_.faults;
    tlb_.ForgetFaulting(outcome.fault_address());
    return outcome;
  }

  Outcome TranslateByWalk(VirtAddr at, Access access) {
    if (!arch::IsCanonical(at, registers_.levels())) {
      return Outcome::GeneralProtection(at);
    }
    ++counters_.walks;
    const WalkStep start = tlb_.FindTable(at).value_or(WalkStepAtRoot(registers_));
    const WalkResult result = Walk(memory_, registers_, reserved_, start, at, access);
    if (!result.outcome.IsTranslated()) {
      return Fault(result.outcome);
    }
    for (unsigned level = result.leaf_level; level < start.level; ++level) {
      tlb_.InsertTable(at, result.steps[level]);
    }
    const bool has_global_pages = arch::Cr4::GlobalPages::Get(registers_.cr4);
    tlb_.Insert(
        at, result.leaf_level,
        has_global_pages ? result.leaf : arch::PagingEntry::Global::Set(result.leaf, false));
    return result.outcome;
  }

  Memory& memory_;
  Tlb& tlb_;
  const arch::PhysBits phys_bits_;
  PagingRegisters registers_;
  ReservedMasks reserved_;
  MmuCounters counters_;
};

}  // namespace pageward::ptable
