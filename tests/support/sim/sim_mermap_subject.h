// Ephemeral views of a simulated processor, for the conformance suite.
#pragma once

#include <memory>
#include <optional>

#include "tests/support/sim/test_simulation.h"
#include "tests/support/space/mermap_subject.h"

namespace pageward::testing_support {

/// Views of processor 0 for one process; another processor runs the same process, a third another.
class SimMermapSubject final : public MermapSubject {
 public:
  SimMermapSubject() {
    first_ = *simulation_.kernel().frames().Allocate(kPageblockOrder, frame::Request::Unmapped());
    for (std::uint32_t i = 0; i < kPageblockFrames; ++i) {
      simulation_.kernel().ram().Fill(frame(i), sim::FillTag{1000 + i});
    }
    {
      const sim::OnCpu other(simulation_.cpu(1));
      simulation_.process().Run();
    }
    const sim::OnCpu stranger(simulation_.cpu(2));
    other_ = *simulation_->CreateProcess();
    other_->Run();
    if (!other_->mm_local().PrepareViews().ok()) {
      throw std::logic_error("the other process has no views");
    }
  }

  Status Prepare() override {
    // Threads of the suite come without a processor.
    if (sim::HasCurrentCpu()) {
      return local().PrepareViews();
    }
    const sim::OnCpu on_cpu(simulation_.cpu(0));
    return local().PrepareViews();
  }
  void FailNextPreparation() override {
    simulation_.faults().FailAfter(sim::FaultPoint::kTablePage, 1);
  }
  std::uint64_t preparations() override { return local().preparations(); }

  space::MermapRegion& region() override { return local().views(0); }
  space::StaleFrames& stale() override { return simulation_.kernel().stale(); }
  FrameNumber frame(std::uint32_t index) override { return first_ + FrameCount(index); }
  std::uint64_t ContentOf(FrameNumber frame) override { return simulation_.WordOf(frame); }
  void FailNextMapping(std::uint32_t pages) override {
    simulation_.faults().FailAfter(sim::FaultPoint::kViewPage, pages);
  }
  std::uint64_t pins() override { return simulation_.process().task(0).pins; }
  std::uint64_t flushes() override {
    return simulation_.kernel().counts()[sim::Tally::kWindowFlush];
  }
  std::uint64_t allocations() override {
    const sim::Counts counts = simulation_.kernel().counts();
    return counts[sim::Tally::kTablePageTaken] + counts[sim::Primitive::kFrameAllocated];
  }
  void EnterInterrupt() override { simulation_.cpu().EnterInterrupt(); }
  void LeaveInterrupt() override { simulation_.cpu().LeaveInterrupt(); }

  std::optional<std::uint64_t> Read(VirtAddr at) override { return ReadOn(0, at); }
  std::optional<std::uint64_t> Probe(VirtAddr at) override {
    sim::Cpu& cpu = simulation_.cpu();
    cpu.OpenWindowKey();
    const auto read = ReadOn(0, at);
    cpu.CloseWindowKey();
    return read;
  }
  bool Write(VirtAddr at, std::uint64_t word) override {
    return simulation_.cpu().Write(at, word).ok();
  }
  std::optional<std::uint64_t> ReadElsewhere(VirtAddr at) override { return ReadOn(1, at); }
  std::optional<std::uint64_t> ReadInAnotherSpace(VirtAddr at) override {
    // Even with the key of windows open, as while it has a view of its own.
    sim::Cpu& cpu = simulation_.cpu(2);
    cpu.OpenWindowKey();
    const auto read = ReadOn(2, at);
    cpu.CloseWindowKey();
    return read;
  }
  bool IsAnythingOpen() override {
    for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
      if (simulation_.cpu(cpu).registers().pkrs != sim::DefaultRights()) {
        return true;
      }
    }
    return false;
  }

 private:
  sim::MmLocal& local() { return simulation_.process().mm_local(); }
  std::optional<std::uint64_t> ReadOn(std::uint32_t number, VirtAddr at) {
    const sim::WordAccess access = simulation_.cpu(number).Read(at);
    return access.ok() ? std::optional(access.word) : std::nullopt;
  }

  TestSimulation simulation_;
  FrameNumber first_;
  sim::Process* other_ = nullptr;
};

}  // namespace pageward::testing_support
