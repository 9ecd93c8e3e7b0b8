// Question: what does it cost when small objects and buffers of some pages are mixed, as in a
// program that handles requests or documents, and small ones by far outnumber the large?
//
// One thread, 8 bytes to 8 KiB with every power of two equally often, a live set of about 50 MiB.
#include "bench/workload/live_set.h"

namespace workload = pageward::workload;

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t operations = arguments.Get("operations", 2'500'000);
  const std::uint64_t live = arguments.Get("live", 40'000);
  arguments.CheckAllUsed();

  workload::Prng prng(2);
  const auto next_size = [](workload::Prng& random) { return random.LogUniform(3, 12); };
  workload::LiveSet set;
  set.Fill(live, prng, next_size);
  set.Replace(operations, prng, next_size);
  workload::Report("churn_mixed", set.Clear(), operations + live);
}
