// What does the simulated kernel cost the machine that runs it?
//
//   PageOps        a frame from the page allocator and back: mapped, and hidden by each policy
//   GuestWrite     a page of guest memory written: hidden frame, window, page cache
//   Fault          a page of a process touched for the first time, and unmapped again
//   Fork           a process of 256 MiB forked and ended, for each of its pages
//
// Simulated time is another matter: the cost model gives it from counts.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "bench/sim/machinery.h"
#include "runtime/sim/page_cache.h"
#include "runtime/sim/simulation.h"

namespace pageward::sim {
namespace {

constexpr VirtAddr kAt{0x7f00'0000'0000};

void BM_Kernel_PageOps(benchmark::State& state) {
  Machinery machinery(ConfigOf(2 * kGiB));
  const auto request = frame::Request::Mapped(frame::Mobility::kMovable);
  for (auto _ : state) {
    const auto frame = machinery.kernel().AllocateFrame(Order(0), request);
    machinery.kernel().FreeFrame(*frame, Order(0));
  }
  state.SetItemsProcessed(2 * state.iterations());
  state.counters["operations"] = 2;
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
  state.counters["operations"] = 2;
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

}  // namespace
}  // namespace pageward::sim

BENCHMARK_MAIN();
