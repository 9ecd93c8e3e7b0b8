// The software MMU: one walk through page tables as the processor does it, from registers and
// memory alone. It knows nothing of who built the tables, and keeps nothing.
//
// Source: Intel SDM, volume 3A, sections 4.5 (four and five levels), 4.6, 4.7, 4.8 (accessed and
// dirty bits).
#pragma once

#include <array>
#include <cstdint>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/address.h"
#include "runtime/ptable/rights.h"
#include "runtime/ptable/table_memory.h"
#include "runtime/ptable/x86_64_format.h"

namespace pageward::ptable {

/// Where an answer comes from.
enum class AnswerSource : std::uint8_t { kWalk, kTlb };

/// How an access ended.
class Outcome {
 public:
  enum class Kind : std::uint8_t { kTranslated, kPageFault, kGeneralProtection };

  constexpr Outcome() = default;
  static constexpr Outcome Translated(PhysAddr at, unsigned page_bytes_log2, AnswerSource source) {
    return Outcome(at.value(), arch::PageFaultCode(), Kind::kTranslated, page_bytes_log2, source);
  }
  static constexpr Outcome PageFault(VirtAddr at, arch::PageFaultCode code, AnswerSource source) {
    return Outcome(at.value(), code, Kind::kPageFault, 0, source);
  }
  /// An address that is not canonical never reaches the page tables.
  static constexpr Outcome GeneralProtection(VirtAddr at) {
    return Outcome(at.value(), arch::PageFaultCode(), Kind::kGeneralProtection, 0,
                   AnswerSource::kWalk);
  }

  constexpr Kind kind() const { return kind_; }
  constexpr bool IsTranslated() const { return kind_ == Kind::kTranslated; }
  constexpr bool IsPageFault() const { return kind_ == Kind::kPageFault; }

  /// Returns the physical address. Requires: IsTranslated().
  constexpr PhysAddr address() const {
    PW_ASSERT(IsTranslated());
    return PhysAddr(address_);
  }
  /// Returns log2 of the size of the page. Requires: IsTranslated().
  constexpr unsigned page_bytes_log2() const { return page_bytes_log2_; }
  /// Returns what CR2 holds after the fault. Requires: !IsTranslated().
  constexpr VirtAddr fault_address() const {
    PW_ASSERT(!IsTranslated());
    return VirtAddr(address_);
  }
  /// Requires: IsPageFault().
  constexpr arch::PageFaultCode code() const { return code_; }
  constexpr AnswerSource source() const { return source_; }

  friend constexpr bool operator==(const Outcome&, const Outcome&) = default;

 private:
  constexpr Outcome(std::uint64_t address, arch::PageFaultCode code, Kind kind,
                    unsigned page_bytes_log2, AnswerSource source)
      : address_(address),
        code_(code),
        kind_(kind),
        page_bytes_log2_(static_cast<std::uint8_t>(page_bytes_log2)),
        source_(source) {}

  std::uint64_t address_ = 0;
  arch::PageFaultCode code_;
  Kind kind_ = Kind::kGeneralProtection;
  std::uint8_t page_bytes_log2_ = 0;
  AnswerSource source_ = AnswerSource::kWalk;
};
static_assert(sizeof(Outcome) == 16, "returned in registers");

/// The bits of present entries that end a walk in a fault, worked out once for a setting.
class ReservedMasks {
 public:
  constexpr ReservedMasks(arch::PhysBits phys_bits, NoExecuteBit no_execute) {
    for (unsigned level = 0; level < kMaxLevels; ++level) {
      table_[level] = ReservedBits(level, EntryKind::kTable, phys_bits, no_execute);
      leaf_[level] = ReservedBits(level, EntryKind::kLeaf, phys_bits, no_execute);
    }
  }

  constexpr bool AllowTable(unsigned level, std::uint64_t word) const {
    return (word & table_[level]) == 0;
  }
  constexpr bool AllowLeaf(unsigned level, std::uint64_t word) const {
    return (word & leaf_[level]) == 0;
  }

