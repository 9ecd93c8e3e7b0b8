#include "runtime/sim/simulation.h"

#include <new>

namespace pageward::sim {

struct Simulation::Memory {
  std::span<std::byte> simulation;
  std::span<std::byte> processes;
  std::uint64_t kernel_offset = 0;

  // The kernel lies behind everything else, from kernel_offset on. `of_process(i, memory)` is
  // called for what each process is kept in.
  template <typename OfProcess>
  static Memory CarveFrom(Carver& carver, const SimulationConfig& config, OfProcess of_process) {
    Memory memory;
    memory.simulation = carver.Take<std::byte>(sizeof(Simulation), alignof(Simulation));
    memory.processes = carver.Take<std::byte>(config.processes * sizeof(Process), alignof(Process));
    for (std::uint16_t i = 0; i < config.processes; ++i) {
      of_process(i, Process::Memory::CarveFrom(carver, config.kernel.machine.cpus));
    }
    memory.kernel_offset = AlignUp<std::uint64_t>(carver.taken(), kFrameBytes);
    return memory;
  }
};

namespace {

bool IsSensible(const SimulationConfig& config) {
  return config.processes > 0 && config.processes <= Process::kMostProcesses &&
         config.kernel.machine.cpus > 0 && config.kernel.machine.cpus <= ptable::CpuSet::kMaxCpus;
}

}  // namespace

std::uint64_t Simulation::BytesFor(const SimulationConfig& config) {
  Carver carver;
  const Memory memory =
      Memory::CarveFrom(carver, config, [](std::uint16_t, const Process::Memory&) {});
  return memory.kernel_offset + Kernel::BytesFor(config.kernel);
}

Result<Simulation*> Simulation::Start(VirtRange range, const SimulationConfig& config) {
  if (!IsSensible(config) || range.bytes < BytesFor(config)) {
    return Error::kInvalid;
  }
  const std::uint64_t kernel_bytes = Kernel::BytesFor(config.kernel);
  const VirtRange kernel_range{range.end() - kernel_bytes, kernel_bytes};
  const Result<Kernel*> kernel = Kernel::Start(kernel_range, config.kernel);
  if (!kernel.ok()) {
    return kernel.error();
  }
  Carver carver(range);
  const Memory memory =
      Memory::CarveFrom(carver, config, [](std::uint16_t, const Process::Memory&) {});
  Simulation* const simulation =
      ::new (static_cast<void*>(memory.simulation.data())) Simulation(memory, config, **kernel);
  // Carved once more, for what belongs to each process: the same places.
  Carver again(range);
  Memory::CarveFrom(again, config, [&](std::uint16_t i, const Process::Memory& of_process) {
    ::new (static_cast<void*>(memory.processes.data() + i * sizeof(Process)))
        Process(**kernel, ProcessNumber{static_cast<std::uint16_t>(i + 1)}, of_process);
  });
  const OnCpu on_cpu((*kernel)->machine().cpu(0));
  const Status prepared = simulation->kmap_.Prepare();
  return prepared.ok() ? Result<Simulation*>(simulation) : prepared.error();
}

Simulation::Simulation(const Memory& memory, const SimulationConfig& config, Kernel& kernel)
    : config_(config),
      kernel_(&kernel),
      kmap_(kernel),
      processes_(reinterpret_cast<Process*>(memory.processes.data()), config.processes) {
  kernel.compactor().UseMover(this);
  kernel.UseFreeGuard(this);
}

// --- Processes -----------------------------------------------------------------------------------

Process* Simulation::FindFree() {
  for (Process& process : processes_) {
    if (!process.IsAlive()) {
      return &process;
    }
  }
  return nullptr;
}

Result<Process*> Simulation::CreateProcess() {
  Process* const process = FindFree();
  if (process == nullptr) {
    return Error::kLimit;
  }
  const Status created = process->Create();
  return created.ok() ? Result<Process*>(process) : created.error();
}

Result<Process*> Simulation::ForkProcess(Process& parent) {
  Process* const child = FindFree();
  if (child == nullptr) {
    return Error::kLimit;
  }
  const Status forked = parent.Fork(*child);
  return forked.ok() ? Result<Process*>(child) : forked.error();
}

void Simulation::EndProcess(Process& process) {
  for (std::uint32_t i = 0; i < machine().cpu_count(); ++i) {
    Cpu& cpu = machine().cpu(i);
    if (cpu.HasTask() && &cpu.task() == &process.task(i)) {
      const OnCpu on_cpu(cpu);
      cpu.SwitchTo(kernel_->idle_task(i));
    }
  }
  process.Exit();
}

bool Simulation::Move(FrameNumber from, FrameNumber to, FrameUser user) {
  const std::uint16_t number = user.process.value;
  return number > 0 && number <= processes_.size() && processes_[number - 1].IsAlive() &&
         processes_[number - 1].MoveFrame(from, to, user.at);
}

// --- Stale views ---------------------------------------------------------------------------------

void Simulation::BeforeFree(FrameRange frames) {
  ++stale_view_reports_;
  machine().Note(Event{.a = frames.begin.value, .kind = EventKind::kFreedWhileStale});
  ForEachProcess([&](Process& process) {
    for (std::uint32_t cpu = 0; process.mm_local().HasViews() && cpu < machine().cpu_count();
         ++cpu) {
      space::MermapRegion& views = process.mm_local().views(cpu);
      if (views.ShowsStale(frames)) {
        views.ComplainOfFree();
      }
    }
  });
  if (config_.stale_views == StaleViewCheck::kFlushFirst) {
    FlushStaleViews(frames);
  }
}

std::uint32_t Simulation::FlushStaleViews(FrameRange frames) {
  std::uint32_t flushed = 0;
  ForEachProcess([&](Process& process) { flushed += process.mm_local().FlushStaleViews(frames); });
  return flushed;
}

std::uint32_t Simulation::FlushAllStaleViews() {
  return FlushStaleViews(FrameRange{FrameNumber(0), kernel_->ram().frames()});
}

void Simulation::CheckInvariants() {
  kernel_->CheckInvariants();
  ForEachProcess([&](Process& process) {
    process.CheckInvariants();
    process.mm_local().table().CheckInvariants();
    kernel_->accounts().CheckAccount(process.account());
    if (kernel_->config().tables.policy == PtpPolicy::kReserve) {
      const auto check = [&](FrameNumber frame) {
        PW_CHECK(kernel_->tables().IsProtected(frame), Violation::kProtection, frame.value);
      };
      kernel_->VisitTables(Shape::kTopLevel, process.root(), 0, kFirstKernelEntry, check);
    }
  });
}

}  // namespace pageward::sim
