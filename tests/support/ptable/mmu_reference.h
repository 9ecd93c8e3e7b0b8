// What an access may come to, when tables are changed and not everything is flushed.
//
// A processor may cache what it can translate at any time (SDM 3A 4.10.2.3), and use that until it
// is made to forget. So there is a set of ways through the tables for each page: as they are, and
// as they were at any time since the last flush. The reference remembers all of them, for the few
// pages of an episode, and judges each by what the manual says (sdm_predictor.h). It shares no line
// with ptable.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "runtime/ptable/tlb_entry.h"
#include "tests/support/ptable/mmu_program.h"
#include "tests/support/ptable/sdm_predictor.h"

namespace pageward::testing_support {

/// An entry as a walk read it.
struct WayEntry {
  std::uint64_t slot = 0;
  std::uint64_t word = 0;
  std::uint64_t stamp = 0;  ///< When it was written: the same slot and stamp are the same word.

  friend bool operator==(const WayEntry& a, const WayEntry& b) {
    return a.slot == b.slot && a.stamp == b.stamp;
  }
};

/// Entries from the top table down, and how they end.
struct Way {
  enum class End : std::uint8_t { kTable, kPage, kNotPresent, kReserved };

  std::array<WayEntry, 5> entries;
  unsigned count = 0;
  End end = End::kTable;

  bool BeginsWith(const Way& prefix) const;
  friend bool operator==(const Way& a, const Way& b) {
    return a.count == b.count && a.BeginsWith(b);
  }
};

/// Who performs a program, for what the machines don't have in common.
enum class Performer : std::uint8_t { kSoftware, kOracle };
inline constexpr unsigned kPerformerCount = 2;

/// One way for an access to end.
struct AllowedEnd {
  bool is_fault = false;
  std::uint32_t code = 0;
  bool is_of_user_page = false;  ///< If the way leads to a page.
  unsigned leaf_level = 0;       ///< If the way leads to a page.
  PhysAddr at{};                 ///< If no fault.
  /// Only through something cached that a page fault should have dropped, for that performer.
  std::array<bool, kPerformerCount> is_dropped{};
};

/// All ways for an access to end.
struct Expectation {
  bool is_canonical = true;
  /// Nothing else than what the tables say now is possible.
  bool is_certain = true;
  std::vector<AllowedEnd> ends;
};

/// Bits A and D of an entry: those that are set for sure, and those that may be.
struct UsageBounds {
  std::uint64_t must = 0;
  std::uint64_t may = 0;
  /// Those besides that a walk may have set which ended in a fault (4.8 leaves it open).
  std::uint64_t may_by_fault = 0;
};

/// How much a reference remembers of what may be cached.
enum class Tracking : std::uint8_t {
  kNothing,       ///< Only accesses that are coherent can be asked about.
  kTranslations,  ///< Each walk begins at the top.
  kTablesToo,     ///< A walk may begin at any table that was on the way (4.10.3).
};

class MmuReference {
 public:
  static constexpr std::uint64_t kUsageBits = 0x60;

  /// Requires: the program outlives the reference, which looks up its episodes.
  MmuReference(const MmuProgram& program, Tracking tracking);

  /// Takes note of any operation but an access.
  void Perform(const MmuOperation& operation);

  /// Requires: the address is in a page of the episode, or not canonical.
  Expectation Expect(const mmu_op::Access& access);
  /// Takes note of an access, and of who ended it in a page fault. Changes memory if it is certain
  /// what changes; else the instruction may not be one that does.
  void Settle(const mmu_op::Access& access, const Expectation& expectation,
              const std::array<bool, kPerformerCount>& has_faulted);

  /// Returns whether only the tables as they are can decide about a page of the episode, for a
  /// performer that may have ignored that page faults drop what is cached.
  bool IsCertain(VirtAddr at) const;
  /// Returns whether a page of the episode is, or may still be taken for, one for users.
  bool MayBeUserPage(VirtAddr at) const;
  /// Returns the way through the tables as they are.
  Way WayNow(VirtAddr at) const { return Walk(Way(), at); }

  /// Memory without what accesses did to bits A and D.
  const SparseRam& ram() const { return ram_; }
  bool IsEntry(PhysAddr slot) const { return bounds_.contains(slot.value()); }
  UsageBounds BoundsOf(PhysAddr slot) const;
  std::uint64_t RegisterValue(RegisterName which) const {
    return registers_[static_cast<unsigned>(which)];
  }
  SdmControls Controls() const;

 private:
  struct CachedWay {
    Way way;
    unsigned pcid;
    bool is_global;
    std::array<bool, kPerformerCount> is_dropped{};
  };
  struct Page {
    VirtAddr begin;
    std::vector<CachedWay> cached;
  };

  const Page& PageOf(VirtAddr at) const;
  Page& PageOf(VirtAddr at);
  unsigned pcid() const;
  bool IsUsable(const CachedWay& cached) const { return cached.is_global || cached.pcid == pcid(); }

  Way Walk(const Way& begin, VirtAddr at) const;
  std::vector<CachedWay> WaysNow(const Page& page) const;
  void NoteNow(Page& page);
  void NoteNow(std::uint64_t changing_slot);
  void NoteAllNow();
  void Add(Page& page, CachedWay added) const;
  void Flush(const ptable::TlbFlush& flush);
  bool Covers(const ptable::TlbFlush& flush, const CachedWay& cached, VirtAddr page) const;
  void Write(const mmu_op::WriteRegister& write);
  void Poke(const mmu_op::Poke& poke);
  AllowedEnd Judge(const Way& way, const mmu_op::Access& access) const;
  void SettleUsage(const Way& way, const AllowedEnd& end, bool is_write, bool is_certain);

  const unsigned levels_;
  const unsigned phys_bits_;
  const Tracking tracking_;
  const std::vector<std::vector<VirtAddr>>& episodes_;
  SparseRam ram_;
  std::array<std::uint64_t, 6> registers_{};
  std::unordered_map<std::uint64_t, std::uint64_t> stamps_;
  std::uint64_t last_stamp_ = 0;
  std::unordered_map<std::uint64_t, UsageBounds> bounds_;
  std::vector<Page> pages_;
};

}  // namespace pageward::testing_support
