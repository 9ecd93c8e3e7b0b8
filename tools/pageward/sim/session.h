// One run of the simulated kernel: memory for it, one process that processor 0 runs, and what is
// written down about it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/sim/simulation.h"
#include "tools/pageward/report/run.h"
#include "tools/pageward/sim/event_collector.h"
#include "tools/pageward/sim/settings.h"

namespace pageward::tool {

/// Memory that costs nothing until it is touched.
class LazyMemory {
 public:
  /// Throws Failure if there are no addresses for it.
  explicit LazyMemory(std::uint64_t bytes);
  ~LazyMemory();
  LazyMemory(const LazyMemory&) = delete;
  LazyMemory& operator=(const LazyMemory&) = delete;

  VirtRange range() const { return VirtRange{VirtAddr::Of(pointer_), bytes_}; }

 private:
  std::uint64_t bytes_;
  void* pointer_ = nullptr;
};

/// The same numbers for outputs, which don't know the simulation.
inline Band BandOf(const sim::CostBand& band) {
  return Band{band.low, band.nominal, band.high};
}

/// What is to be watched in a run.
struct Watch {
  std::size_t events = 0;   ///< How many are kept, for views and messages.
  std::uint64_t steps = 0;  ///< How many there will be, if that is known: for progress.
  Progress* progress = nullptr;
};

/// A run, and the counts that it is about: ratios are made of counts, not of what they cost.
struct FinishedRun {
  Run run;
  sim::Counts counts;
};

/// A simulation that has started. Whoever holds it is on processor 0, which runs process().
class Session {
 public:
  /// Throws Failure if the settings make no kernel that starts.
  Session(const Settings& settings, const Watch& watch);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Settings& settings() const { return settings_; }
  sim::Simulation& simulation() { return *simulation_; }
  sim::Kernel& kernel() { return simulation_->kernel(); }
  sim::Process& process() { return *process_; }
  sim::Cpu& cpu(std::uint32_t number = 0) { return simulation_->machine().cpu(number); }

  /// From here on everything counts: what was before was getting ready.
  void Begin();
  /// One more operation is behind. Samples the pageblocks now and then.
  void Step();
  std::uint64_t steps() const { return steps_; }

  /// Throws Failure, in words that say what to change, if `status` is an error.
  void Need(Status status, std::string_view what) const;
  template <typename T>
  T Need(const Result<T>& result, std::string_view what) const {
    Need(result.ok() ? Status() : Status(result.error()), what);
    return *result;
  }

  /// Writes down whether an access went through.
  void AddProbe(VirtAddr at, std::uint32_t cpu, bool went_through, std::string what);
  void AddRemark(std::string remark) { run_.remarks.push_back(std::move(remark)); }
  void AddQuantity(std::string name, double value, std::string unit);

  /// Ends the run and returns what is known of it.
  FinishedRun Finish(const sim::CostModel& costs);

 private:
  void SampleBlocks();
  void AddCounts(const sim::Counts& counts, const sim::CostModel& costs);
  void AddQuantities();

  Settings settings_;
  const Watch watch_;
  EventCollector events_;
  std::optional<LazyMemory> memory_;
  sim::Simulation* simulation_ = nullptr;
  std::optional<sim::OnCpu> on_cpu_;
  sim::Process* process_ = nullptr;
  Run run_;
  sim::Counts before_;
  std::chrono::steady_clock::time_point begun_;
  std::uint64_t steps_ = 0;
  std::uint64_t sample_interval_ = 1;
  std::uint64_t next_sample_ = 0;
};

}  // namespace pageward::tool
