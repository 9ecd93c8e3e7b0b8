// Question: how many mappings does a heap break its memory into, during and after a long churn?
// Linux allows 65,530 in a process; a heap that protects memory piece by piece runs into that.
//
// Four threads, 8 bytes to 64 MiB. Of 4,096 allocations 4,063 are below 32 KiB, 32 below 1 MiB and
// one reaches up to 64 MiB, which keeps the live set near 500 MiB; every page is touched. One block
// in eight is handed to another thread, which frees it. Prints `key value unit` lines:
// vmas_max_* is the most that any sample saw, vmas_end_* what is left when all is freed.
#include <array>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "bench/workload/mappings.h"
#include "bench/workload/support.h"

namespace workload = pageward::workload;

namespace {

constexpr std::size_t kSmallBlocks = 16'384;
constexpr std::size_t kMediumBlocks = 128;
constexpr std::size_t kLargeBlocks = 4;
constexpr std::size_t kTouchedFromBytes = 32'768;

// Where threads exchange blocks: what a thread puts in, another takes out.
class Exchange {
 public:
  workload::Block Swap(std::size_t place, const workload::Block& block) {
    const std::lock_guard lock(mutex_);
    return std::exchange(blocks_[place % blocks_.size()], block);
  }

  std::size_t size() const { return blocks_.size(); }

 private:
  std::mutex mutex_;
  std::array<workload::Block, 64> blocks_{};
};

class Sampler {
 public:
  void Sample() {
    const std::lock_guard lock(mutex_);
    most_.RaiseTo(workload::MappingCount::Now());
    ++samples_;
  }

  const workload::MappingCount& most() const { return most_; }
  std::uint64_t samples() const { return samples_; }

 private:
  std::mutex mutex_;
  workload::MappingCount most_;
  std::uint64_t samples_ = 0;
};

std::uint64_t Free(const workload::Block& block) {
  if (block.data == nullptr) {
    return 0;
  }
  if (block.size_bytes < kTouchedFromBytes) {
    return workload::FreeBlock(block);
  }
  const std::uint64_t sum = workload::ReadPages(block.data, block.size_bytes, block.stamp);
  std::free(block.data);
  return sum;
}

workload::Block Allocate(std::size_t size_bytes, std::uint64_t stamp) {
  if (size_bytes < kTouchedFromBytes) {
    return workload::AllocateBlock(size_bytes, stamp);
  }
  auto* data = static_cast<unsigned char*>(std::malloc(size_bytes));
  if (data == nullptr) {
    workload::Fail("malloc returned no memory");
  }
  workload::TouchPages(data, size_bytes, stamp);
  return {data, size_bytes, stamp};
}

struct Work {
  std::uint64_t operations;
  std::uint64_t sample_every;
  std::uint64_t seed;
};

std::uint64_t Churn(const Work& work, Exchange& exchange, Sampler& sampler) {
  workload::Prng prng(work.seed);
  std::vector<workload::Block> small(kSmallBlocks);
  std::vector<workload::Block> medium(kMediumBlocks);
  std::vector<workload::Block> large(kLargeBlocks);
  std::uint64_t sum = 0;
  for (std::uint64_t step = 0; step < work.operations; ++step) {
    const std::uint64_t draw = prng.Below(4096);
    std::vector<workload::Block>& blocks = draw >= 33 ? small : draw >= 1 ? medium : large;
    const std::uint64_t size_bytes = draw >= 33  ? prng.LogUniform(3, 14)
                                     : draw >= 1 ? prng.LogUniform(15, 19)
                                                 : prng.LogUniform(20, 25);
    workload::Block& block = blocks[prng.Below(blocks.size())];
    if (&blocks != &large && prng.Below(8) == 0) {
      block = exchange.Swap(prng.Below(exchange.size()), block);
    }
    sum += Free(block);
    block = Allocate(size_bytes, prng.Next());
    if (step % work.sample_every == 0) {
      sampler.Sample();
    }
  }
  for (const std::vector<workload::Block>* blocks : {&small, &medium, &large}) {
    for (const workload::Block& block : *blocks) {
      sum += Free(block);
    }
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t operations = arguments.Get("operations", 1'000'000);
  const std::uint64_t threads = arguments.Get("threads", 4);
  const std::uint64_t samples = arguments.Get("samples", 1000);
  arguments.CheckAllUsed();

  Exchange exchange;
  Sampler sampler;
  const std::uint64_t share = operations / threads;
  const std::uint64_t sample_every = operations / samples == 0 ? 1 : operations / samples;
  std::atomic<std::uint64_t> checksum = 0;
  std::vector<std::thread> running;
  for (std::uint64_t index = 0; index < threads; ++index) {
    running.emplace_back([&, index] {
      checksum += Churn({share, sample_every, 40 + index}, exchange, sampler);
    });
  }
  for (std::thread& thread : running) {
    thread.join();
  }
  for (std::size_t place = 0; place < exchange.size(); ++place) {
    checksum += Free(exchange.Swap(place, {}));
  }
  const workload::MappingCount end = workload::MappingCount::Now();
  sampler.Sample();

  sampler.most().Print("vmas_max");
  end.Print("vmas_end");
  std::printf("samples %llu samples\n", static_cast<unsigned long long>(sampler.samples()));
  std::printf("operations %llu operations\n", static_cast<unsigned long long>(share * threads));
  // As many bits as any reader of numbers keeps.
  std::printf("checksum %llu sum\n", static_cast<unsigned long long>(checksum >> 16));
}
