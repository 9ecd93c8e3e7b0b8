// Questions: what does it cost to take a frame and give it back if its table can be written inside
// the gate only, and which part of the memory that it describes does the frame table take?
//
// One engine with closed metadata, where this machine has keys for that. A pair through the gate
// opens it twice: what a caller does who takes a frame now and gives it back some other time.
// Prints `key value unit` lines; what can't be measured on this machine has none. Ends with 1 if
// the gate was not opened as often as it should have been.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

#include "runtime/core/bits.h"
#include "runtime/engine/engine.h"
#include "runtime/keys/gate.h"
#include "runtime/os/linux_os.h"

namespace pageward {
namespace {

constexpr frame::Request kMovable = frame::Request::Mapped(frame::Mobility::kMovable);

constinit os::LinuxOs g_os;
constinit engine::Engine g_engine;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "metadata_figures: %s\n", what);
  std::exit(1);
}

std::uint64_t Argument(int argc, char** argv, std::string_view name, std::uint64_t otherwise) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with(name) && argument.substr(name.size()).starts_with("=")) {
      return std::strtoull(argv[i] + name.size() + 1, nullptr, 10);
    }
  }
  return otherwise;
}

double CpuNs() {
  std::timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

std::uint64_t ResidentBytes() {
  char text[128] = {};
  const Result<std::size_t> read = g_os.ReadFile("/proc/self/statm", text);
  unsigned long total = 0;
  unsigned long resident = 0;
  if (!read.ok() || std::sscanf(text, "%lu %lu", &total, &resident) != 2) {
    Fail("cannot read /proc/self/statm");
  }
  return resident * kFrameBytes;
}

// Lets the zone grow by `bytes`, which are free afterwards.
void GrowBy(std::uint64_t bytes) {
  const keys::Gate gate;
  const Result<VirtRange> run = g_engine.runs().Allocate(bytes, kPageblockBytes);
  if (!run.ok()) {
    Fail("the zone does not grow");
  }
  g_engine.runs().Free(*run);
}

// The part of `mib` MiB that all tables of the zone take when each of its frames is a piece of its
// own, so that no leaf can be left out. The frames are not touched.
double FrameTableShare(std::uint64_t mib) {
  const std::uint64_t bytes = AlignUp(mib << 20, std::uint64_t{kPageblockBytes});
  std::vector<FrameNumber> frames(bytes / kFrameBytes);
  ResidentBytes();
  const std::uint64_t before = ResidentBytes();
  GrowBy(bytes);
  const keys::Gate gate;
  for (FrameNumber& frame : frames) {
    const Result<FrameNumber> taken = g_engine.frames().Allocate(Order(0), kMovable);
    if (!taken.ok()) {
      Fail("there are fewer frames than the zone has");
    }
    frame = *taken;
  }
  const std::uint64_t after = ResidentBytes();
  for (const FrameNumber frame : frames) {
    g_engine.frames().Free(frame, Order(0));
  }
  return static_cast<double>(after - before) / static_cast<double>(bytes);
}

struct Pairs {
  double ns = 0;  ///< for each
  std::uint64_t openings = 0;
};

constexpr std::uint64_t kMeasurements = 7;

// Takes frames of this thread's lists and gives them back, each inside a scope of its own. The
// least of several times: what disturbs makes it longer.
Pairs MeasurePairs(std::uint64_t pairs, frame::ThreadLists& lists) {
  const std::uint64_t openings = keys::ThreadGateOpenings();
  Pairs measured{.ns = 1e30};
  for (std::uint64_t i = 0; i < kMeasurements; ++i) {
    const double begin = CpuNs();
    for (std::uint64_t pair = 0; pair < pairs; ++pair) {
      FrameNumber frame;
      {
        const keys::Gate gate;
        frame = *g_engine.frames().Allocate(Order(0), kMovable, lists);
      }
      asm volatile("" : : "r"(frame.value) : "memory");
      const keys::Gate gate;
      g_engine.frames().Free(frame, Order(0), lists);
    }
    measured.ns = std::min(measured.ns, (CpuNs() - begin) / static_cast<double>(pairs));
  }
  measured.openings = keys::ThreadGateOpenings() - openings;
  return measured;
}

void PrintPairs(std::uint64_t pairs, bool is_closed) {
  static constinit frame::ThreadLists lists;
  Pairs batched;
  {
    const keys::Gate gate;
    g_engine.frames().Attach(lists);
    batched = MeasurePairs(pairs, lists);
  }
  std::printf("order0_pair_ns %.2f ns\n", batched.ns);
  if (is_closed) {
    const Pairs gated = MeasurePairs(pairs, lists);
    std::printf("gated_order0_pair_ns %.2f ns\n", gated.ns);
    if (batched.openings != 0 || gated.openings != 2 * pairs * kMeasurements) {
      Fail("the gate was not opened once for each scope that nothing surrounds");
    }
  }
  const keys::Gate gate;
  g_engine.frames().Detach(lists);
}

int Main(int argc, char** argv) {
  const std::uint64_t mib = Argument(argc, argv, "mib", 512);
  const std::uint64_t pairs = Argument(argc, argv, "pairs", 2'000'000);
  engine::Config config;
  config.zone_bytes = std::uint64_t{1} << 32;
  if (!g_engine.Start(g_os, config).ok()) {
    Fail("no addresses for a zone");
  }
  const bool is_closed = g_engine.CloseMetadata({}).ok();
  std::printf("metadata_closed %d\n", is_closed ? 1 : 0);
  std::printf("frame_table_share %.6f\n", FrameTableShare(mib));
  PrintPairs(pairs, is_closed);
  return 0;
}

}  // namespace
}  // namespace pageward

int main(int argc, char** argv) {
  return pageward::Main(argc, argv);
}
