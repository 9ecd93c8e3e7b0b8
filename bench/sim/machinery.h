// A simulation with one process on processor 0, for benchmarks.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <optional>

#include "runtime/sim/simulation.h"

namespace pageward::sim {

inline constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

class Machinery {
 public:
  explicit Machinery(const SimulationConfig& config) : bytes_(Simulation::BytesFor(config)) {
    pointer_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const auto started = Simulation::Start(VirtRange{VirtAddr::Of(pointer_), bytes_}, config);
    if (pointer_ == MAP_FAILED || !started.ok()) {
      std::abort();
    }
    simulation_ = *started;
    on_cpu_.emplace(simulation_->machine().cpu(0));
    process_ = *simulation_->CreateProcess();
    process_->Run();
    if (!process_->mm_local().PrepareViews().ok()) {
      std::abort();
    }
  }
  ~Machinery() { munmap(pointer_, bytes_); }
  Machinery(const Machinery&) = delete;
  Machinery& operator=(const Machinery&) = delete;

  Simulation& simulation() { return *simulation_; }
  Kernel& kernel() { return simulation_->kernel(); }
  Process& process() { return *process_; }

 private:
  std::uint64_t bytes_;
  void* pointer_;
  Simulation* simulation_ = nullptr;
  std::optional<OnCpu> on_cpu_;
  Process* process_ = nullptr;
};

inline SimulationConfig ConfigOf(std::uint64_t ram_bytes, std::uint32_t cpus = 4) {
  SimulationConfig config;
  config.kernel.ram_bytes = ram_bytes;
  config.kernel.machine.cpus = cpus;
  return config;
}

}  // namespace pageward::sim
