// What one simulated processor has cached of page tables: translations and the way to tables.
//
// Entries stay until they are flushed or evicted, whatever becomes of the tables: a flush that is
// missing shows as a wrong translation. How much fits is as in hardware; a spill takes what is
// evicted, so that a test can have a TLB that never forgets by itself.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/address.h"
#include "runtime/ptable/tlb_array.h"
#include "runtime/ptable/tlb_entry.h"
#include "runtime/ptable/walk_cache.h"

namespace pageward::ptable {

/// Keeps the translations that a TLB has no room for. Owned by this layer, implemented by tests.
class TlbSpill {
 public:
  virtual void Put(const TlbEntry& entry) = 0;
  virtual std::optional<TlbEntry> Find(VirtAddr at, arch::Pcid pcid) = 0;
  virtual void Drop(const TlbFlush& flush) = 0;

 protected:
  ~TlbSpill() = default;
};

/// Whether walks begin at remembered tables. Without, what an unflushed change leads to is one of
/// two things, the old translation or the new one; with it, also a mixture of both.
enum class WalkCaching : std::uint8_t { kOff, kOn };

struct TlbCounters {
  std::uint64_t fills = 0;
  std::uint64_t evictions = 0;
  std::uint64_t page_flushes = 0;  ///< One address.
  std::uint64_t full_flushes = 0;  ///< A PCID or more.
};

/// A translation that was found.
struct TlbHit {
  std::uint64_t leaf = 0;  ///< 0 if nothing was found.
  unsigned page_bytes_log2 = 0;

  explicit operator bool() const { return leaf != 0; }
};

/// The caches of one processor, and the PCID that it runs with.
///
/// Of several pages of different size that translate an address, which the manual leaves open
/// (4.10.2.3), the smallest serves. Externally synchronized.
///
/// Invariants, checked by CheckInvariants(): those of its parts.
class Tlb {
 public:
  Tlb() : Tlb(WalkCaching::kOn, nullptr) {}
  /// A spill may be absent; else it outlives the TLB.
  Tlb(WalkCaching walk_caching, TlbSpill* spill) : walk_caching_(walk_caching), spill_(spill) {}
  Tlb(const Tlb&) = delete;
  Tlb& operator=(const Tlb&) = delete;

  arch::Pcid pcid() const { return pcid_; }
  /// What MOV to CR3 does to the PCID; forgetting is another matter.
  void set_pcid(arch::Pcid pcid) { pcid_ = pcid; }

  /// Returns the translation of `at` under the current PCID, if it is cached.
  TlbHit Find(VirtAddr at) const {
    if (const std::uint64_t leaf = small_.Find(at, pcid_); leaf != 0) {
      return TlbHit{leaf, PageBytesLog2(0)};
    }
    if (const std::uint64_t leaf = large_.Find(at, pcid_); leaf != 0) {
      return TlbHit{leaf, PageBytesLog2(1)};
    }
    if (const std::uint64_t leaf = huge_.Find(at, pcid_); leaf != 0) {
      return TlbHit{leaf, PageBytesLog2(2)};
    }
    return spill_ == nullptr ? TlbHit{} : FindSpilled(at);
  }

  /// Caches the translation that a walk for `at` ended with. Requires: the walk translated.
  void Insert(VirtAddr at, unsigned level, std::uint64_t leaf);

  /// Returns the lowest remembered table for `at`.
  std::optional<WalkStep> FindTable(VirtAddr at) const {
    return walk_caching_ == WalkCaching::kOn ? walks_.Find(at, pcid_) : std::nullopt;
  }

  /// Remembers a table below the root that a walk for `at` has come through.
  void InsertTable(VirtAddr at, const WalkStep& step) {
    if (walk_caching_ == WalkCaching::kOn) {
      walks_.Insert(at, pcid_, step);
    }
  }

  /// Forgets what `flush` says.
  void Flush(const TlbFlush& flush);

  /// Forgets all that translated `at`, as a page fault does (4.10.4.1): the next try walks.
  void ForgetFaulting(VirtAddr at);

  const TlbCounters& counters() const { return counters_; }
  /// The number of translations cached, not counting those spilled.
  std::size_t size() const { return small_.count() + large_.count() + huge_.count(); }

  void CheckInvariants() const;

 private:
  TlbHit FindSpilled(VirtAddr at) const;
  void Drop(const TlbFlush& flush);

  // 1024, 128 and 16 entries: the second level of a server processor of these years.
  TlbArray<0, 8, 4> small_;
  TlbArray<1, 5, 4> large_;
  TlbArray<2, 2, 4> huge_;
  WalkCache walks_;
  arch::Pcid pcid_;
  WalkCaching walk_caching_;
  TlbSpill* spill_;
  TlbCounters counters_;
};

}  // namespace pageward::ptable
