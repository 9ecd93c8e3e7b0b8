// What does a request cost, by how deep it has to go?
//
//   ThreadListPair  a hit in the lists of the thread: no lock
//   BuddyPair       a split and a merge under the lock
//   Run             a run of any number of frames, and back
//   Fallback        the same, always from another mobility
//   Conversion      whole pageblocks to unmapped and back, with mappings that cost nothing
//   MmapPair        the system's own way to get and give memory of that size
//
// The allocator works on numbers, so nothing here touches memory but its own tables; mmap and
// munmap are measured without touching either.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/frame/leaves.h"
#include "runtime/frame/page_allocator.h"

namespace pageward::frame {
namespace {

using bench::Leaves;

constexpr std::uint32_t kTwoGiB = 2 * 512;
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);

class NoMappings final : public PageblockConverter {
 public:
  bool CanConvert() const override { return true; }
  Status Scrub(BlockRange) override { return {}; }
  Status SetVisibility(BlockRange, Freetype) override { return {}; }
  void RestoreVisibility(BlockRange, Freetype) override {}
  void Flush(BlockRange) override {}
};

class Zone {
 public:
  explicit Zone(std::uint32_t blocks)
      : records_(blocks), leaves_(blocks), allocator_(records_, {leaves_, converter_, nullptr}) {
    allocator_.set_walk_interval(0);
    allocator_.AddBlocks(BlockRange{BlockNumber(0), blocks});
    allocator_.Attach(lists_);
  }
  ~Zone() { allocator_.Detach(lists_); }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

  PageAllocator& allocator() { return allocator_; }
  ThreadLists& lists() { return lists_; }

 private:
  std::vector<BlockRecord> records_;
  Leaves leaves_;
  NoMappings converter_;
  PageAllocator allocator_;
  ThreadLists lists_;
};

void CountFrames(benchmark::State& state, std::int64_t frames_each) {
  state.counters["frames/s"] = benchmark::Counter(static_cast<double>(frames_each),
                                                  benchmark::Counter::kIsIterationInvariantRate);
  state.SetBytesProcessed(state.iterations() * frames_each *
                          static_cast<std::int64_t>(kFrameBytes));
}

// The visibility of the request, as an argument.
enum Kind : std::int64_t { kMappedKind, kUnmappedKind };

Request RequestOf(std::int64_t kind) {
  return kind == kMappedKind ? kMovable : Request::Unmapped();
}

void BM_PageAllocator_ThreadListPair(benchmark::State& state) {
  Zone zone(kTwoGiB);
  const Request request = RequestOf(state.range(0));
  const Order order(static_cast<unsigned>(state.range(1)));
  for (auto _ : state) {
    const Result<FrameNumber> frame = zone.allocator().Allocate(order, request, zone.lists());
    benchmark::DoNotOptimize(frame->value);
    zone.allocator().Free(*frame, order, zone.lists());
  }
  CountFrames(state, order.frames().value);
}
BENCHMARK(BM_PageAllocator_ThreadListPair)
    ->ArgNames({"unmapped", "order"})
    ->Args({kMappedKind, 0})
    ->Args({kUnmappedKind, 0})
    ->Args({kMappedKind, 3})
    ->Args({kMappedKind, 9});

// Allocates 32 frames before the first is freed, so that records and leaves vary.
void BM_PageAllocator_ThreadListBurst(benchmark::State& state) {
  constexpr std::size_t kBurst = 32;
  Zone zone(kTwoGiB);
  FrameNumber frames[kBurst];
  for (auto _ : state) {
    for (FrameNumber& frame : frames) {
      frame = *zone.allocator().Allocate(Order(0), kMovable, zone.lists());
    }
    for (const FrameNumber frame : frames) {
      zone.allocator().Free(frame, Order(0), zone.lists());
    }
  }
  CountFrames(state, kBurst);
}
BENCHMARK(BM_PageAllocator_ThreadListBurst);

void BM_PageAllocator_BuddyPair(benchmark::State& state) {
  Zone zone(kTwoGiB);
  const Request request = RequestOf(state.range(0));
  const Order order(static_cast<unsigned>(state.range(1)));
  for (auto _ : state) {
    const Result<FrameNumber> frame = zone.allocator().Allocate(order, request);
    benchmark::DoNotOptimize(frame->value);
    zone.allocator().Free(*frame, order);
  }
  CountFrames(state, order.frames().value);
}
BENCHMARK(BM_PageAllocator_BuddyPair)
    ->ArgNames({"unmapped", "order"})
    ->Args({kMappedKind, 0})
    ->Args({kUnmappedKind, 0})
    ->Args({kMappedKind, 9})
    ->Args({kMappedKind, 18});

void BM_PageAllocator_Run(benchmark::State& state) {
  Zone zone(kTwoGiB);
  const FrameCount frames(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    const Result<FrameRange> run = zone.allocator().AllocateRun(frames, Order(0), kMovable);
    benchmark::DoNotOptimize(run->begin.value);
    zone.allocator().FreeRun(*run);
  }
  CountFrames(state, frames.value);
}
BENCHMARK(BM_PageAllocator_Run)
    ->ArgName("frames")
    ->Arg(4)
    ->Arg(7)
    ->Arg(500)
    ->Arg(5000)
    ->Arg(200000);

void BM_PageAllocator_MmapPair(benchmark::State& state) {
  const std::size_t bytes = static_cast<std::size_t>(state.range(0)) * kFrameBytes;
  for (auto _ : state) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    benchmark::DoNotOptimize(memory);
    munmap(memory, bytes);
  }
  CountFrames(state, state.range(0));
}
BENCHMARK(BM_PageAllocator_MmapPair)->ArgName("frames")->Arg(4)->Arg(500)->Arg(200000);

// A zone of one pageblock, which every request has to claim from the mobility before it.
void BM_PageAllocator_Fallback(benchmark::State& state) {
  Zone zone(1);
  for (auto _ : state) {
    for (const Request& request : {kUnmovable, kMovable}) {
      const Result<FrameNumber> frame = zone.allocator().Allocate(Order(0), request);
      benchmark::DoNotOptimize(frame->value);
      zone.allocator().Free(*frame, Order(0));
    }
  }
  CountFrames(state, 2);
  state.counters["claims"] = benchmark::Counter(
      static_cast<double>(zone.allocator().counters().claims), benchmark::Counter::kAvgIterations);
}
BENCHMARK(BM_PageAllocator_Fallback);

void BM_PageAllocator_Conversion(benchmark::State& state) {
  Zone zone(kTwoGiB);
  const Order order(static_cast<unsigned>(state.range(0)));
  for (auto _ : state) {
    const Result<FrameNumber> frame = zone.allocator().Allocate(order, Request::Unmapped());
    zone.allocator().Free(*frame, order);
    benchmark::DoNotOptimize(zone.allocator().ReturnFreeBlocks(Request::Unmapped()));
  }
  CountFrames(state,
              order.frames().value < kPageblockFrames ? kPageblockFrames : order.frames().value);
}
BENCHMARK(BM_PageAllocator_Conversion)->ArgName("order")->Arg(0)->Arg(9)->Arg(13);

}  // namespace
}  // namespace pageward::frame

BENCHMARK_MAIN();
