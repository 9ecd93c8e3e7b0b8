// Everything at once, for a while: what is left of the large mappings, and what it cost.
#include <array>

#include "runtime/sim/page_cache.h"
#include "tools/pageward/sim/random.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

using sim::CachedFile;
using sim::FileKind;
using sim::FillTag;

constexpr std::uint32_t kAreas = 16;
constexpr std::uint32_t kRemovedPages = 16;

std::uint64_t LeastRam(const Settings& settings) {
  return 3 * settings.size_bytes + kRoomBytes;
}

// A process with areas, and a guest beside it.
class Churn {
 public:
  explicit Churn(Session& session)
      : session_(session),
        pages_(PagesOf(session.settings())),
        random_(session.settings().seed),
        guest_pages_(pages_),
        guest_(session.simulation(), CachedFile::Memory{guest_pages_}, FileKind::kGuest) {
    for (std::uint32_t i = 0; i < kAreas; ++i) {
      AddArea(i);
    }
  }

  // Half of what happens is a program writing to its memory; the rest are rarer and larger things.
  void Do() {
    const std::uint32_t choice = random_.Below32(1000);
    if (choice < 500) {
      session_.process().UserWrite(PageAt(kUserBase, random_.Below(pages_)), choice);
    } else if (choice < 800) {
      session_.Need(guest_.Write(session_.process(), random_.Below32(pages_), FillTag{choice}),
                    "writing the guest");
    } else if (choice < 980) {
      guest_.Remove(random_.Below32(pages_ - kRemovedPages), kRemovedPages);
    } else if (choice < 998) {
      const std::uint32_t area = random_.Below32(kAreas);
      session_.Need(session_.process().RemoveRange(RangeOf(area)), "unmapping");
      AddArea(area);
    } else {
      Fork();
    }
  }

 private:
  VirtRange RangeOf(std::uint32_t area) const {
    const std::uint64_t bytes = session_.settings().size_bytes / kAreas;
    return VirtRange{kUserBase + area * bytes, bytes};
  }
  void AddArea(std::uint32_t area) {
    session_.Need(session_.process().AddArea(sim::Area{.range = RangeOf(area)}), "an area");
  }
  void Fork() {
    sim::Process* const child =
        session_.Need(session_.simulation().ForkProcess(session_.process()), "forking");
    child->Run();
    for (int i = 0; i < 8; ++i) {
      child->UserWrite(PageAt(kUserBase, random_.Below(pages_)), 1);
    }
    session_.process().Run();
    session_.simulation().EndProcess(*child);
  }

  Session& session_;
  const std::uint32_t pages_;
  Random random_;
  std::vector<std::uint32_t> guest_pages_;
  CachedFile guest_;
};

void RunChurn(Session& session) {
  Churn churn(session);
  session.Begin();
  for (std::uint32_t i = 0; i < 4 * PagesOf(session.settings()); ++i) {
    churn.Do();
    session.Step();
  }
}

constexpr AxisDefault kDefaults[] = {{"conversion", "all"}, {"size", "16M"}};
constexpr std::string_view kCompared[] = {"conversion"};
constexpr AxisDefault kBaseline[] = {{"conversion", "adhoc"}};

}  // namespace

constinit const Scenario kChurn{
    .name = "churn",
    .question = "What is left of large mappings after everything came and went for a while?",
    .what = "at random: program and guest write, guest pages go, areas go, processes fork and end",
    .defaults = kDefaults,
    .least_ram = LeastRam,
    .steps = [](const Settings& settings) -> std::uint64_t { return 4 * PagesOf(settings); },
    .run = RunChurn,
    .compared = kCompared,
    .baseline = kBaseline,
};

}  // namespace pageward::tool
