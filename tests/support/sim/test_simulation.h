// A simulation in memory of its own, with one process that processor 0 runs.
#pragma once

#include <optional>

#include "runtime/sim/simulation.h"
#include "tests/support/sim/test_kernel.h"

namespace pageward::testing_support {

inline sim::SimulationConfig SimulationOf(std::uint64_t ram_bytes = std::uint64_t{256} << 20) {
  sim::SimulationConfig config;
  config.kernel.ram_bytes = ram_bytes;
  config.kernel.machine.cpus = 4;
  return config;
}

class TestSimulation {
 public:
  explicit TestSimulation(sim::SimulationConfig config = SimulationOf())
      : memory_((config.kernel.machine.events = &events_, config.kernel.machine.faults = &faults_,
                 sim::Simulation::BytesFor(config))) {
    const Result<sim::Simulation*> started = sim::Simulation::Start(memory_.range(), config);
    if (!started.ok()) {
      throw std::runtime_error("the simulation did not start");
    }
    simulation_ = *started;
    on_cpu_.emplace(cpu(0));
    process_ = *simulation_->CreateProcess();
    process_->Run();
    events_.Clear();
    TakeCounts();
  }
  TestSimulation(const TestSimulation&) = delete;
  TestSimulation& operator=(const TestSimulation&) = delete;

  sim::Simulation& operator*() { return *simulation_; }
  sim::Simulation* operator->() { return simulation_; }
  sim::Kernel& kernel() { return simulation_->kernel(); }
  sim::Process& process() { return *process_; }
  sim::Cpu& cpu(std::uint32_t number = 0) { return simulation_->machine().cpu(number); }
  TestFaults& faults() { return faults_; }
  TestEvents& events() { return events_; }

  /// The first word of `frame` as it is in RAM.
  std::uint64_t WordOf(FrameNumber frame) {
    return kernel().ram().Load(kernel().ram().AddressOf(frame));
  }

  sim::Counts TakeCounts() {
    const sim::Counts now = kernel().counts();
    const sim::Counts since = now - counted_;
    counted_ = now;
    return since;
  }

 private:
  TestFaults faults_;
  TestEvents events_;
  LazyMemory memory_;
  sim::Simulation* simulation_ = nullptr;
  std::optional<sim::OnCpu> on_cpu_;
  sim::Process* process_ = nullptr;
  sim::Counts counted_;
};

}  // namespace pageward::testing_support
