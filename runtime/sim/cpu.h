// One simulated processor: registers, caches, the task that runs, and what it has done.
//
// A thread that simulates has one of them as its own for a scope (OnCpu); whatever the simulated
// kernel does meanwhile is done by that processor. Other threads reach into it only to let it
// forget translations.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/mutex.h"
#include "runtime/ptable/cpu_set.h"
#include "runtime/ptable/mmu.h"
#include "runtime/ptable/shootdown.h"
#include "runtime/sim/kernel_level.h"
#include "runtime/sim/meter.h"
#include "runtime/sim/sim_ram.h"

namespace pageward::sim {

/// Something that is scheduled: what a processor loads and saves when it turns to it.
struct Task {
  PhysAddr root{};    ///< Of the page table it runs with.
  arch::Pcid pcid{};  ///< Of that table.
  arch::Pkrs kernel_rights = DefaultRights();
  arch::Pkru user_rights = arch::kInitialPkru;
  std::uint32_t pins = 0;          ///< How many views keep it on its CPU.
  std::uint32_t open_windows = 0;  ///< How many of them give it the key of windows.
};

/// How an access of a word ended.
struct WordAccess {
  ptable::Outcome outcome;
  std::uint64_t word = 0;  ///< What was read, or was there before it was written.

  bool ok() const { return outcome.IsTranslated(); }
};

/// A processor. Its own thread uses it; Forget() is for all.
class Cpu {
 public:
  struct Features {
    arch::PhysBits phys_bits{46};
    ptable::WalkCaching walk_caching = ptable::WalkCaching::kOn;
    /// Without them a closed key stops nobody, as on a machine that lacks PKS.
    bool has_supervisor_keys = true;
  };

  Cpu(ptable::CpuNumber number, SimRam& ram, const Features& features);
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;

  ptable::CpuNumber number() const { return number_; }
  Meter& meter() { return meter_; }
  const Meter& meter() const { return meter_; }
  /// The registers, as they are now. For questions.
  const ptable::PagingRegisters& registers() const { return mmu_.registers(); }
  ptable::TlbCounters tlb_counters() PW_EXCLUDES(mutex_);

  // --- Accesses -------------------------------------------------------------------------------

  ptable::Outcome Translate(VirtAddr at, ptable::Access access) PW_EXCLUDES(mutex_);

  /// Reads or writes the word at `at`, a multiple of 8, by all rules of the MMU.
  WordAccess Read(VirtAddr at, ptable::AccessMode mode = ptable::AccessMode::kSupervisor);
  WordAccess Write(VirtAddr at, std::uint64_t word,
                   ptable::AccessMode mode = ptable::AccessMode::kSupervisor);

  // --- Tasks ----------------------------------------------------------------------------------

  /// Saves what runs and loads `task`: its table unless it is loaded already, its rights.
  ///
  /// Requires: what runs is not pinned, and the processor is not in an interrupt.
  void SwitchTo(Task& task);
  /// The task that runs. Requires: there is one.
  Task& task() { return *task_; }
  bool HasTask() const { return task_ != nullptr; }

  /// Loads another table for the task that runs, keeping what is cached of both.
  void LoadTable(PhysAddr root, arch::Pcid pcid);

  // --- Levels ---------------------------------------------------------------------------------

  Level level() const { return LevelOf(registers().pkrs); }

  /// Enters a level; returns the former one, or nothing if it is active already and nothing was
  /// written. A constant decides, so that no caller can be made to open something else.
  template <Level kLevel>
  std::optional<Level> EnterLevel() {
    const Level before = level();
    if (before == kLevel) {
      return std::nullopt;
    }
    WriteKernelRights(AtLevel(registers().pkrs, kLevel));
    return before;
  }
  /// Ends what EnterLevel() began with what it returned. Keys that are not the framework's are left
  /// as they are by now.
  void Restore(std::optional<Level> before) {
    if (before) {
      WriteKernelRights(AtLevel(registers().pkrs, *before));
    }
  }

  /// Gives this task the key of windows, as often as it is taken away again.
  void OpenWindowKey();
  void CloseWindowKey();

