// One cached translation, and what makes a processor forget it.
//
// Source: Intel SDM, volume 3A, section 4.10 (caching translation information).
#pragma once

#include <cstdint>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/address.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// Returns log2 of the bytes that a leaf of `level` maps.
constexpr unsigned PageBytesLog2(unsigned level) {
  return kTableBytesLog2 + arch::kTableEntriesLog2 * level;
}

/// A translation as the processor keeps it (4.10.2.2): the leaf with the rights of its whole path.
/// It stands by itself: what happens to the tables afterwards does not change it.
class TlbEntry {
 public:
  /// An entry that translates nothing.
  constexpr TlbEntry() = default;

  /// Requires: `leaf` is present.
  constexpr TlbEntry(VirtAddr at, arch::Pcid pcid, unsigned level, std::uint64_t leaf)
      : page_(AlignedRange(at, PageBytesLog2(level)).begin),
        leaf_(leaf),
        pcid_(pcid),
        level_(static_cast<std::uint8_t>(level)) {}

  constexpr bool IsValid() const { return arch::PagingEntry::Present::Get(leaf_); }
  constexpr VirtRange range() const {
    return VirtRange{page_, std::uint64_t{1} << PageBytesLog2(level_)};
  }
  constexpr unsigned level() const { return level_; }
  constexpr arch::Pcid pcid() const { return pcid_; }
  constexpr std::uint64_t leaf() const { return leaf_; }
  /// Returns whether it serves every PCID (4.10.2.4). The leaf's G, if CR4.PGE was set.
  constexpr bool is_global() const { return arch::PagingEntry::Global::Get(leaf_); }

  /// Returns whether it translates `at` for `pcid`.
  constexpr bool Serves(VirtAddr at, arch::Pcid pcid) const {
    return IsValid() && range().Contains(at) && (is_global() || pcid_ == pcid);
  }

  friend constexpr bool operator==(const TlbEntry&, const TlbEntry&) = default;

 private:
  VirtAddr page_;
  std::uint64_t leaf_ = 0;
  arch::Pcid pcid_;
  std::uint8_t level_ = 0;
};

/// What a processor is told to forget (4.10.4.1). Of what is allowed to go besides, nothing goes.
struct TlbFlush {
  enum class Kind : std::uint8_t {
    kPage,          ///< INVLPG: one address for `pcid`, and for all if it is global.
    kPageOfPcid,    ///< INVPCID type 0: one address for `pcid`, if not global.
    kPcid,          ///< INVPCID type 1 and MOV to CR3: all of `pcid` that is not global.
    kAllButGlobal,  ///< INVPCID type 3.
    kAll,           ///< INVPCID type 2, and MOV to CR4 that changes PGE or clears PCIDE.
  };

  Kind kind = Kind::kAll;
  arch::Pcid pcid;
  VirtAddr address;

  /// Returns whether `entry` has to go.
  constexpr bool Covers(const TlbEntry& entry) const {
    switch (kind) {
      case Kind::kPage:
        return entry.Serves(address, pcid);
      case Kind::kPageOfPcid:
        return !entry.is_global() && entry.Serves(address, pcid);
      case Kind::kPcid:
        return !entry.is_global() && entry.pcid() == pcid;
      case Kind::kAllButGlobal:
        return !entry.is_global();
      case Kind::kAll:
        break;
    }
    return true;
  }
};

}  // namespace pageward::ptable
