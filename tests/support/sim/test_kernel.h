// A simulated kernel in memory of its own, with an event log and a plan for faults.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "runtime/sim/event_log.h"
#include "runtime/sim/kernel.h"

namespace pageward::testing_support {

/// Zeroed memory that costs nothing until it is touched.
class LazyMemory {
 public:
  explicit LazyMemory(std::uint64_t bytes) : bytes_(bytes) {
    pointer_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pointer_ == MAP_FAILED) {
      throw std::runtime_error("no addresses for a simulated kernel");
    }
  }
  ~LazyMemory() { munmap(pointer_, bytes_); }
  LazyMemory(const LazyMemory&) = delete;
  LazyMemory& operator=(const LazyMemory&) = delete;

  VirtRange range() const { return VirtRange{VirtAddr::Of(pointer_), bytes_}; }

 private:
  std::uint64_t bytes_;
  void* pointer_ = nullptr;
};

/// Lets the n-th use of a fault point fail, once.
class TestFaults final : public sim::FaultPlan {
 public:
  bool Fails(sim::FaultPoint point) override {
    std::optional<std::uint64_t>& left = left_[static_cast<std::size_t>(point)];
    if (!left.has_value()) {
      return false;
    }
    if (*left > 0) {
      --*left;
      return false;
    }
    left.reset();
    return true;
  }

  /// Lets the use that comes after `successes` more fail.
  void FailAfter(sim::FaultPoint point, std::uint64_t successes) {
    left_[static_cast<std::size_t>(point)] = successes;
  }
  void Stop() { left_ = {}; }
  bool IsPending(sim::FaultPoint point) const {
    return left_[static_cast<std::size_t>(point)].has_value();
  }

 private:
  std::array<std::optional<std::uint64_t>, 16> left_{};
};

/// Collects events, and lets a test look at the machine at each of them.
class TestEvents final : public sim::EventSink {
 public:
  void Note(const sim::Event& event) override {
    {
      std::lock_guard lock(mutex_);
      events_.push_back(event);
    }
    if (observer_) {
      observer_(event);
    }
  }

  std::vector<sim::Event> all() const {
    std::lock_guard lock(mutex_);
    return events_;
  }
  std::size_t CountOf(sim::EventKind kind) const {
    std::size_t count = 0;
    for (const sim::Event& event : all()) {
      count += event.kind == kind ? 1u : 0u;
    }
    return count;
  }
  void Clear() {
    std::lock_guard lock(mutex_);
    events_.clear();
  }
  void set_observer(std::function<void(const sim::Event&)> observer) {
    observer_ = std::move(observer);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<sim::Event> events_;
  std::function<void(const sim::Event&)> observer_;
};

/// A kernel that has started, on whose processor 0 this thread is.
class TestKernel {
 public:
  static constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

  explicit TestKernel(sim::KernelConfig config = {})
      : memory_((config.machine.events = &events_, config.machine.faults = &faults_,
                 sim::Kernel::BytesFor(config))) {
    const Result<sim::Kernel*> started = sim::Kernel::Start(memory_.range(), config);
    if (!started.ok()) {
      throw std::runtime_error("the simulated kernel did not start");
    }
    kernel_ = *started;
    on_cpu_.emplace(kernel_->machine().cpu(0));
    events_.Clear();
  }
  TestKernel(const TestKernel&) = delete;
  TestKernel& operator=(const TestKernel&) = delete;

  sim::Kernel& operator*() { return *kernel_; }
  sim::Kernel* operator->() { return kernel_; }
  TestFaults& faults() { return faults_; }
  TestEvents& events() { return events_; }
  sim::Cpu& cpu(std::uint32_t number = 0) { return kernel_->machine().cpu(number); }

  /// The word at the start of `frame` as a processor reads it through the direct map, or nothing if
  /// that faults.
  std::optional<std::uint64_t> ReadHome(FrameNumber frame, std::uint32_t cpu_number = 0) {
    const sim::WordAccess access = cpu(cpu_number).Read(kernel_->direct_map().AddressOf(frame));
    return access.ok() ? std::optional(access.word) : std::nullopt;
  }
  /// Whether a processor that has nothing cached reaches `frame`.
  bool IsReachable(FrameNumber frame, std::uint32_t cpu_number = 0) {
    cpu(cpu_number).ForgetAll();
    return ReadHome(frame, cpu_number).has_value();
  }

  /// What was counted since the last call, or the start.
  sim::Counts TakeCounts() {
    const sim::Counts now = kernel_->counts();
    const sim::Counts since = now - counted_;
    counted_ = now;
    return since;
  }

 private:
  TestFaults faults_;
  TestEvents events_;
  LazyMemory memory_;
  sim::Kernel* kernel_ = nullptr;
  std::optional<sim::OnCpu> on_cpu_;
  sim::Counts counted_;
};

/// Configurations that several tests ask for.
inline sim::KernelConfig ConfigOf(std::uint64_t ram_bytes, std::uint32_t cpus = 4) {
  sim::KernelConfig config;
  config.ram_bytes = ram_bytes;
  config.machine.cpus = cpus;
  return config;
}
inline sim::KernelConfig ConfigOf(sim::PtpPolicy policy,
                                  std::uint64_t ram_bytes = 4 * TestKernel::kGiB) {
  sim::KernelConfig config = ConfigOf(ram_bytes);
  config.tables.policy = policy;
  return config;
}

}  // namespace pageward::testing_support
