// A kernel with its processes: what a scenario, a trace or a running program drives.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/result.h"
#include "runtime/sim/compactor.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/kmap_local.h"
#include "runtime/sim/process.h"

namespace pageward::sim {

/// What happens when a frame is freed that a stale view still shows. It is reported in any case.
enum class StaleViewCheck : std::uint8_t {
  kReport,
  kFlushFirst,  ///< And the view is flushed before.
};

/// How the kernel shows itself a frame that is not in the direct map.
enum class WindowPolicy : std::uint8_t {
  kMermap,     ///< A view of this processor and process.
  kKmapLocal,  ///< A page of the kernel's own table, which every processor walks.
};

struct SimulationConfig {
  KernelConfig kernel{};
  std::uint16_t processes = 8;  ///< How many there may be at a time.
  WindowPolicy window = WindowPolicy::kMermap;
  StaleViewCheck stale_views = StaleViewCheck::kFlushFirst;
};

/// A simulation that has started. Processes come and go under one hand; what they do, any
/// processor does.
class Simulation final : private FrameMover, private FreeGuard {
 public:
  /// Returns how much memory a simulation is kept in; see Kernel::BytesFor().
  static std::uint64_t BytesFor(const SimulationConfig& config);

  /// Starts a kernel and its empty places for processes. Requires and errors as Kernel::Start().
  static Result<Simulation*> Start(VirtRange memory, const SimulationConfig& config);

  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  const SimulationConfig& config() const { return config_; }
  Kernel& kernel() { return *kernel_; }
  Machine& machine() { return kernel_->machine(); }
  KmapLocal& kmap() { return kmap_; }

  /// Makes a process. Errors: kLimit if there are as many as there may be; kNoFrames.
  Result<Process*> CreateProcess();
  /// Makes a copy of `parent`. Errors: as CreateProcess().
  Result<Process*> ForkProcess(Process& parent);
  /// Ends a process: processors that run it turn to idling first.
  void EndProcess(Process& process);

  /// Calls `visit(process)` for each that is alive.
  template <typename Visit>
  void ForEachProcess(Visit visit) {
    for (Process& process : processes_) {
      if (process.IsAlive()) {
        visit(process);
      }
    }
  }

  /// How often a frame was freed that a stale view still showed.
  std::uint64_t stale_view_reports() const { return stale_view_reports_; }
  /// Flushes every stale view that shows one of `frames`: once for each region that has one.
  std::uint32_t FlushStaleViews(FrameRange frames);
  /// Flushes every stale view there is.
  std::uint32_t FlushAllStaleViews();

  /// Walks everything. Requires: no other thread is at work.
  void CheckInvariants();

 private:
  struct Memory;

  Simulation(const Memory& memory, const SimulationConfig& config, Kernel& kernel);

  // FrameMover
  bool Move(FrameNumber from, FrameNumber to, FrameUser user) override;
  // FreeGuard
  void BeforeFree(FrameRange frames) override;

  Process* FindFree();

  const SimulationConfig config_;
  Kernel* const kernel_;
  KmapLocal kmap_;
  std::span<Process> processes_;
  std::uint64_t stale_view_reports_ = 0;
};

}  // namespace pageward::sim
