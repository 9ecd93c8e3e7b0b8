#include "runtime/trace/run_mirror.h"

#include <new>

#include "runtime/core/bits.h"
#include "runtime/sim/carver.h"

namespace pageward::trace {

using extent::RunEvent;
using extent::RunEventKind;
using extent::RunOutcome;

namespace {

// Where the zone begins in the simulated process.
constexpr VirtAddr kZoneAt{std::uint64_t{1} << 44};

VirtAddr AddressOf(FrameNumber frame) {
  return kZoneAt + (std::uint64_t{frame.value} << kFrameBytesLog2);
}

VirtRange AddressesOf(FrameRange frames) {
  return VirtRange{AddressOf(frames.begin), frames.count.bytes()};
}

}  // namespace

struct RunMirror::Memory {
  std::span<std::byte> mirror;
  std::span<std::uint32_t> pages;
  std::uint64_t simulation_offset = 0;

  static Memory CarveFrom(sim::Carver& carver, const MirrorConfig& config) {
    Memory memory;
    memory.mirror = carver.Take<std::byte>(sizeof(RunMirror), alignof(RunMirror));
    memory.pages = carver.Take<std::uint32_t>(config.zone_frames);
    memory.simulation_offset = AlignUp<std::uint64_t>(carver.taken(), kFrameBytes);
    return memory;
  }
};

MirrorConfig MirrorConfig::OfProgram(std::uint64_t zone_frames) {
  MirrorConfig config;
  config.simulation.kernel.ram_bytes = std::uint64_t{16} << 30;
  config.simulation.kernel.machine.cpus = 8;
  config.zone_frames = zone_frames;
  return config;
}

std::uint64_t MirrorFigures::all_events() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : events) {
    sum += count;
  }
  return sum;
}

// --- Starting ------------------------------------------------------------------------------------

std::uint64_t RunMirror::BytesFor(const MirrorConfig& config) {
  sim::Carver carver;
  return Memory::CarveFrom(carver, config).simulation_offset +
         sim::Simulation::BytesFor(config.simulation);
}

Result<RunMirror*> RunMirror::Start(VirtRange range, const MirrorConfig& config) {
  if (config.zone_frames == 0 || config.zone_frames > kMostFrames) {
    return Error::kInvalid;
  }
  sim::Carver carver(range);
  const Memory memory = Memory::CarveFrom(carver, config);
  const VirtRange rest{range.begin + memory.simulation_offset,
                       range.bytes - memory.simulation_offset};
  const Result<sim::Simulation*> simulation = sim::Simulation::Start(rest, config.simulation);
  if (!simulation.ok()) {
    return simulation.error();
  }
  const sim::OnCpu on_cpu((*simulation)->machine().cpu(0));
  const Result<sim::Process*> process = (*simulation)->CreateProcess();
  if (!process.ok()) {
    return process.error();
  }
  (*process)->Run();
  auto* const mirror = ::new (static_cast<void*>(memory.mirror.data()))
      RunMirror(**simulation, **process, memory.pages);
  const Status begun = mirror->Begin();
  return begun.ok() ? Result<RunMirror*>(mirror) : begun.error();
}

RunMirror::RunMirror(sim::Simulation& simulation, sim::Process& process,
                     std::span<std::uint32_t> pages)
    : simulation_(simulation),
      process_(process),
      file_(simulation, sim::CachedFile::Memory{pages}, sim::FileKind::kGuest) {}

Status RunMirror::Begin() {
  if (const Status prepared = process_.mm_local().PrepareViews(); !prepared) {
    return prepared;
  }
  counted_before_ = simulation_.kernel().counts();
  return {};
}

// Threads begin one after the other, and so do their processors.
sim::Cpu& RunMirror::CpuOf(std::uint32_t thread) {
  figures_.threads = thread >= figures_.threads ? thread + 1 : figures_.threads;
  const std::uint32_t count = simulation_.machine().cpu_count();
  const std::uint32_t wanted = thread % count;
  for (; running_cpus_ <= wanted; ++running_cpus_) {
    const sim::OnCpu on_cpu(simulation_.machine().cpu(running_cpus_));
    process_.Run();
  }
  return simulation_.machine().cpu(wanted);
}

// --- Events --------------------------------------------------------------------------------------

RunOutcome RunMirror::Apply(const TraceEvent& event) {
  const RunEvent& run = event.run;
  ++figures_.events[static_cast<std::size_t>(run.kind)];
  if (run.outcome == RunOutcome::kRefused) {
    ++figures_.refused;
    return RunOutcome::kRefused;
  }
  const sim::OnCpu on_cpu(CpuOf(event.thread));
  switch (run.kind) {
    case RunEventKind::kAllocated:
    case RunEventKind::kGrown:
    case RunEventKind::kMadeUsable:
      return MakeUsable(run.frames);
    case RunEventKind::kFreed:
    case RunEventKind::kMadeGone:
      MakeGone(run.frames);
      break;
    case RunEventKind::kSplit:
    case RunEventKind::kMerged:
      break;  // A matter of records; no page changes.
  }
  return RunOutcome::kDone;
}

RunOutcome RunMirror::MakeUsable(FrameRange frames) {
  if (file_.cached_pages() + std::uint64_t{frames.count.value} > limit().value) {
    ++figures_.over_limit;
    return RunOutcome::kRefused;
  }
  for (FrameNumber frame = frames.begin; frame < frames.end(); frame = frame + FrameCount(1)) {
    // What is there already stays: a trace may say that something is made usable twice.
    if (file_.FrameOf(frame.value).has_value()) {
      continue;
    }
    if (!file_.Fault(process_, frame.value, AddressOf(frame)).ok()) {
      ++figures_.broken;
      MakeGone(frames);
      return RunOutcome::kRefused;
    }
  }
  figures_.frames = file_.cached_pages();
  if (figures_.frames > figures_.frames_most) {
    figures_.frames_most = figures_.frames;
  }
  return RunOutcome::kDone;
}

// As a hole that is punched into the file: out of the process, then out of the cache.
void RunMirror::MakeGone(FrameRange frames) {
  sim::CurrentCpu().meter().Add(sim::Primitive::kSystemCall);
  const Status removed = process_.RemoveRange(AddressesOf(frames));
  PW_CHECK(removed.ok(), Violation::kInvariant, frames.begin.value);
  file_.Remove(frames.begin.value, frames.count.value);
  figures_.frames = file_.cached_pages();
}

void RunMirror::CheckInvariants() const {
  file_.CheckInvariants();
  PW_CHECK(figures_.frames == file_.cached_pages(), Violation::kInvariant, figures_.frames);
  simulation_.CheckInvariants();
}

}  // namespace pageward::trace
