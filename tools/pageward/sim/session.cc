#include "tools/pageward/sim/session.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/sizes.h"
#include "tools/pageward/sim/meanings.h"
#include "tools/pageward/sim/pictures.h"

namespace pageward::tool {
namespace {

constexpr std::size_t kMostSamples = 128;
constexpr std::uint64_t kUsualSamples = 96;  // If it is known how many steps there will be.
constexpr std::uint64_t kStepsBetweenTells = 1024;
constexpr double kMiB = 1 << 20;

std::uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

LazyMemory::LazyMemory(std::uint64_t bytes) : bytes_(bytes) {
  pointer_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pointer_ == MAP_FAILED) {
    throw Failure(fmt::format("this system grants no {} of address space for the simulation",
                              TypedSize(bytes)));
  }
}

LazyMemory::~LazyMemory() {
  munmap(pointer_, bytes_);
}

Session::Session(const Settings& settings, const Watch& watch)
    : settings_(settings), watch_(watch), events_(watch.events) {
  sim::SimulationConfig& config = settings_.config;
  config.kernel.machine.events = watch.events > 0 ? &events_ : nullptr;
  memory_.emplace(sim::Simulation::BytesFor(config));
  simulation_ = Need(sim::Simulation::Start(memory_->range(), config), "starting the kernel");
  on_cpu_.emplace(cpu(0));
  process_ = Need(simulation_->CreateProcess(), "the first process");
  process_->Run();
  run_.name = settings.name;
  run_.settings = settings.values;
  run_.freetypes = FreetypeNames();
}

void Session::Begin() {
  events_.TurnOn();
  before_ = kernel().counts();
  begun_ = std::chrono::steady_clock::now();
  // A terabyte has half a million pageblocks, so no sample is taken only to be thrown away.
  sample_interval_ = std::max<std::uint64_t>(1, watch_.steps / kUsualSamples);
  SampleBlocks();
}

void Session::Step() {
  ++steps_;
  if (steps_ >= next_sample_) {
    SampleBlocks();
  }
  if (watch_.progress != nullptr && steps_ % kStepsBetweenTells == 0) {
    watch_.progress->Tell(run_.name.empty() ? "running" : run_.name, steps_, watch_.steps);
  }
}

// However long the run is, a picture has some dozens of samples: when there are too many, every
// other one goes.
void Session::SampleBlocks() {
  if (run_.blocks.size() == kMostSamples) {
    for (std::size_t i = 1; i < kMostSamples / 2; ++i) {
      run_.blocks[i] = std::move(run_.blocks[2 * i]);
    }
    run_.blocks.resize(kMostSamples / 2);
    sample_interval_ *= 2;
  }
  run_.blocks.push_back(BlockSample{steps_, CountFreetypes(kernel())});
  next_sample_ = steps_ + sample_interval_;
}

void Session::Need(Status status, std::string_view what) const {
  if (status.ok()) {
    return;
  }
  const bool is_full = status.error() == Error::kNoFrames || status.error() == Error::kNoMemory;
  const sim::KernelConfig& config = settings_.config.kernel;
  const std::string advice =
      is_full ? fmt::format("; --ram {} or --reserve {}+{} is too small for this",
                            TypedSize(config.ram_bytes), config.tables.shape.for_refill,
                            config.tables.shape.for_others)
              : std::string();
  throw Failure(fmt::format("{}: {}{}", what, NameOf(status.error()), advice));
}

void Session::AddProbe(VirtAddr at, std::uint32_t cpu, bool went_through, std::string what) {
  run_.probes.push_back(
      Probe{events_.last(), at.value() >> kFrameBytesLog2, cpu, went_through, std::move(what)});
}

void Session::AddQuantity(std::string name, double value, std::string unit) {
  run_.quantities.push_back(Quantity{std::move(name), value, std::move(unit)});
}

FinishedRun Session::Finish(const sim::CostModel& costs) {
  const sim::Counts counts = kernel().counts() - before_;
  if (run_.blocks.empty() || run_.blocks.back().step != steps_) {
    SampleBlocks();
  }
  AddCounts(counts, costs);
  AddQuantities();
  run_.views = ViewsOf(events_.events());
  DrawMessages(events_.events(), &run_);
  if (events_.dropped() > 0) {
    run_.remarks.push_back(fmt::format("{} events are kept; {} more came after them",
                                       events_.events().size(), events_.dropped()));
  }
  return FinishedRun{std::move(run_), counts};
}

void Session::AddCounts(const sim::Counts& counts, const sim::CostModel& costs) {
  for (std::size_t i = 0; i < sim::kPrimitiveCount; ++i) {
    const auto primitive = static_cast<sim::Primitive>(i);
    const std::string name(sim::NameOf(primitive));
    run_.counts.push_back(Count{name, counts[primitive], std::string(MeaningOf(primitive))});
    if (counts[primitive] > 0) {
      run_.shares.push_back(CostShare{name, counts[primitive], costs[primitive]});
    }
  }
  for (std::size_t i = 0; i < sim::kTallyCount; ++i) {
    const auto tally = static_cast<sim::Tally>(i);
    run_.counts.push_back(
        Count{std::string(sim::NameOf(tally)), counts[tally], std::string(MeaningOf(tally))});
  }
  run_.cycles = BandOf(costs.Band(counts));
}

void Session::AddQuantities() {
  const ptable::LeafCounts leaves = kernel().direct_map().CountLeaves();
  AddQuantity("leaves-1g", static_cast<double>(leaves.at[2]), "leaves");
  AddQuantity("leaves-2m", static_cast<double>(leaves.at[1]), "leaves");
  AddQuantity("leaves-4k", static_cast<double>(leaves.at[0]), "leaves");
  AddQuantity("table-pages-cached", static_cast<double>(kernel().tables().cached()), "pages");
  AddQuantity("deepest-nesting", kernel().tables().deepest(), "levels");
  AddQuantity("stale-view-reports", static_cast<double>(simulation_->stale_view_reports()),
              "reports");
  const std::chrono::duration<double> real = std::chrono::steady_clock::now() - begun_;
  AddQuantity("real-time", real.count(), "s");
  AddQuantity("real-memory", static_cast<double>(ResidentBytes()) / kMiB, "MiB");
}

}  // namespace pageward::tool
