// What the x86-64 processor reads in an entry of a paging structure, and the registers that decide
// what it makes of it. Bits only: who walks and who changes tables is the business of ptable.
//
// Source: Intel SDM, volume 3A, chapter 4 ("Paging"); sections are named beside each fact. Here
// levels are counted from the leaf: 0 page table, 1 page directory, 2 page-directory-pointer table,
// 3 PML4, 4 PML5.
#pragma once

#include <compare>
#include <cstdint>

#include "runtime/arch/pkru.h"
#include "runtime/core/address.h"
#include "runtime/core/bit_field.h"
#include "runtime/core/check.h"

namespace pageward::arch {

/// The fields of a paging-structure entry (4.5, tables 4-14 to 4-20). Where P is 0 the processor
/// reads nothing else.
struct PagingEntry {
  using Present = BitField<bool, 0, 1>;        ///< P
  using Writable = BitField<bool, 1, 1>;       ///< R/W: of all levels together
  using User = BitField<bool, 2, 1>;           ///< U/S: of all levels together
  using WriteThrough = BitField<bool, 3, 1>;   ///< PWT
  using CacheDisable = BitField<bool, 4, 1>;   ///< PCD
  using Accessed = BitField<bool, 5, 1>;       ///< A: set in every entry that is used
  using Dirty = BitField<bool, 6, 1>;          ///< D: set in a leaf that is written through
  using LargePage = BitField<bool, 7, 1>;      ///< PS: at levels 1 and 2, a leaf
  using Pat = BitField<bool, 7, 1>;            ///< PAT of a leaf at level 0
  using Global = BitField<bool, 8, 1>;         ///< G: of a leaf, if CR4.PGE
  using Available = BitField<unsigned, 9, 3>;  ///< AVL: software's
  using LargePat = BitField<bool, 12, 1>;      ///< PAT of a leaf at levels 1 and 2
  using Frame = BitField<std::uint64_t, 12, 40>;
  using Ignored = BitField<unsigned, 52, 7>;  ///< Software's, too
  using Key = BitField<unsigned, 59, 4>;      ///< Protection key of a leaf
  using NoExecute = BitField<bool, 63, 1>;    ///< XD: of all levels together; reserved without NXE
};
static_assert(kAreDisjoint<PagingEntry::Present, PagingEntry::Writable, PagingEntry::User,
                           PagingEntry::WriteThrough, PagingEntry::CacheDisable,
                           PagingEntry::Accessed, PagingEntry::Dirty, PagingEntry::LargePage,
                           PagingEntry::Global, PagingEntry::Available, PagingEntry::Frame,
                           PagingEntry::Ignored, PagingEntry::Key, PagingEntry::NoExecute>);

/// Entries of a table, and the bits of an address that one level decides (4.5).
inline constexpr unsigned kTableEntriesLog2 = 9;

/// MAXPHYADDR: how many bits a physical address has (4.1.4). Bits of an entry's address field from
/// here on are reserved. 40 is what QEMU's processors report unless told otherwise.
class PhysBits {
 public:
  static constexpr unsigned kLeast = 32;
  static constexpr unsigned kMost = 52;

  constexpr PhysBits() = default;
  explicit constexpr PhysBits(unsigned value) : value_(static_cast<std::uint8_t>(value)) {
    PW_ASSERT(value >= kLeast && value <= kMost);
  }

  constexpr unsigned value() const { return value_; }
  /// Returns whether `address` can be written into an entry.
  constexpr bool Contains(PhysAddr address) const { return address.value() >> value_ == 0; }

  friend constexpr auto operator<=>(PhysBits, PhysBits) = default;

 private:
  std::uint8_t value_ = 40;
};

/// Returns whether all bits of `address` from the top one that `levels` of tables decide are equal
/// (volume 1, 3.3.7.1). The processor answers #GP to anything else, not #PF.
constexpr bool IsCanonical(VirtAddr address, unsigned levels) {
  const unsigned unused = 64 - (12 + kTableEntriesLog2 * levels);
  const auto shifted = static_cast<std::int64_t>(address.value() << unused);
  return static_cast<std::uint64_t>(shifted >> unused) == address.value();
}

/// A process-context identifier: whose translations these are (4.10.1).
class Pcid {
 public:
  static constexpr unsigned kCount = 1u << 12;

