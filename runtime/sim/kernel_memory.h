// Page tables as the simulated kernel writes them: through its direct map, with the rights it has.
//
// A processor walks tables by physical address and asks nobody. The kernel has no such access: it
// writes where the table's page is mapped, and if the page carries the key of tables it must be at
// the right level. Both sides see the same bytes.
#pragma once

#include <cstdint>

#include "runtime/ptable/table_memory.h"
#include "runtime/sim/kernel_layout.h"
#include "runtime/sim/machine.h"

namespace pageward::sim {

/// Whether table pages carry a key, and so whether writing one takes a level.
enum class TableProtection : std::uint8_t { kNone, kKeyed };

/// Whether many writes of tables share one pair of changes of the register, or each has its own.
enum class LevelBatching : std::uint8_t { kOff, kOn };

/// Implements ptable::TableMemory for the kernel.
///
/// Before the direct map is loaded, writes go to physical addresses, as those of early boot code
/// do.
class KernelMemory {
 public:
  KernelMemory(Machine& machine, TableProtection protection, LevelBatching batching)
      : machine_(machine), protection_(protection), batching_(batching) {}
  KernelMemory(const KernelMemory&) = delete;
  KernelMemory& operator=(const KernelMemory&) = delete;

  Machine& machine() { return machine_; }
  TableProtection protection() const { return protection_; }
  LevelBatching batching() const { return batching_; }

  /// From here on writes go through the direct map.
  void LeaveBoot() { is_booting_ = false; }

  VirtAddr DirectAddressOf(PhysAddr at) const {
    return kDirectMapBase + (at - machine_.ram().base());
  }

  std::uint64_t Load(PhysAddr at) const { return machine_.ram().Load(at); }
  void Store(PhysAddr at, std::uint64_t word) {
    const WriteScope scope(*this, at);
    machine_.ram().Store(at, word);
  }
  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    const WriteScope scope(*this, at);
    return machine_.ram().CompareExchange(at, expected, word);
  }

  /// Clears a table page, with the rights that writing to it takes.
  void ZeroTable(FrameNumber frame);

 private:
  // Has the right to write at a place, or ends the simulation.
  class WriteScope {
   public:
    WriteScope(KernelMemory& memory, PhysAddr at) {
      if (!memory.is_booting_) {
        cpu_ = &CurrentCpu();
        if (memory.protection_ == TableProtection::kKeyed) {
          before_ = cpu_->EnterLevel<Level::kTables>();
        }
        memory.CheckWritable(*cpu_, at);
      }
    }
    ~WriteScope() {
      if (cpu_ != nullptr) {
        cpu_->Restore(before_);
      }
    }
    WriteScope(const WriteScope&) = delete;
    WriteScope& operator=(const WriteScope&) = delete;

   private:
    Cpu* cpu_ = nullptr;
    std::optional<Level> before_;
  };

  void CheckWritable(Cpu& cpu, PhysAddr at);

  Machine& machine_;
  const TableProtection protection_;
  const LevelBatching batching_;
  bool is_booting_ = true;
};
static_assert(ptable::TableMemory<KernelMemory>);

/// Holds the right to write tables for many writes: one change of the register where there would be
/// two for each. In an interrupt there is no batch, since its rights are not those of what it
/// interrupts.
class TableBatch {
 public:
  explicit TableBatch(KernelMemory& memory) : cpu_(CurrentCpu()) {
    const bool is_batched = memory.protection() == TableProtection::kKeyed &&
                            memory.batching() == LevelBatching::kOn && !cpu_.IsInInterrupt();
    if (is_batched) {
      before_ = cpu_.EnterLevel<Level::kTables>();
    }
  }
  ~TableBatch() { cpu_.Restore(before_); }
  TableBatch(const TableBatch&) = delete;
  TableBatch& operator=(const TableBatch&) = delete;

 private:
  Cpu& cpu_;
  std::optional<Level> before_;
};

}  // namespace pageward::sim
