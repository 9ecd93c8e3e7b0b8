// Question: what does a small object cost in a program that keeps many of them and replaces them in
// no order, so that neither the allocator's nor the processor's caches see the same one again soon?
//
// One thread, 16 to 1040 bytes, a live set of about 50 MiB.
#include "bench/workload/live_set.h"

namespace workload = pageward::workload;

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t operations = arguments.Get("operations", 2'000'000);
  const std::uint64_t live = arguments.Get("live", 100'000);
  arguments.CheckAllUsed();

  workload::Prng prng(1);
  const auto next_size = [](workload::Prng& random) { return random.Between(16, 1040); };
  workload::LiveSet set;
  set.Fill(live, prng, next_size);
  set.Replace(operations, prng, next_size);
  workload::Report("churn_small", set.Clear(), operations + live);
}