  // --- Interrupts -----------------------------------------------------------------------------

  /// Saves the rights of what is interrupted and runs with the default ones, and back. They nest.
  void EnterInterrupt();
  void LeaveInterrupt();
  bool IsInInterrupt() const { return interrupt_depth_ > 0; }

  /// How deep conversions, refills and protections are nested here; see NestingScope.
  std::uint8_t nesting() const { return nesting_; }
  void EnterNesting() { ++nesting_; }
  void LeaveNesting() { --nesting_; }

  /// Whether whoever runs here holds what compaction would take: then it must not begin.
  bool MayCompact() const { return no_compaction_depth_ == 0; }

  // --- Flushes --------------------------------------------------------------------------------

  /// Forgets what `request` says, as the target says; returns what it took. From any thread.
  ptable::ShootdownCounters Forget(const ptable::FlushRequest& request,
                                   const ptable::ShootdownTarget& target) PW_EXCLUDES(mutex_);
  /// Forgets everything.
  void ForgetAll() PW_EXCLUDES(mutex_);

 private:
  static constexpr unsigned kMaxInterrupts = 4;

  friend class NoCompaction;

  // Also counts: every write of the register is one that a program would feel.
  void WriteKernelRights(arch::Pkrs rights);

  const ptable::CpuNumber number_;
  SimRam& ram_;
  Mutex mutex_{LockRank::kSimulatedCpu};
  ptable::Tlb tlb_;
  ptable::Mmu<SimRam> mmu_;
  // Whether nothing is cached. Cleared before a walk begins to read, so that whoever changes tables
  // first and asks then either sees it cleared or has changed them in time.
  std::atomic<bool> is_clean_{true};
  Task* task_ = nullptr;
  std::array<arch::Pkrs, kMaxInterrupts> saved_rights_{};
  unsigned interrupt_depth_ = 0;
  unsigned no_compaction_depth_ = 0;
  std::uint8_t nesting_ = 0;
  Meter meter_;
};

/// Returns the processor that this thread simulates. Requires: there is one.
Cpu& CurrentCpu();
/// Returns whether this thread simulates a processor now.
bool HasCurrentCpu();

/// Makes a processor this thread's for a scope. Scopes nest; the inner one counts.
class OnCpu {
 public:
  explicit OnCpu(Cpu& cpu);
  ~OnCpu();
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

 private:
  Cpu* before_;
};

/// Holds a level on the current processor for a scope. Nested, it costs nothing.
template <Level kLevel>
class LevelScope {
 public:
  explicit LevelScope(Cpu& cpu) : cpu_(cpu), before_(cpu.EnterLevel<kLevel>()) {}
  ~LevelScope() { cpu_.Restore(before_); }
  LevelScope(const LevelScope&) = delete;
  LevelScope& operator=(const LevelScope&) = delete;

 private:
  Cpu& cpu_;
  const std::optional<Level> before_;
};

/// A conversion, refill or protection on the current processor, for a scope: events that happen
/// meanwhile are one deeper.
class NestingScope {
 public:
  NestingScope() : cpu_(CurrentCpu()) { cpu_.EnterNesting(); }
  ~NestingScope() { cpu_.LeaveNesting(); }
  NestingScope(const NestingScope&) = delete;
  NestingScope& operator=(const NestingScope&) = delete;

 private:
  Cpu& cpu_;
};

/// Keeps compaction from beginning on the current processor for a scope.
class NoCompaction {
 public:
  NoCompaction() : cpu_(CurrentCpu()) { ++cpu_.no_compaction_depth_; }
  ~NoCompaction() { --cpu_.no_compaction_depth_; }
  NoCompaction(const NoCompaction&) = delete;
  NoCompaction& operator=(const NoCompaction&) = delete;

 private:
  Cpu& cpu_;
};

/// An interrupt for a scope.
class InterruptScope {
 public:
  explicit InterruptScope(Cpu& cpu) : cpu_(cpu) { cpu_.EnterInterrupt(); }
  ~InterruptScope() { cpu_.LeaveInterrupt(); }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  Cpu& cpu_;
};

}  // namespace pageward::sim
