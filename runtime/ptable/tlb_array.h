// The translations of one page size, set-associative, as hardware has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/address.h"
#include "runtime/core/invariant.h"
#include "runtime/ptable/tlb_entry.h"

namespace pageward::ptable {

/// Holds up to 2^kSetsLog2 * kWays translations by leaves of kLevel.
///
/// A set evicts in turn: simple, and the same in every run. Externally synchronized.
///
/// Invariants, checked by CheckInvariants():
///   T1  count() is the number of valid slots
///   T2  a slot is in the set of its page, and no other slot has the same page and PCID
template <unsigned kLevel, unsigned kSetsLog2, unsigned kWays>
class TlbArray {
  static constexpr unsigned kShift = PageBytesLog2(kLevel);
  static constexpr std::size_t kSets = std::size_t{1} << kSetsLog2;

 public:
  static constexpr std::size_t kCapacity = kSets * kWays;

  std::size_t count() const { return count_; }

  /// Returns the leaf of the translation for `at`, or 0.
  std::uint64_t Find(VirtAddr at, arch::Pcid pcid) const {
    const Set& set = sets_[SetOf(at)];
    const std::uint64_t wanted = TagOf(at, pcid);
    for (const Slot& slot : set.slots) {
      // The same page, and the same PCID or a global page: the low bits of the tag are the PCID.
      const std::uint64_t difference = slot.tag ^ wanted;
      if (difference == 0 ||
          (difference < arch::Pcid::kCount && arch::PagingEntry::Global::Get(slot.leaf))) {
        if (arch::PagingEntry::Present::Get(slot.leaf)) {
          return slot.leaf;
        }
      }
    }
    return 0;
  }

  /// Adds `entry` and returns what had to go for it; an invalid entry if nothing had to.
  ///
  /// Requires: its level is kLevel.
  TlbEntry Insert(const TlbEntry& entry) {
    Set& set = sets_[SetOf(entry.range().begin)];
    const Slot added{TagOf(entry.range().begin, entry.pcid()), entry.leaf()};
    Slot* free = nullptr;
    for (Slot& slot : set.slots) {
      const bool is_valid = arch::PagingEntry::Present::Get(slot.leaf);
      if (is_valid && slot.tag == added.tag) {
        slot = added;
        return TlbEntry();
      }
      free = is_valid ? free : &slot;
    }
    if (free != nullptr) {
      *free = added;
      ++count_;
      return TlbEntry();
    }
    Slot& victim = set.slots[set.next_victim];
    set.next_victim = static_cast<std::uint8_t>((set.next_victim + 1) % kWays);
    const TlbEntry evicted = EntryOf(victim);
    victim = added;
    return evicted;
  }

  /// Forgets what `flush` covers.
  void Drop(const TlbFlush& flush) {
    if (count_ == 0) {
      return;
    }
    switch (flush.kind) {
      case TlbFlush::Kind::kPage:
      case TlbFlush::Kind::kPageOfPcid:
        DropFrom(sets_[SetOf(flush.address)], flush);
        break;
      case TlbFlush::Kind::kPcid:
      case TlbFlush::Kind::kAllButGlobal:
        for (Set& set : sets_) {
          DropFrom(set, flush);
        }
        break;
      case TlbFlush::Kind::kAll:
        sets_ = {};
        count_ = 0;
        break;
    }
  }

  void CheckInvariants() const {
    std::size_t valid = 0;
    for (std::size_t index = 0; index < kSets; ++index) {
      for (unsigned way = 0; way < kWays; ++way) {
        const Slot& slot = sets_[index].slots[way];
        if (!arch::PagingEntry::Present::Get(slot.leaf)) {
          continue;
        }
        ++valid;
        PW_HOLDS("T2", SetOf(VirtAddr(slot.tag)) == index, slot.tag);
        for (unsigned other = 0; other < way; ++other) {
          const Slot& twin = sets_[index].slots[other];
          const bool is_twin = arch::PagingEntry::Present::Get(twin.leaf) && twin.tag == slot.tag;
          PW_HOLDS("T2", !is_twin, slot.tag);
        }
      }
    }
    PW_HOLDS("T1", valid == count_, valid);
  }

 private:
  // The tag is the address of the page with the PCID in the bits below.
  struct Slot {
    std::uint64_t tag = 0;
    std::uint64_t leaf = 0;
  };
  struct Set {
    std::array<Slot, kWays> slots{};
    std::uint8_t next_victim = 0;
  };
  static_assert(arch::Pcid::kCount <= 1u << kTableBytesLog2);

  static std::size_t SetOf(VirtAddr at) { return (at.value() >> kShift) & (kSets - 1); }
  static std::uint64_t TagOf(VirtAddr at, arch::Pcid pcid) {
    return AlignedRange(at, kShift).begin.value() | pcid.value();
  }
  static TlbEntry EntryOf(const Slot& slot) {
    const auto pcid = static_cast<unsigned>(slot.tag & (arch::Pcid::kCount - 1));
    return TlbEntry(VirtAddr(slot.tag), arch::Pcid(pcid), kLevel, slot.leaf);
  }

  void DropFrom(Set& set, const TlbFlush& flush) {
    for (Slot& slot : set.slots) {
      if (arch::PagingEntry::Present::Get(slot.leaf) && flush.Covers(EntryOf(slot))) {
        slot = Slot{};
        --count_;
      }
    }
  }

  std::array<Set, kSets> sets_{};
  std::size_t count_ = 0;
};

}  // namespace pageward::ptable
