// Question: what does a short thread cost that allocates a little, as in a program that starts one
// for each task? Whatever the allocator sets up for a thread is paid for by a few objects.
//
// Four threads at a time; each allocates 256 objects of 16 to 511 bytes, frees three of four and
// leaves the rest to the main thread, which frees them 64 waves later.
#include <array>
#include <deque>
#include <thread>
#include <vector>

#include "bench/workload/support.h"

namespace workload = pageward::workload;

namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kObjects = 256;
constexpr std::size_t kLeft = kObjects / 4;
constexpr std::size_t kWavesLive = 64;

struct Task {
  std::uint64_t seed = 0;
  std::uint64_t sum = 0;
  std::array<workload::Block, kLeft> left;
};

using Wave = std::array<Task, kThreads>;

void Run(Task& task) {
  workload::Prng prng(task.seed);
  std::array<workload::Block, kObjects> blocks;
  for (workload::Block& block : blocks) {
    const std::uint64_t size_bytes = prng.LogUniform(4, 8);
    block = workload::AllocateBlock(size_bytes, prng.Next());
  }
  for (std::size_t index = 0; index < kObjects; ++index) {
    if (index % 4 == 0) {
      task.left[index / 4] = blocks[index];
    } else {
      task.sum += workload::FreeBlock(blocks[index]);
    }
  }
}

std::uint64_t Finish(const Wave& wave) {
  std::uint64_t sum = 0;
  for (const Task& task : wave) {
    sum += task.sum;
    for (const workload::Block& block : task.left) {
      sum += workload::FreeBlock(block);
    }
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t waves = arguments.Get("waves", 1200);
  arguments.CheckAllUsed();

  std::deque<Wave> live;
  std::uint64_t checksum = 0;
  for (std::uint64_t number = 0; number < waves; ++number) {
    Wave& wave = live.emplace_back();
    std::vector<std::thread> threads;
    for (std::size_t index = 0; index < kThreads; ++index) {
      wave[index].seed = number * kThreads + index;
      threads.emplace_back(Run, std::ref(wave[index]));
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    if (live.size() > kWavesLive) {
      checksum += Finish(live.front());
      live.pop_front();
    }
  }
  for (const Wave& wave : live) {
    checksum += Finish(wave);
  }
  workload::Report("thread_cycle", checksum, waves * kThreads * kObjects);
}
