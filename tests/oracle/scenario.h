// What a kernel does to its page tables, by the operations of ptable: as a program that another MMU
// can perform as well.
//
// A direct map of 1 GiB that is split, closed, keyed and put together again, and mappings of users,
// in one address space. Every word that ptable writes into a table becomes an operation, and every
// access is one that ptable says is flushed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/ptable/mapper.h"
#include "runtime/ptable/page_table.h"
#include "runtime/ptable/shootdown.h"
#include "runtime/ptable/tlb_gather.h"
#include "runtime/ptable/x86_64_format.h"
#include "tests/support/ptable/mmu_program.h"
#include "tests/support/ptable/number_source.h"
#include "tests/support/ptable/software_machine.h"

namespace pageward::oracle {

/// RAM whose every change is an operation of a program, performed at once.
class RecordingMemory {
 public:
  RecordingMemory(testing_support::MmuProgram& program, testing_support::MmuRun& run)
      : program_(program), run_(run) {}

  std::uint64_t Load(PhysAddr at) const { return run_.ram.Load(at); }
  void Store(PhysAddr at, std::uint64_t word) {
    Record(testing_support::mmu_op::Poke{at, word}, Load(at));
    run_.ram.Store(at, word);
  }
  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    const std::uint64_t old = Load(at);
    if (old == expected) {
      Store(at, word);
    }
    return old;
  }

 private:
  void Record(const testing_support::MmuOperation& operation, std::uint64_t old) {
    testing_support::Observation observation;
    observation.value = old;
    program_.operations.push_back(operation);
    run_.observations.push_back(observation);
  }

  testing_support::MmuProgram& program_;
  testing_support::MmuRun& run_;
};
static_assert(ptable::TableMemory<RecordingMemory>);

/// Hands out frames from a range, and takes them back.
class RecordingPtpSource final : public ptable::PtpSource {
 public:
  explicit RecordingPtpSource(RecordingMemory& memory) : memory_(memory) {}

  std::optional<PhysAddr> Allocate() override;
  void Free(PhysAddr page) override { free_.push_back(page); }

 private:
  RecordingMemory& memory_;
  std::vector<PhysAddr> free_;
  PhysAddr next_{0x1000'0000};
};

/// Which flush is left out, if any.
struct MissingFlush {
  std::optional<std::uint64_t> number;  ///< Counted from 0.
};

class Scenario final : private ptable::TlbFlusher {
 public:
  explicit Scenario(std::uint64_t seed, const MissingFlush& missing = {});

  /// Changes the tables in some way, `changes` times, with accesses after each.
  void Run(unsigned changes);

  const testing_support::MmuProgram& program() const { return program_; }
  /// What the software MMU made of it.
  const testing_support::MmuRun& run() const { return run_; }
  std::uint64_t flushes() const { return flushes_; }
  std::uint64_t collapses() const { return collapses_; }

 private:
  using Table = ptable::PageTable<ptable::X86_64Format<4>, RecordingMemory>;

  void Flush(const ptable::FlushRequest& request) override;
  void Perform(const testing_support::MmuOperation& operation);
  void WriteRegisters();
  void ChangeDirectMap(VirtRange range, ptable::TlbGather& gather);
  void ChangeUserMap(VirtRange range, ptable::TlbGather& gather);
  void CollapseSome(VirtAddr at, ptable::TlbGather& gather);
  // Accesses data, half of the time in `range`.
  void AccessSome(VirtRange range);
  VirtAddr AnyPage();
  VirtRange AnyRange();

  testing_support::SeededNumbers numbers_;
  const MissingFlush missing_;
  testing_support::MmuProgram program_;
  testing_support::MmuRun run_;
  RecordingMemory memory_;
  RecordingPtpSource source_;
  Table table_;
  // The processor writes A and D by itself: its memory records nothing.
  testing_support::SoftwareMachine<testing_support::SparseRam> machine_;
  ptable::ShootdownCounters counters_;
  std::uint64_t flushes_ = 0;
  std::uint64_t collapses_ = 0;
};

}  // namespace pageward::oracle
