// The simulated machine: processors over one RAM, and what they do to each other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/result.h"
#include "runtime/ptable/cpu_set.h"
#include "runtime/ptable/tlb_gather.h"
#include "runtime/sim/carver.h"
#include "runtime/sim/cpu.h"
#include "runtime/sim/event_log.h"

namespace pageward::sim {

/// Points at which a test can let something go wrong. Each stands for a step of an operation of
/// several steps.
enum class FaultPoint : std::uint8_t {
  kTablePage,       ///< A table page is asked for.
  kBlockProtected,  ///< A pageblock is about to be given another visibility or key.
  kScrub,           ///< A pageblock is about to be cleared.
  kViewPage,        ///< One page of a view is about to be mapped.
  kFlush,           ///< A flush is about to happen; failing means that it is forgotten.
  kCacheInsert,     ///< A folio is about to be put into the page cache.
  kCodeReturn,      ///< Code memory is about to be given back.
};

/// Decides what goes wrong. Owned by this layer, implemented by tests.
class FaultPlan {
 public:
  virtual bool Fails(FaultPoint point) = 0;

 protected:
  ~FaultPlan() = default;
};

struct MachineOptions {
  std::uint32_t cpus = 4;
  Cpu::Features features{};
  EventSink* events = nullptr;  ///< May be absent.
  FaultPlan* faults = nullptr;  ///< May be absent.
};

/// Processors, and flushes among them. Thread-safe.
class Machine {
 public:
  struct Memory {
    std::span<std::byte> cpus;

    static Memory CarveFrom(Carver& carver, std::uint32_t cpus);
  };

  /// Requires: `options.cpus` is from 1 to ptable::CpuSet::kMaxCpus.
  Machine(const Memory& memory, SimRam& ram, const MachineOptions& options);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  SimRam& ram() { return ram_; }
  std::uint32_t cpu_count() const { return cpu_count_; }
  Cpu& cpu(std::uint32_t number) {
    PW_ASSERT(number < cpu_count_);
    return cpus_[number];
  }
  ptable::CpuSet AllCpus() const { return ptable::CpuSet::FirstOf(cpu_count_); }

  /// Makes the processors of `target` forget, on behalf of the current one, and counts what that
  /// takes: instructions on each, and interrupts on all but the current.
  void Flush(const ptable::FlushRequest& request, ptable::ShootdownTarget target);

  /// What all processors have done.
  Counts counts() const;

  bool Fails(FaultPoint point) { return faults_ != nullptr && faults_->Fails(point); }
  bool HasEvents() const { return events_ != nullptr; }
  /// Hands an event to the sink, if there is one, with its number, the current processor, and how
  /// deep that is in nested conversions and refills.
  void Note(Event event);

 private:
  SimRam& ram_;
  Cpu* cpus_ = nullptr;
  const std::uint32_t cpu_count_;
  EventSink* const events_;
  FaultPlan* const faults_;
  std::atomic<std::uint64_t> next_event_{0};
};

/// A flusher for kernel memory, or for one address space.
class MachineFlusher final : public ptable::TlbFlusher {
 public:
  MachineFlusher(Machine& machine, const ptable::ShootdownTarget& target)
      : machine_(machine), target_(target) {}

  void Flush(const ptable::FlushRequest& request) override { machine_.Flush(request, target_); }

 private:
  Machine& machine_;
  const ptable::ShootdownTarget target_;
};

}  // namespace pageward::sim
