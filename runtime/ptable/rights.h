// Who may do what with a page: the processor's rules, as one function of what the entries say, what
// the registers say, and the access.
//
// Source: Intel SDM, volume 3A, sections 4.6 (access rights, protection keys) and 4.7 (error
// codes).
#pragma once

#include <cstdint>

#include "runtime/arch/x86_paging.h"

namespace pageward::ptable {

enum class AccessKind : std::uint8_t { kRead, kWrite, kFetch };

/// On whose behalf (4.6.1). Implicit are the processor's own accesses to descriptor tables and the
/// like: supervisor accesses that RFLAGS.AC does not excuse from SMAP.
enum class AccessMode : std::uint8_t { kSupervisor, kImplicitSupervisor, kUser };

struct Access {
  AccessKind kind = AccessKind::kRead;
  AccessMode mode = AccessMode::kSupervisor;

  friend constexpr bool operator==(Access, Access) = default;
};

/// The registers that paging obeys, as their bits are.
struct PagingRegisters {
  std::uint64_t cr0 = arch::Cr0::WriteProtect::Encode(true);
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::uint64_t efer = arch::Efer::NoExecute::Encode(true);
  arch::Pkru pkru;
  arch::Pkrs pkrs;
  bool is_ac_set = false;  ///< RFLAGS.AC: a supervisor means it (STAC).

  /// Returns how many levels of tables a walk goes through.
  constexpr unsigned levels() const { return arch::Cr4::FiveLevels::Get(cr4) ? 5 : 4; }
  /// Returns whose translations new ones are (4.10.1).
  constexpr arch::Pcid pcid() const {
    return arch::Pcid(arch::Cr4::ContextIds::Get(cr4) ? arch::Cr3::ContextId::Get(cr3) : 0);
  }
};

/// What the entries of a walk permit together, at the places of the bits of one entry: R/W and U/S
/// if all of them have it, XD if one has (4.6).
class PathRights {
 public:
  /// Those of no entries at all.
  constexpr PathRights() = default;

  /// Returns the rights of a path that goes on through entry `word`.
  constexpr PathRights Through(std::uint64_t word) const {
    return PathRights((bits_ & word & kIfAll) | ((bits_ | word) & ~kIfAll & kAll));
  }

  /// Returns the leaf `word` as if it stood alone.
  constexpr std::uint64_t AppliedTo(std::uint64_t word) const {
    return (word & ~kAll) | Through(word).bits_;
  }

  friend constexpr bool operator==(PathRights, PathRights) = default;

 private:
  static constexpr std::uint64_t kIfAll =
      arch::PagingEntry::Writable::kMask | arch::PagingEntry::User::kMask;
  static constexpr std::uint64_t kAll = kIfAll | arch::PagingEntry::NoExecute::kMask;

  explicit constexpr PathRights(std::uint64_t bits) : bits_(bits) {}

  std::uint64_t bits_ = kIfAll;
};

/// Returns the bits of an error code that tell about the access itself (4.7).
constexpr arch::PageFaultCode CodeOfAccess(const PagingRegisters& registers, Access access) {
  using Code = arch::PageFaultCode;
  const bool tells_fetch =
      arch::Cr4::NoUserFetch::Get(registers.cr4) || arch::Efer::NoExecute::Get(registers.efer);
  return Code()
      .With<Code::IsWrite>(access.kind == AccessKind::kWrite)
      .With<Code::IsUser>(access.mode == AccessMode::kUser)
      .With<Code::IsFetch>(access.kind == AccessKind::kFetch && tells_fetch);
}

/// Returns whether the key of the page closes it for a data access (4.6.2). `leaf` is the word of
/// its leaf with the rights of its path: the U/S of all levels together chooses the register.
constexpr bool IsClosedByKey(std::uint64_t leaf, const PagingRegisters& registers, Access access) {
  if (access.kind == AccessKind::kFetch) {
    return false;
  }
  const bool is_user_page = arch::PagingEntry::User::Get(leaf);
  const bool is_enabled = is_user_page ? arch::Cr4::UserKeys::Get(registers.cr4)
                                       : arch::Cr4::SupervisorKeys::Get(registers.cr4);
  if (!is_enabled) {
    return false;
  }
  const std::uint32_t rights = is_user_page ? registers.pkru.value() : registers.pkrs.value();
  const std::uint32_t bits = rights >> (2 * arch::PagingEntry::Key::Get(leaf)) & 3;
  const bool obeys_write_disable =
      access.mode == AccessMode::kUser || arch::Cr0::WriteProtect::Get(registers.cr0);
  const bool is_access_disabled = (bits & 1) != 0;
  const bool is_write_disabled = (bits & 2) != 0;
  return is_access_disabled ||
         (is_write_disabled && access.kind == AccessKind::kWrite && obeys_write_disable);
}

/// Returns whether U/S, R/W and XD let the access through (4.6.1), keys left aside.
constexpr bool IsAllowedByMode(std::uint64_t leaf, const PagingRegisters& registers,
                               Access access) {
  const bool is_user_page = arch::PagingEntry::User::Get(leaf);
  const bool is_user = access.mode == AccessMode::kUser;
  if (is_user && !is_user_page) {
    return false;
  }
  if (access.kind == AccessKind::kFetch) {
    const bool is_smep_hit = !is_user && is_user_page && arch::Cr4::NoUserFetch::Get(registers.cr4);
    const bool is_no_execute =
        arch::PagingEntry::NoExecute::Get(leaf) && arch::Efer::NoExecute::Get(registers.efer);
    return !is_smep_hit && !is_no_execute;
  }
  if (!is_user && is_user_page && arch::Cr4::NoUserAccess::Get(registers.cr4)) {
    const bool is_excused = access.mode == AccessMode::kSupervisor && registers.is_ac_set;
    if (!is_excused) {
      return false;
    }
  }
  const bool obeys_read_only = is_user || arch::Cr0::WriteProtect::Get(registers.cr0);
  return access.kind != AccessKind::kWrite || arch::PagingEntry::Writable::Get(leaf) ||
         !obeys_read_only;
}

/// Returns the error code of the fault that an access to a present page ends in, or zero if it is
/// allowed. A closed key is told whether or not something else forbids the access as well (4.7).
constexpr arch::PageFaultCode DenialOf(std::uint64_t leaf, const PagingRegisters& registers,
                                       Access access) {
  const bool is_closed = IsClosedByKey(leaf, registers, access);
  if (!is_closed && IsAllowedByMode(leaf, registers, access)) {
    return arch::PageFaultCode();
  }
  return CodeOfAccess(registers, access)
      .With<arch::PageFaultCode::IsPresent>(true)
      .With<arch::PageFaultCode::IsKey>(is_closed);
}

}  // namespace pageward::ptable
