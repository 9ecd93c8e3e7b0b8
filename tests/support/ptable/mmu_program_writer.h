// Writes random programs for an MMU.
#pragma once

#include <cstdint>

#include "tests/support/ptable/mmu_program.h"
#include "tests/support/ptable/mmu_reference.h"
#include "tests/support/ptable/mmu_world.h"
#include "tests/support/ptable/number_source.h"

namespace pageward::testing_support {

/// Whether the software in a program flushes what it should.
enum class FlushDiscipline : std::uint8_t {
  kCoherent,  ///< Before each access all that it depends on is flushed, by any sufficient means.
  kRandom,    ///< Now and then something is flushed.
};

/// Whether a program has accesses that QEMU is known to end otherwise than the manual says, in a
/// way that changes memory: implicit ones to user pages, where SMAP forbids them and RFLAGS.AC is
/// set. docs/oracle.md has the evidence.
enum class KnownErrors : std::uint8_t { kIncluded, kAvoided };

struct ProgramShape {
  FlushDiscipline flushes = FlushDiscipline::kCoherent;
  KnownErrors known_errors = KnownErrors::kIncluded;
  unsigned levels = 4;
  unsigned phys_bits = 40;
  bool has_pcids = false;
  unsigned open_key = 0;
  ptable::WalkCaching walk_caching = ptable::WalkCaching::kOn;
};

/// Returns any coherent access to a data word of the page at `page`.
mmu_op::Access AnyAccess(NumberSource& numbers, VirtAddr page);

/// Clears RFLAGS.AC of an implicit access by a supervisor, which QEMU may excuse from SMAP for it.
/// Returns 1 if that changed the access, else 0, for MmuProgram::avoided.
std::uint64_t AvoidKnownError(mmu_op::Access& access);

/// Returns writes of all registers but CR3, any values, with NXE and global pages.
std::vector<MmuOperation> AnyRights(NumberSource& numbers, unsigned levels, unsigned open_key);

/// Draws all that it decides from one source of numbers.
class MmuProgramWriter {
 public:
  MmuProgramWriter(NumberSource& numbers, const ProgramShape& shape);

  /// Adds operations until there are `accesses` more accesses, or the numbers are used up.
  void Write(std::uint64_t accesses);

  const MmuProgram& program() const { return program_; }
  MmuProgram TakeProgram() { return std::move(program_); }

 private:
  static constexpr unsigned kPagesOfEpisode = 16;
  static constexpr unsigned kAccessesOfEpisode = 400;

  void Add(const MmuOperation& operation);
  void BeginEpisode();
  void WriteRegister(RegisterName which);
  void ChangeTables();
  void FlushSomething(VirtAddr at);
  void MakeCertain(VirtAddr at);
  void AddAccess();
  void LookAtSomeEntry(mmu_op::Access& access);
  VirtAddr AnyPage() { return numbers_.OneOf(program_.episodes.back()); }

  NumberSource& numbers_;
  const ProgramShape shape_;
  MmuWorld world_;
  MmuProgram program_;
  MmuReference reference_;
};

}  // namespace pageward::testing_support