  constexpr Pcid() = default;
  explicit constexpr Pcid(unsigned value) : value_(static_cast<std::uint16_t>(value)) {
    PW_ASSERT(value < kCount);
  }

  constexpr unsigned value() const { return value_; }

  friend constexpr auto operator<=>(Pcid, Pcid) = default;

 private:
  std::uint16_t value_ = 0;
};

// --- Registers (2.5) ---------------------------------------------------------------------------

struct Cr0 {
  using WriteProtect = BitField<bool, 16, 1>;  ///< WP: read-only pages bind the supervisor, too
};

struct Cr3 {
  using ContextId = BitField<unsigned, 0, 12>;         ///< The PCID, if CR4.PCIDE
  using TableFrame = BitField<std::uint64_t, 12, 40>;  ///< Where the top table is
  using KeepTranslations = BitField<bool, 63, 1>;      ///< Of the operand of MOV to CR3 (4.10.4.1)
};

struct Cr4 {
  using GlobalPages = BitField<bool, 7, 1>;      ///< PGE
  using FiveLevels = BitField<bool, 12, 1>;      ///< LA57
  using ContextIds = BitField<bool, 17, 1>;      ///< PCIDE
  using NoUserFetch = BitField<bool, 20, 1>;     ///< SMEP
  using NoUserAccess = BitField<bool, 21, 1>;    ///< SMAP
  using UserKeys = BitField<bool, 22, 1>;        ///< PKE: PKRU rules over user pages
  using SupervisorKeys = BitField<bool, 24, 1>;  ///< PKS: IA32_PKRS rules over supervisor pages
};

struct Efer {
  using NoExecute = BitField<bool, 11, 1>;  ///< NXE
};

/// IA32_PKRS: what PKRU is for user pages, for supervisor pages (4.6.2). A type of its own, because
/// the page and not the access chooses between the two.
class Pkrs {
 public:
  constexpr Pkrs() = default;
  explicit constexpr Pkrs(std::uint32_t value) : rights_(value) {}

  constexpr std::uint32_t value() const { return rights_.value(); }
  constexpr KeyAccess AccessOf(Pkey key) const { return rights_.AccessOf(key); }
  [[nodiscard]] constexpr Pkrs With(Pkey key, KeyAccess access) const {
    return Pkrs(rights_.With(key, access).value());
  }

  friend constexpr bool operator==(Pkrs, Pkrs) = default;

 private:
  Pkru rights_;
};

// --- Page faults (4.7) -------------------------------------------------------------------------

/// The error code that a page fault pushes.
class PageFaultCode {
 public:
  using IsPresent = BitField<bool, 0, 1>;   ///< P: some right was missing, not the page
  using IsWrite = BitField<bool, 1, 1>;     ///< W/R
  using IsUser = BitField<bool, 2, 1>;      ///< U/S: of the access, not of the page
  using IsReserved = BitField<bool, 3, 1>;  ///< RSVD: a reserved bit was set in an entry
  using IsFetch = BitField<bool, 4, 1>;     ///< I/D: told only if CR4.SMEP or EFER.NXE
  using IsKey = BitField<bool, 5, 1>;       ///< PK: the page's key is closed for this access

  constexpr PageFaultCode() = default;
  explicit constexpr PageFaultCode(std::uint32_t value) : value_(value) {}

  constexpr std::uint32_t value() const { return value_; }
  template <typename Field>
  constexpr bool Has() const {
    return Field::Get(value_);
  }
  template <typename Field>
  [[nodiscard]] constexpr PageFaultCode With(bool set) const {
    return PageFaultCode(static_cast<std::uint32_t>(Field::Set(value_, set)));
  }

  friend constexpr bool operator==(PageFaultCode, PageFaultCode) = default;

 private:
  std::uint32_t value_ = 0;
};

}  // namespace pageward::arch
