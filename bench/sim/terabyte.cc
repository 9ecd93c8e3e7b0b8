// Question: what does a simulated machine of 1 TiB and 256 processors cost the machine that runs
// it?
//
// Starts it, then writes `mib` MiB of guest memory for the first time: hidden frames, windows, page
// cache. Prints `key value unit` lines; peak_rss_gib is the most that the process ever had.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "bench/sim/machinery.h"
#include "bench/workload/support.h"
#include "runtime/sim/page_cache.h"

namespace workload = pageward::workload;
namespace sim = pageward::sim;

namespace {

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

 private:
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

double PeakGiB() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / static_cast<double>(sim::kGiB);
}

}  // namespace

int main(int argc, char** argv) {
  workload::Arguments arguments(argc, argv);
  const std::uint64_t ram_gib = arguments.Get("ram_gib", 1024);
  const std::uint64_t mib = arguments.Get("mib", 64 * 1024);
  const std::uint64_t cpus = arguments.Get("cpus", pageward::ptable::CpuSet::kMaxCpus);
  arguments.CheckAllUsed();
  if (ram_gib < 1 || ram_gib > 1024 || mib >= ram_gib * 1024 || cpus < 1 ||
      cpus > pageward::ptable::CpuSet::kMaxCpus) {
    workload::Fail("ram_gib is from 1 to 1024, mib are fewer, cpus are from 1 to 256");
  }

  const Clock since_start;
  sim::Machinery machinery(sim::ConfigOf(ram_gib * sim::kGiB, static_cast<std::uint32_t>(cpus)));
  std::printf("start_seconds %.3f s\n", since_start.seconds());

  const Clock since_started;
  std::vector<std::uint32_t> pages(mib * (sim::kGiB / 1024) / pageward::kFrameBytes);
  sim::CachedFile file(machinery.simulation(), sim::CachedFile::Memory{pages},
                       sim::FileKind::kGuest);
  for (std::uint32_t page = 0; page < pages.size(); ++page) {
    if (!file.Write(machinery.process(), page, sim::FillTag{page + 1}).ok()) {
      workload::Fail("there is no memory for a page of the guest");
    }
  }
  std::printf("populate_seconds %.3f s\n", since_started.seconds());
  std::printf("peak_rss_gib %.3f GiB\n", PeakGiB());
  return 0;
}
