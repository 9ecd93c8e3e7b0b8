// The table that user code runs with when the kernel's is kept from it: kernel page-table
// isolation.
//
// It has the user's half, what has to be there to enter the kernel, and the table of segments (LDT)
// if there is one; nothing else of the kernel, and no window of anybody's.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/core/result.h"
#include "runtime/ptable/mapper.h"
#include "runtime/sim/direct_map.h"
#include "runtime/sim/kernel_layout.h"
#include "runtime/sim/ptp_pool.h"

namespace pageward::sim {

/// Returns the PCID that user code of a process with `pcid` runs with: bit 11 is set, as in Linux.
constexpr arch::Pcid UserPcidOf(arch::Pcid pcid) {
  return arch::Pcid(pcid.value() | 1u << 11);
}

/// The root for user code of one process. Externally synchronized.
class UserRoot {
 public:
  UserRoot(KernelMemory& memory, ptable::PtpSource& tables) : memory_(memory), tables_(tables) {}
  UserRoot(const UserRoot&) = delete;
  UserRoot& operator=(const UserRoot&) = delete;

  /// Makes the root, with the entries that must stay, which are those of `kernel_root`.
  /// Errors: kNoFrames.
  Status Create(PhysAddr kernel_root, const Format& format);
  /// Gives its tables back. Requires: no processor has it loaded.
  void Destroy();
  bool Exists() const { return table_.has_value(); }
  PhysAddr root() const { return table_->root(); }

  /// Copies the entries of the user's half for `range` from the root that they are changed in.
  void CopyUserEntries(PhysAddr kernel_root, VirtRange range);

  /// Shows the pages of the LDT, or does not any more. Errors: kInUse, kNoMemory.
  Status MapLdt(VirtRange range, PhysAddr first);
  void UnmapLdt(VirtRange range, ptable::TlbFlusher& flusher);

 private:
  KernelMemory& memory_;
  ptable::PtpSource& tables_;
  // Its own entry is the one of the mm-local region: all others are copies.
  std::optional<KernelTable> table_;
};

}  // namespace pageward::sim