 private:
  std::array<std::uint64_t, kMaxLevels> table_{};
  std::array<std::uint64_t, kMaxLevels> leaf_{};
};

/// A table on the way, and what the entries that led there permit.
struct WalkStep {
  PhysAddr table;
  unsigned level = 0;
  PathRights rights;
};

/// How a walk ended, and what a processor may remember of it.
struct WalkResult {
  Outcome outcome;
  std::uint64_t leaf = 0;   ///< The leaf with the rights of its path. If translated.
  unsigned leaf_level = 0;  ///< If translated.
  /// steps[n] is the table of level n that was entered, from the leaf's level up to where the walk
  /// began. If translated.
  std::array<WalkStep, kMaxLevels> steps;
};

/// Returns where a walk begins that remembers nothing.
constexpr WalkStep WalkStepAtRoot(const PagingRegisters& registers) {
  return WalkStep{PhysAddr(registers.cr3 & arch::Cr3::TableFrame::kMask), registers.levels() - 1,
                  PathRights()};
}

namespace internal {

// An entry that a walk went through.
struct VisitedEntry {
  PhysAddr slot;
  std::uint64_t word = 0;
};

// Sets the accessed bit in each entry, and the dirty bit in the last, which is the leaf, if it was
// written. Returns false as soon as an entry is not what it was when the walk read it.
template <TableMemory Memory>
bool NoteUse(Memory& memory, const VisitedEntry* entries, unsigned count, AccessKind kind) {
  for (unsigned i = 0; i < count; ++i) {
    const bool is_dirtied = kind == AccessKind::kWrite && i + 1 == count;
    const std::uint64_t used = entries[i].word | arch::PagingEntry::Accessed::kMask |
                               (is_dirtied ? arch::PagingEntry::Dirty::kMask : 0);
    if (used != entries[i].word &&
        memory.CompareExchange(entries[i].slot, entries[i].word, used) != entries[i].word) {
      return false;
    }
  }
  return true;
}

// One attempt. Returns false if an entry changed under it.
template <TableMemory Memory>
bool TryWalk(Memory& memory, const PagingRegisters& registers, const ReservedMasks& reserved,
             const WalkStep& start, VirtAddr at, Access access, WalkResult& result) {
  using Bits = arch::PagingEntry;
  using Code = arch::PageFaultCode;
  std::array<VisitedEntry, kMaxLevels> visited;
  unsigned count = 0;
  WalkStep step = start;
  for (;;) {
    result.steps[step.level] = step;
    const unsigned shift = kTableBytesLog2 + arch::kTableEntriesLog2 * step.level;
    const auto index =
        static_cast<unsigned>(at.value() >> shift) & ((1u << arch::kTableEntriesLog2) - 1);
    const PhysAddr slot = SlotOf(step.table, index);
    const std::uint64_t word = memory.Load(slot);
    if (!Bits::Present::Get(word)) {
      result.outcome = Outcome::PageFault(at, CodeOfAccess(registers, access), AnswerSource::kWalk);
      return true;
    }
    const bool is_leaf = step.level == 0 || (step.level <= 2 && Bits::LargePage::Get(word));
    if (!(is_leaf ? reserved.AllowLeaf(step.level, word) : reserved.AllowTable(step.level, word))) {
      const Code code = CodeOfAccess(registers, access);
      result.outcome = Outcome::PageFault(
          at, code.With<Code::IsPresent>(true).With<Code::IsReserved>(true), AnswerSource::kWalk);
      return true;
    }
    visited[count++] = VisitedEntry{slot, word};
    if (is_leaf) {
      result.leaf_level = step.level;
      result.leaf = step.rights.AppliedTo(word);
      break;
    }
    step = WalkStep{PhysAddr(word & Bits::Frame::kMask), step.level - 1, step.rights.Through(word)};
  }
  if (const Code code = DenialOf(result.leaf, registers, access); code.value() != 0) {
    result.outcome = Outcome::PageFault(at, code, AnswerSource::kWalk);
    return true;
  }
  if (!NoteUse(memory, visited.data(), count, access.kind)) {
    return false;
  }
  result.leaf |=
      Bits::Accessed::kMask | (access.kind == AccessKind::kWrite ? Bits::Dirty::kMask : 0);
  const unsigned page_bytes_log2 = kTableBytesLog2 + arch::kTableEntriesLog2 * result.leaf_level;
  const std::uint64_t offset_mask = (std::uint64_t{1} << page_bytes_log2) - 1;
  const std::uint64_t frame = result.leaf & Bits::Frame::kMask & ~offset_mask;
  result.outcome = Outcome::Translated(PhysAddr(frame | (at.value() & offset_mask)),
                                       page_bytes_log2, AnswerSource::kWalk);
  return true;
}

}  // namespace internal

/// Translates `at` for an access by walking from `start`, and sets accessed and dirty bits.
///
/// A walk that ends in a fault writes nothing: the manual lets it set accessed bits on the way, and
/// processors differ. An access is taken to be one byte, or naturally aligned.
///
/// Requires: the address is canonical.
template <TableMemory Memory>
WalkResult Walk(Memory& memory, const PagingRegisters& registers, const ReservedMasks& reserved,
                const WalkStep& start, VirtAddr at, Access access) {
  WalkResult result;
  while (!internal::TryWalk(memory, registers, reserved, start, at, access, result)) {
    // Somebody changed an entry after it was read; what is there now decides.
  }
  return result;
}

}  // namespace pageward::ptable
