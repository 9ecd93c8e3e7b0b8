// What does it cost to change page tables?
//
//   MapUnmap   1 GiB of pages of one size into empty tables, and out again with the tables
//   Pageblock  2 MiB of a direct map of 2 MiB leaves taken out, flushed, and put back
//   Page       the same with one page of 4 KiB
//
// Flushing is a call that does nothing and table pages come off a stack, so this is the tables
// alone.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "bench/ptable/array_memory.h"
#include "runtime/ptable/mapper.h"
#include "runtime/ptable/set_memory.h"
#include "runtime/ptable/x86_64_format.h"

namespace pageward::ptable {
namespace {

constexpr PhysAddr kBase = ArrayMemory::kBase;
constexpr VirtRange kRange{VirtAddr(0xffff'8880'4000'0000), std::uint64_t{1} << 30};
constexpr MapRequest kGigabyte{kRange, PhysAddr(0x80'0000'0000),
                               LeafAttributes{.permissions = {.is_writable = true}}, 0};

// Zeroes a page when it is freed, as unmapping leaves it zero but for what a split wrote.
class FrameStack final : public PtpSource {
 public:
  FrameStack(ArrayMemory& memory, std::uint32_t frames) : memory_(memory) {
    for (std::uint32_t i = frames; i-- > 1;) {
      free_.push_back(kBase + std::uint64_t{i} * kFrameBytes);
    }
  }
  std::optional<PhysAddr> Allocate() override {
    const PhysAddr page = free_.back();
    free_.pop_back();
    return page;
  }
  void Free(PhysAddr page) override {
    for (unsigned i = 0; i < kFrameBytes / 8; ++i) {
      memory_.Store(SlotOf(page, i), 0);
    }
    free_.push_back(page);
  }

 private:
  ArrayMemory& memory_;
  std::vector<PhysAddr> free_;
};

class NoFlush final : public TlbFlusher {
 public:
  void Flush(const FlushRequest& request) override { benchmark::DoNotOptimize(request.range); }
};

struct Bench {
  static constexpr std::uint32_t kFrames = 600;

  ArrayMemory memory{kFrames};
  FrameStack source{memory, kFrames};
  PageTable<X86_64Format<4>, ArrayMemory> table{X86_64Format<4>(), memory, kBase};
  NoFlush flusher;
  TlbGather gather{FlushMode::kMerged, flusher, source};
};

void BM_Mapper_MapUnmap(benchmark::State& state) {
  Bench bench;
  Mapper mapper(bench.table);
  MapRequest request = kGigabyte;
  request.largest_level = static_cast<unsigned>(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(mapper.Map(request, bench.source).ok());
    benchmark::DoNotOptimize(
        mapper.Unmap(kRange, UnmapMode::kSplit, bench.source, bench.gather).ok());
    bench.gather.Finish();
  }
  const std::uint64_t leaves = kRange.bytes >> (12 + 9 * request.largest_level);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(leaves));
}
BENCHMARK(BM_Mapper_MapUnmap)->ArgName("level")->Arg(0)->Arg(1)->Arg(2);

// Takes `bytes` out of the direct map, at each place in turn, and puts them back.
void TakeOutAndBack(benchmark::State& state, unsigned level, std::uint64_t bytes) {
  Bench bench;
  MapRequest request = kGigabyte;
  request.largest_level = level;
  benchmark::DoNotOptimize(Mapper(bench.table).Map(request, bench.source).ok());
  VirtRange range{kRange.begin, bytes};
  for (auto _ : state) {
    for (const PermissionChange& change : {SetDirectMapTo::kInvalid, SetDirectMapTo::kValid}) {
      benchmark::DoNotOptimize(
          SetMemory(bench.table, range, change, bench.source, bench.gather).ok());
      bench.gather.Finish();
    }
    range.begin = Covers(kRange, VirtRange{range.end(), bytes}) ? range.end() : kRange.begin;
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_Mapper_Pageblock(benchmark::State& state) {
  TakeOutAndBack(state, 1, kPageblockBytes);
}
BENCHMARK(BM_Mapper_Pageblock);

void BM_Mapper_Page(benchmark::State& state) {
  TakeOutAndBack(state, 0, kFrameBytes);
}
BENCHMARK(BM_Mapper_Page);

}  // namespace
}  // namespace pageward::ptable

BENCHMARK_MAIN();
