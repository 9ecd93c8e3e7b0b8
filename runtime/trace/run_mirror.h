// A program's heap on the simulated kernel: every run that the program holds is memory of one
// simulated process that nobody else can reach, not even the kernel through its direct map.
//
// Live and from a trace alike: the same events make the same counts. docs/trace.md says what stands
// for what, and why the comparison of policies means something.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime/core/address.h"
#include "runtime/core/result.h"
#include "runtime/sim/page_cache.h"
#include "runtime/sim/simulation.h"
#include "runtime/trace/trace_format.h"

namespace pageward::trace {

struct MirrorConfig {
  sim::SimulationConfig simulation{};
  std::uint64_t zone_frames = 0;  ///< Of the program's heap, at most kMostFrames.

  /// What a running program is mirrored into.
  static MirrorConfig OfProgram(std::uint64_t zone_frames);
};

struct MirrorFigures {
  std::array<std::uint64_t, extent::kRunEventKindCount> events{};
  std::uint64_t refused = 0;     ///< Already by the allocator of the program.
  std::uint64_t over_limit = 0;  ///< Refused here, by the limit.
  std::uint64_t broken = 0;      ///< The kernel failed within the limit. Never, if RAM is sound.
  std::uint64_t frames = 0;      ///< In the process now.
  std::uint64_t frames_most = 0;
  std::uint32_t threads = 0;

  std::uint64_t all_events() const;
  friend bool operator==(const MirrorFigures&, const MirrorFigures&) = default;
};

/// A process of a simulation that follows events. Externally synchronized. Never allocates.
class RunMirror {
 public:
  static std::uint64_t BytesFor(const MirrorConfig& config);

  /// Starts a kernel with one process, and a mirror, all in `memory`; when that goes, they are
  /// gone. Requires: `memory` is zero, begins at a multiple of 4 KiB and has BytesFor(config)
  /// bytes. Errors: as sim::Simulation::Start().
  static Result<RunMirror*> Start(VirtRange memory, const MirrorConfig& config);

  /// Makes a mirror of `process`, which processor 0 runs. `pages` has a zero for each frame of the
  /// program's heap. All of them outlive the mirror.
  RunMirror(sim::Simulation& simulation, sim::Process& process, std::span<std::uint32_t> pages);
  RunMirror(const RunMirror&) = delete;
  RunMirror& operator=(const RunMirror&) = delete;

  /// Gets ready; what is counted begins here. Before the first event, on processor 0.
  Status Begin();

  /// Does what the program asked for. Returns whether it succeeded, which depends on the events so
  /// far and the limit, and on nothing else.
  extent::RunOutcome Apply(const TraceEvent& event);

  sim::Simulation& simulation() const { return simulation_; }
  /// What the process may hold: half of RAM. The limit and never a policy decides what fails.
  FrameCount limit() const { return FramesFor(simulation_.kernel().ram().bytes() / 2); }
  const MirrorFigures& figures() const { return figures_; }
  /// What the simulated kernel has done for the program: without its own start.
  sim::Counts counts() const { return simulation_.kernel().counts() - counted_before_; }

  void CheckInvariants() const;

 private:
  struct Memory;

  // The processor that `thread` runs on, which runs the process.
  sim::Cpu& CpuOf(std::uint32_t thread);
  extent::RunOutcome MakeUsable(FrameRange frames);
  void MakeGone(FrameRange frames);

  sim::Simulation& simulation_;
  sim::Process& process_;
  sim::CachedFile file_;
  std::uint32_t running_cpus_ = 0;  // The first so many run the process.
  MirrorFigures figures_;
  sim::Counts counted_before_;
};

}  // namespace pageward::trace
