// Question: what does it cost when threads come and go but their objects stay, as in a server with
// one thread for each connection? (The pattern of Larson and Krishnan, 1998.)
//
// Four lines of threads. Each thread replaces random objects of 16 to 1023 bytes in the live set
// that it was left, then starts its successor, leaves it the set and ends.
#include <array>
#include <thread>
#include <utility>
#include <vector>

#include "bench/workload/live_set.h"

namespace workload = pageward::workload;

namespace {

constexpr std::size_t kLines = 4;

// What the threads of one line pass on. Only one of them runs at a time.
struct Line {
  workload::LiveSet set;
  workload::Prng prng{0};
  std::uint64_t replacements = 0;
  std::vector<std::thread> threads;
};

std::uint64_t NextSize(workload::Prng& prng) {
  return prng.LogUniform(4, 9);
}

void Serve(Line& line, std::size_t generation) {
  line.set.Replace(line.replacements, line.prng, NextSize);
  if (generation + 1 < line.threads.size()) {
    line.threads[generation + 1] = std::thread(Serve, std::ref(line), generation + 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t generations = arguments.Get("generations", 40);
  const std::uint64_t replacements = arguments.Get("replacements", 25'000);
  const std::uint64_t live = arguments.Get("live", 20'000);
  arguments.CheckAllUsed();

  std::array<Line, kLines> lines;
  for (std::size_t index = 0; index < kLines; ++index) {
    Line& line = lines[index];
    line.prng = workload::Prng(30 + index);
    line.replacements = replacements;
    line.set.Fill(live, line.prng, NextSize);
    line.threads.resize(generations);
  }
  for (Line& line : lines) {
    line.threads[0] = std::thread(Serve, std::ref(line), std::size_t{0});
  }
  std::uint64_t checksum = 0;
  for (Line& line : lines) {
    // A thread has set its successor's place before it ended.
    for (std::thread& thread : line.threads) {
      thread.join();
    }
    checksum += line.set.Clear();
  }
  workload::Report("server", checksum, kLines * (generations * replacements + live));
}
