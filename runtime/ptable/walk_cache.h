// Where tables are, as a processor remembers it between walks: the paging-structure caches.
//
// They are why a table page must not be freed before the flush: a walk that begins at a remembered
// table reads that frame, whatever it holds by then. Source: Intel SDM, volume 3A, 4.10.3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/address.h"
#include "runtime/core/invariant.h"
#include "runtime/ptable/rights.h"
#include "runtime/ptable/tlb_entry.h"
#include "runtime/ptable/translate.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// Remembers, for a few ranges of addresses, the table that decides about each.
///
/// Never global, tagged by PCID (4.10.3.1). Externally synchronized.
///
/// Invariants, checked by CheckInvariants():
///   W1  what is in a slot belongs there
class WalkCache {
 public:
  /// Returns the lowest table remembered for `at`, where a walk can begin.
  std::optional<WalkStep> Find(VirtAddr at, arch::Pcid pcid) const {
    for (unsigned level = 0; level < kLevels; ++level) {
      const Slot& slot = SlotFor(level, at);
      if (slot.IsFor(level, at, pcid)) {
        return WalkStep{slot.table, level, slot.rights};
      }
    }
    return std::nullopt;
  }

  /// Remembers a table that a walk has come through. Requires: it is not the root.
  void Insert(VirtAddr at, arch::Pcid pcid, const WalkStep& step) {
    Slot& slot = SlotFor(step.level, at);
    slot = Slot{SpanOf(step.level, at).begin, step.table, step.rights, pcid, true};
    is_empty_ = false;
  }

  /// Forgets what `flush` covers; INVLPG drops everything of the current PCID (4.10.4.1).
  void Drop(const TlbFlush& flush) {
    if (is_empty_) {
      return;
    }
    for (unsigned level = 0; level < kLevels; ++level) {
      for (Slot& slot : slots_[level]) {
        if (slot.is_valid && IsCovered(flush, level, slot)) {
          slot = Slot{};
        }
      }
    }
    is_empty_ = flush.kind == TlbFlush::Kind::kAll || flush.kind == TlbFlush::Kind::kAllButGlobal;
  }

  /// Forgets what a walk for one address would use, as a page fault does (4.10.4.1).
  void DropFor(VirtAddr at, arch::Pcid pcid) {
    for (unsigned level = 0; level < kLevels; ++level) {
      Slot& slot = SlotFor(level, at);
      if (slot.IsFor(level, at, pcid)) {
        slot = Slot{};
      }
    }
  }

  void CheckInvariants() const {
    for (unsigned level = 0; level < kLevels; ++level) {
      for (const Slot& slot : slots_[level]) {
        PW_HOLDS("W1", !slot.is_valid || &SlotFor(level, slot.begin) == &slot, slot.begin.value());
      }
    }
  }

 private:
  // All tables but the root of the largest format.
  static constexpr unsigned kLevels = kMaxLevels - 1;
  static constexpr std::size_t kSlots = 32;

  struct Slot {
    VirtAddr begin;
    PhysAddr table;
    PathRights rights;
    arch::Pcid pcid;
    bool is_valid = false;

    bool IsFor(unsigned level, VirtAddr at, arch::Pcid of) const {
      return is_valid && pcid == of && begin == SpanOf(level, at).begin;
    }
  };

  // The addresses that a table of `level` stands for.
  static VirtRange SpanOf(unsigned level, VirtAddr at) {
    return AlignedRange(at, PageBytesLog2(level + 1));
  }
  static std::size_t IndexOf(unsigned level, VirtAddr at) {
    return (at.value() >> PageBytesLog2(level + 1)) % kSlots;
  }
  Slot& SlotFor(unsigned level, VirtAddr at) { return slots_[level][IndexOf(level, at)]; }
  const Slot& SlotFor(unsigned level, VirtAddr at) const {
    return slots_[level][IndexOf(level, at)];
  }

  static bool IsCovered(const TlbFlush& flush, unsigned level, const Slot& slot) {
    switch (flush.kind) {
      case TlbFlush::Kind::kPageOfPcid:
        return slot.IsFor(level, flush.address, flush.pcid);
      case TlbFlush::Kind::kPage:
      case TlbFlush::Kind::kPcid:
        return slot.pcid == flush.pcid;
      case TlbFlush::Kind::kAllButGlobal:
      case TlbFlush::Kind::kAll:
        break;
    }
    return true;
  }

  std::array<std::array<Slot, kSlots>, kLevels> slots_{};
  bool is_empty_ = true;
};

}  // namespace pageward::ptable
