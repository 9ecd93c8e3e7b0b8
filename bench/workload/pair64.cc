// Question: what does the shortest way through the heap cost, malloc(64) and free() of what it
// gave, again and again?
//
// One thread. Prints the least of several times as `pair64_ns`: what disturbs makes it longer.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "bench/workload/support.h"

namespace workload = pageward::workload;

namespace {

double CpuNs() {
  std::timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double PairNs(std::uint64_t pairs) {
  const double begin = CpuNs();
  for (std::uint64_t i = 0; i < pairs; ++i) {
    void* object = std::malloc(64);
    // Neither of the two may be left out.
    asm volatile("" : "+r"(object) : : "memory");
    std::free(object);
  }
  return (CpuNs() - begin) / static_cast<double>(pairs);
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t pairs = arguments.Get("pairs", 4'000'000);
  arguments.CheckAllUsed();

  constexpr int kMeasurements = 9;
  double least = PairNs(pairs);
  for (int i = 1; i < kMeasurements; ++i) {
    least = std::min(least, PairNs(pairs));
  }
  std::printf("pair64_ns %.3f ns\n", least);
  return 0;
}
