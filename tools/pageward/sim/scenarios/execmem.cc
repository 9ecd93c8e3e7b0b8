// Code that is loaded and unloaded, in memory that is never writable where it runs.
#include "runtime/sim/execmem.h"

#include "tools/pageward/sim/random.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

using sim::ExecmemCache;
using sim::FillTag;

// What code memory can hold at most, and what a module has.
constexpr std::uint64_t kMostBytes = ExecmemCache::kMostBlocks * kPageblockBytes;
constexpr std::uint64_t kMostModulePages = 32;

std::uint64_t LeastRam(const Settings&) {
  return kMostBytes + kRoomBytes;
}

void Load(Session& session, ExecmemCache& cache, Random& random, std::vector<VirtRange>* modules) {
  const std::uint64_t pages = 1 + random.Below(kMostModulePages);
  const VirtRange code = session.Need(cache.Allocate(pages << kFrameBytesLog2), "room for code");
  for (std::uint64_t page = 0; page < pages; ++page) {
    session.Need(cache.Write(PageAt(code.begin, page),
                             FillTag{static_cast<std::uint32_t>(1 + random.Below(1000))}),
                 "writing code");
  }
  modules->push_back(code);
}

void Unload(Session& session, ExecmemCache& cache, Random& random,
            std::vector<VirtRange>* modules) {
  const std::size_t which = random.Below(modules->size());
  session.Need(cache.Free((*modules)[which]), "giving code back");
  (*modules)[which] = modules->back();
  modules->pop_back();
}

void RunExecmem(Session& session) {
  ExecmemCache cache(session.kernel(), session.simulation().kmap());
  Random random(session.settings().seed);
  std::vector<VirtRange> modules;
  // At most half of what there can be is in use, so that there is always room in one piece.
  const std::uint64_t most_pages = kMostBytes / 2 / kFrameBytes - kMostModulePages;
  session.Begin();
  for (std::uint32_t i = 0; i < PagesOf(session.settings()); ++i) {
    if (modules.empty() || (cache.used_pages() < most_pages && random.Below(5) < 3)) {
      Load(session, cache, random, &modules);
    } else {
      Unload(session, cache, random, &modules);
    }
    session.Step();
  }
  session.AddQuantity("code-blocks", static_cast<double>(cache.block_count()), "pageblocks");
  session.AddQuantity("code-pages", cache.used_pages(), "pages");
}

constexpr AxisDefault kDefaults[] = {{"ptp", "none,reserve"}, {"size", "4M"}};
constexpr std::string_view kCompared[] = {"ptp", "batching"};
constexpr AxisDefault kBaseline[] = {{"ptp", "none"}};

}  // namespace

constinit const Scenario kExecmem{
    .name = "execmem",
    .question = "What does code memory cost that is never writable and stays in large leaves?",
    .what =
        "modules of 1 to 32 pages are loaded and unloaded at random, one for each page of --size",
    .defaults = kDefaults,
    .least_ram = LeastRam,
    .steps = [](const Settings& settings) -> std::uint64_t { return PagesOf(settings); },
    .run = RunExecmem,
    .compared = kCompared,
    .baseline = kBaseline,
};

}  // namespace pageward::tool
