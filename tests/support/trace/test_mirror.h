// A mirror in memory of its own, with a plan for faults.
#pragma once

#include <cstdint>
#include <stdexcept>

#include "runtime/trace/run_mirror.h"
#include "tests/support/sim/test_kernel.h"

namespace pageward::testing_support {

/// 256 MiB, of which a program may have the half.
inline trace::MirrorConfig MirrorOf(std::uint64_t zone_frames = 1u << 16) {
  trace::MirrorConfig config = trace::MirrorConfig::OfProgram(zone_frames);
  config.simulation.kernel.ram_bytes = std::uint64_t{256} << 20;
  config.simulation.kernel.machine.cpus = 4;
  return config;
}

class TestMirror {
 public:
  explicit TestMirror(trace::MirrorConfig config = MirrorOf())
      : memory_((config.simulation.kernel.machine.faults = &faults_,
                 trace::RunMirror::BytesFor(config))) {
    const Result<trace::RunMirror*> started = trace::RunMirror::Start(memory_.range(), config);
    if (!started.ok()) {
      throw std::runtime_error("the mirror did not start");
    }
    mirror_ = *started;
  }
  TestMirror(const TestMirror&) = delete;
  TestMirror& operator=(const TestMirror&) = delete;

  trace::RunMirror* operator->() { return mirror_; }
  trace::RunMirror& operator*() { return *mirror_; }
  TestFaults& faults() { return faults_; }

 private:
  TestFaults faults_;
  LazyMemory memory_;
  trace::RunMirror* mirror_ = nullptr;
};

}  // namespace pageward::testing_support
