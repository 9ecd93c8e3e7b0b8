// Programs for an MMU: what software does to page tables, registers and cached translations, and
// the accesses in between. As values, so that different MMUs can perform the same program.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "runtime/core/address.h"
#include "runtime/ptable/tlb.h"
#include "runtime/ptable/tlb_entry.h"
#include "tests/support/ptable/instruction.h"
#include "tests/support/ptable/sparse_ram.h"

namespace pageward::testing_support {

enum class RegisterName : std::uint8_t { kCr0, kCr3, kCr4, kEfer, kPkru, kPkrs };
inline constexpr unsigned kRegisterCount = 6;

namespace mmu_op {

/// Everything cached is flushed. From here on, accesses are to certain pages only.
struct BeginEpisode {
  std::uint32_t index;  ///< Into MmuProgram::episodes.
};
/// MOV to a control register, WRMSR, WRPKRU. CR3: the operand, with PCID and bit 63.
struct WriteRegister {
  RegisterName which;
  std::uint64_t value;
};
/// An entry of a table is replaced, by software that knows where it is.
struct Poke {
  PhysAddr at;
  std::uint64_t word;
};
struct Invlpg {
  VirtAddr at;
};
struct Invpcid {
  ptable::TlbFlush flush;
};
struct Access {
  Instruction instruction;
  bool is_user;
  bool is_ac_set;       ///< RFLAGS.AC.
  bool is_coherent;     ///< Everything that it depends on has been flushed since it changed.
  VirtAddr at;          ///< In a page of the episode, or not canonical.
  std::uint64_t value;  ///< What is stored.
  /// An entry that is looked at afterwards, for its bits A and D; 0: none.
  PhysAddr entry;
};

}  // namespace mmu_op

using MmuOperation = std::variant<mmu_op::BeginEpisode, mmu_op::WriteRegister, mmu_op::Poke,
                                  mmu_op::Invlpg, mmu_op::Invpcid, mmu_op::Access>;

struct MmuProgram {
  unsigned levels = 4;
  unsigned phys_bits = 40;
  /// IA32_PKRS always leaves supervisor pages with this key open: the guest's own pages have it.
  unsigned open_key = 0;
  /// Which caches a performer may have for the accesses that are not coherent.
  ptable::WalkCaching walk_caching = ptable::WalkCaching::kOff;
  /// How much RAM there is, if more than up to its last frame that was written.
  std::uint64_t ram_bytes = 0;
  /// Accesses that were made others, since the oracle is known to be wrong about them.
  std::uint64_t avoided = 0;
  SparseRam ram;                                ///< At the start.
  std::vector<std::vector<VirtAddr>> episodes;  ///< The pages of each.
  std::vector<MmuOperation> operations;
};

/// What came of an operation.
struct Observation {
  enum class End : std::uint8_t { kDone, kPageFault, kGeneralProtection, kOther };

  End end = End::kDone;
  std::uint32_t code = 0;    ///< Of a page fault; the vector if kOther.
  VirtAddr fault_address{};  ///< Of a page fault.
  std::uint64_t value = 0;   ///< What was loaded; the word that Poke replaced.
  std::uint64_t entry = 0;   ///< What Access::entry held afterwards.

  friend bool operator==(const Observation&, const Observation&) = default;
};

/// What an MMU made of a program.
struct MmuRun {
  std::vector<Observation> observations;  ///< One for each operation.
  SparseRam ram;                          ///< At the end.
};

std::string Describe(const MmuOperation& operation);
std::string Describe(const Observation& observation);

}  // namespace pageward::testing_support
