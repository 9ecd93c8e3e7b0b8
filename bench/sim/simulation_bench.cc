// What does the simulated kernel cost the machine that runs it?
//
//   PageOps        a frame from the page allocator and back: mapped, and hidden by each policy
//   GuestWrite     a page of guest memory written: hidden frame, window, page cache
//   Fault          a page of a process touched for the first time, and unmapped again
//   Fork           a process of 256 MiB forked and ended, for each of its pages
//   Terabyte       a machine of 1 TiB and 256 processors started, and 64 GiB of it populated
//
// Simulated time is another matter: the cost model gives it from counts.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "runtime/sim/page_cache.h"
#include "runtime/sim/simulation.h"

namespace pageward::sim {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr VirtAddr kAt{0x7f00'0000'0000};

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

SimulationConfig ConfigOf(std::uint64_t ram_bytes, std::uint32_t cpus = 4) {
  SimulationConfig config;
  config.kernel.ram_bytes = ram_bytes;
  config.kernel.machine.cpus = cpus;
  return config;
}

void BM_Kernel_PageOps(benchmark::State& state) {
  Machinery machinery(ConfigOf(2 * kGiB));
  const auto request = frame::Request::Mapped(frame::Mobility::kMovable);
  for (auto _ : state) {
    const auto frame = machinery.kernel().AllocateFrame(Order(0), request);
    machinery.kernel().FreeFrame(*frame, Order(0));
  }
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(BM_Kernel_PageOps);

void BM_Kernel_HiddenPageOps(benchmark::State& state) {
  SimulationConfig config = ConfigOf(2 * kGiB);
  config.kernel.conversion = static_cast<ConversionPolicy>(state.range(0));
  Machinery machinery(config);
  for (auto _ : state) {
    machinery.kernel().FreeHidden(*machinery.kernel().AllocateHidden());
  }
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(BM_Kernel_HiddenPageOps)->ArgName("policy")->Arg(0)->Arg(1)->Arg(2);

void BM_CachedFile_GuestWrite(benchmark::State& state) {
  SimulationConfig config = ConfigOf(4 * kGiB);
  config.window = static_cast<WindowPolicy>(state.range(0));
  Machinery machinery(config);
  std::vector<std::uint32_t> pages(1u << 18);
  CachedFile file(machinery.simulation(), CachedFile::Memory{pages}, FileKind::kGuest);
  std::uint32_t page = 0;
  for (auto _ : state) {
    if (page == pages.size()) {
      state.PauseTiming();
      file.Remove(0, page);
      page = 0;
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(file.Write(machinery.process(), page, FillTag{page + 1}).ok());
    ++page;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_CachedFile_GuestWrite)->ArgName("window")->Arg(0)->Arg(1);

void BM_Process_Fault(benchmark::State& state) {
  Machinery machinery(ConfigOf(4 * kGiB));
  const VirtRange range{kAt, kGiB};
  benchmark::DoNotOptimize(machinery.process().AddArea(Area{.range = range}).ok());
  std::uint64_t page = 0;
  for (auto _ : state) {
    const VirtAddr at = kAt + (page++ % (kGiB / kFrameBytes)) * kFrameBytes;
    if (page % (kGiB / kFrameBytes) == 0) {
      state.PauseTiming();
      benchmark::DoNotOptimize(machinery.process().RemoveRange(range).ok());
      benchmark::DoNotOptimize(machinery.process().AddArea(Area{.range = range}).ok());
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(machinery.process().UserRead(at).ok());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Process_Fault);

void BM_Process_Fork(benchmark::State& state) {
  Machinery machinery(ConfigOf(4 * kGiB));
  const VirtRange range{kAt, kGiB / 4};
  benchmark::DoNotOptimize(machinery.process().AddArea(Area{.range = range}).ok());
  benchmark::DoNotOptimize(machinery.process().Populate(range).ok());
  for (auto _ : state) {
    machinery.simulation().EndProcess(**machinery.simulation().ForkProcess(machinery.process()));
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(range.bytes / kFrameBytes));
}
BENCHMARK(BM_Process_Fork);

double ResidentGiB() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(kFrameBytes) /
         static_cast<double>(kGiB);
}

// The argument is how many GiB are populated: few in the smoke test that everybody runs.
void BM_Simulation_Terabyte(benchmark::State& state) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(state.range(0)) * kGiB;
  for (auto _ : state) {
    Machinery machinery(ConfigOf(1024 * kGiB, ptable::CpuSet::kMaxCpus));
    std::vector<std::uint32_t> pages(bytes / kFrameBytes);
    CachedFile file(machinery.simulation(), CachedFile::Memory{pages}, FileKind::kGuest);
    for (std::uint32_t page = 0; page < pages.size(); ++page) {
      benchmark::DoNotOptimize(file.Write(machinery.process(), page, FillTag{page + 1}).ok());
    }
    state.counters["rss_gib"] = ResidentGiB();
    state.counters["pages/s"] =
        benchmark::Counter(static_cast<double>(pages.size()), benchmark::Counter::kIsRate);
  }
}
BENCHMARK(BM_Simulation_Terabyte)
    ->ArgName("gib")
    ->Arg(1)
    ->Arg(64)
    ->Iterations(1)
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace pageward::sim

BENCHMARK_MAIN();
