// The software MMU of ptable as a machine that performs programs.
#pragma once

#include <variant>

#include "runtime/ptable/mmu.h"
#include "tests/support/ptable/mmu_program.h"

namespace pageward::testing_support {

/// Returns what an access asks of an MMU.
constexpr ptable::Access AccessFor(Instruction instruction, bool is_user) {
  using ptable::AccessKind;
  using ptable::AccessMode;
  ptable::Access access;
  access.mode = IsImplicit(instruction) ? AccessMode::kImplicitSupervisor
                : is_user               ? AccessMode::kUser
                                        : AccessMode::kSupervisor;
  const bool is_write = instruction == Instruction::kStore8 ||
                        instruction == Instruction::kStore1 || instruction == Instruction::kAdd;
  access.kind = is_write                             ? AccessKind::kWrite
                : instruction == Instruction::kFetch ? AccessKind::kFetch
                                                     : AccessKind::kRead;
  return access;
}

/// One processor over memory that tables and data are in. Externally synchronized.
template <ptable::TableMemory Memory>
class SoftwareMachine {
 public:
  /// Requires: the memory outlives the machine.
  SoftwareMachine(Memory& memory, unsigned phys_bits, ptable::WalkCaching walk_caching)
      : memory_(memory),
        tlb_(walk_caching, nullptr),
        mmu_(memory, tlb_, arch::PhysBits(phys_bits)) {}

  Memory& memory() { return memory_; }
  ptable::Tlb& tlb() { return tlb_; }

  Observation Perform(const MmuOperation& operation) { return std::visit(*this, operation); }

  Observation operator()(const mmu_op::BeginEpisode&) {
    mmu_.Invpcid(ptable::TlbFlush{ptable::TlbFlush::Kind::kAll, arch::Pcid(), VirtAddr()});
    return {};
  }
  Observation operator()(const mmu_op::WriteRegister& write) {
    switch (write.which) {
      case RegisterName::kCr0:
        mmu_.WriteCr0(write.value);
        break;
      case RegisterName::kCr3:
        mmu_.WriteCr3(write.value);
        break;
      case RegisterName::kCr4:
        mmu_.WriteCr4(write.value);
        break;
      case RegisterName::kEfer:
        mmu_.WriteEfer(write.value);
        break;
      case RegisterName::kPkru:
        mmu_.WritePkru(arch::Pkru(static_cast<std::uint32_t>(write.value)));
        break;
      case RegisterName::kPkrs:
        mmu_.WritePkrs(arch::Pkrs(static_cast<std::uint32_t>(write.value)));
        break;
    }
    return {};
  }
  Observation operator()(const mmu_op::Poke& poke) {
    Observation observation;
    observation.value = memory_.Load(poke.at);
    memory_.Store(poke.at, poke.word);
    return observation;
  }
  Observation operator()(const mmu_op::Invlpg& invlpg) {
    mmu_.Invlpg(invlpg.at);
    return {};
  }
  Observation operator()(const mmu_op::Invpcid& invpcid) {
    mmu_.Invpcid(invpcid.flush);
    return {};
  }
  Observation operator()(const mmu_op::Access& access) {
    Observation observation = Make(access);
    observation.entry = access.entry.value() == 0 ? 0 : memory_.Load(access.entry);
    return observation;
  }

 private:
  Observation Make(const mmu_op::Access& access) {
    mmu_.WriteAc(access.is_ac_set);
    ptable::Access wanted = AccessFor(access.instruction, access.is_user);
    const ptable::Outcome outcome = mmu_.Translate(access.at, wanted);
    if (!outcome.IsTranslated()) {
      return AsObservation(outcome);
    }
    const auto offset = static_cast<unsigned>(outcome.address().value() % 8);
    const PhysAddr at(outcome.address().value() - offset);
    const std::uint64_t word = memory_.Load(at);
    const std::uint64_t changed = ChangedBy(access.instruction, word, offset, access.value);
    if (access.instruction == Instruction::kSegment && changed != word) {
      wanted.kind = ptable::AccessKind::kWrite;
      const ptable::Outcome write = mmu_.Translate(access.at, wanted);
      if (!write.IsTranslated()) {
        return AsObservation(write);
      }
    }
    if (changed != word) {
      memory_.Store(at, changed);
    }
    Observation observation;
    observation.value = LoadedBy(access.instruction, word, offset);
    return observation;
  }

  static Observation AsObservation(const ptable::Outcome& fault) {
    Observation observation;
    if (!fault.IsPageFault()) {
      observation.end = Observation::End::kGeneralProtection;
      return observation;
    }
    observation.end = Observation::End::kPageFault;
    observation.code = fault.code().value();
    observation.fault_address = fault.fault_address();
    return observation;
  }

  Memory& memory_;
  ptable::Tlb tlb_;
  ptable::Mmu<Memory> mmu_;
};

/// Performs all of a program, over a copy of its RAM.
inline MmuRun RunInSoftware(const MmuProgram& program) {
  MmuRun run;
  run.ram = program.ram;
  SoftwareMachine machine(run.ram, program.phys_bits, program.walk_caching);
  run.observations.reserve(program.operations.size());
  for (const MmuOperation& operation : program.operations) {
    run.observations.push_back(machine.Perform(operation));
  }
  return run;
}

}  // namespace pageward::testing_support
