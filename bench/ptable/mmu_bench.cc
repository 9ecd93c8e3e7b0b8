// What does one translation of the software MMU cost?
//
//   TlbHit    the translation is cached: 4 KiB pages, all of them within the TLB
//   LargeHit  the same with pages of 2 MiB, which are looked up after those of 4 KiB
//   FullWalk  nothing is cached: four levels (or five) from the root down
//   TlbMiss   the translation is not cached, the way to its table may be, as on hardware
//
// Memory is an array of tables, so a load is a bounds check and a load. Answers go to the sum that
// every benchmark keeps alive.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "bench/ptable/array_memory.h"
#include "runtime/ptable/mapper.h"
#include "runtime/ptable/mmu.h"

namespace pageward::ptable {
namespace {

constexpr PhysAddr kBase = ArrayMemory::kBase;
constexpr Access kRead{AccessKind::kRead, AccessMode::kSupervisor};
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

class FrameSource final : public PtpSource {
 public:
  std::optional<PhysAddr> Allocate() override { return kBase + kFrameBytes * next_++; }
  void Free(PhysAddr) override {}

 private:
  std::uint64_t next_ = 1;
};

// Two gigabytes of addresses in leaves of one size, and one processor.
template <typename Format>
class Machine {
 public:
  Machine(unsigned leaf_level, WalkCaching caching) : tlb_(caching, nullptr) {
    const MapRequest request{VirtRange{VirtAddr(kGiB), 2 * kGiB}, PhysAddr(0x80'0000'0000),
                             LeafAttributes{.permissions = {.is_writable = true}}, leaf_level};
    if (!Mapper(table_).Map(request, source_).ok()) {
      std::abort();
    }
    mmu_.WriteCr4(arch::Cr4::FiveLevels::Encode(Format::kLevels == 5) |
                  arch::Cr4::SupervisorKeys::kMask | arch::Cr4::NoUserAccess::kMask);
    mmu_.WriteCr3(kBase.value());
  }

  Mmu<ArrayMemory>& mmu() { return mmu_; }

 private:
  ArrayMemory memory_{1200};
  FrameSource source_;
  PageTable<Format, ArrayMemory> table_{Format(), memory_, kBase};
  Tlb tlb_;
  Mmu<ArrayMemory> mmu_{memory_, tlb_, arch::PhysBits(46)};
};

// Which pages are translated: `pages` of them (a power of two), `stride` bytes apart, every
// `step`th one (odd, so that each has its turn).
struct Tour {
  std::uint64_t pages;
  std::uint64_t stride;
  std::uint64_t step = 1;
};

// Translates in blocks of kBlock, so that the loop's own counter does not show.
constexpr int kBlock = 64;

template <typename Format>
void Translate(benchmark::State& state, Machine<Format>& machine, const Tour& tour) {
  std::uint64_t page = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (int i = 0; i < kBlock; ++i) {
      sum += machine.mmu().Translate(VirtAddr(kGiB + page * tour.stride), kRead).address().value();
      page = (page + tour.step) & (tour.pages - 1);
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kBlock);
  state.counters["operations"] = kBlock;
}

void BM_Mmu_TlbHit(benchmark::State& state) {
  Machine<X86_64Format<4>> machine(0, WalkCaching::kOn);
  Translate(state, machine, Tour{512, kFrameBytes});
  state.counters["walks"] = static_cast<double>(machine.mmu().counters().walks);
}
BENCHMARK(BM_Mmu_TlbHit);

void BM_Mmu_LargeHit(benchmark::State& state) {
  Machine<X86_64Format<4>> machine(1, WalkCaching::kOn);
  Translate(state, machine, Tour{64, kPageblockBytes});
}
BENCHMARK(BM_Mmu_LargeHit);

// Over more pages than the TLB has room for, so that none is there when its turn comes: neighbours
// one after the other, whose entries share cache lines of the host, and pages far apart.
constexpr Tour kNeighbours{2 * kGiB / kFrameBytes, kFrameBytes};
constexpr Tour kFarApart{2 * kGiB / kFrameBytes, kFrameBytes, 100'003};

template <unsigned kLevels, WalkCaching kCaching>
void BM_Mmu_Miss(benchmark::State& state) {
  Machine<X86_64Format<kLevels>> machine(0, kCaching);
  Translate(state, machine, state.range(0) == 0 ? kNeighbours : kFarApart);
}
BENCHMARK_TEMPLATE(BM_Mmu_Miss, 4, WalkCaching::kOff)
    ->Name("BM_Mmu_FullWalk/levels:4")
    ->ArgName("far")
    ->Arg(0)
    ->Arg(1);
BENCHMARK_TEMPLATE(BM_Mmu_Miss, 5, WalkCaching::kOff)
    ->Name("BM_Mmu_FullWalk/levels:5")
    ->ArgName("far")
    ->Arg(0)
    ->Arg(1);
BENCHMARK_TEMPLATE(BM_Mmu_Miss, 4, WalkCaching::kOn)
    ->Name("BM_Mmu_TlbMiss")
    ->ArgName("far")
    ->Arg(0)
    ->Arg(1);

}  // namespace
}  // namespace pageward::ptable

BENCHMARK_MAIN();
