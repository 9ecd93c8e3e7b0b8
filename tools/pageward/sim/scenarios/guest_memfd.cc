// The whole life of a file of guest memory: written, mapped, read, unmapped, removed.
#include "runtime/sim/page_cache.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

using sim::CachedFile;
using sim::FileKind;
using sim::FillTag;

void RunGuestMemfd(Session& session) {
  std::vector<std::uint32_t> pages(PagesOf(session.settings()));
  CachedFile guest(session.simulation(), CachedFile::Memory{pages}, FileKind::kGuest);
  session.Begin();
  for (std::uint32_t page = 0; page < guest.page_count(); ++page) {
    session.Need(guest.Write(session.process(), page, FillTag{page + 1}), "writing the guest");
    session.Step();
  }
  for (std::uint32_t page = 0; page < guest.page_count(); ++page) {
    const VirtAddr at = PageAt(kUserBase, page);
    session.Need(guest.Fault(session.process(), page, at), "mapping the guest");
    session.process().UserRead(at);
    session.Step();
  }
  for (std::uint32_t page = 0; page < guest.page_count(); ++page) {
    session.process().UnmapShared(PageAt(kUserBase, page));
    session.Step();
  }
  for (std::uint32_t page = 0; page < guest.page_count(); page += kPageblockFrames) {
    guest.Remove(page, kPageblockFrames);
    session.Step();
  }
}

constexpr AxisDefault kDefaults[] = {{"window", "all"}};
constexpr std::string_view kCompared[] = {"window"};
constexpr AxisDefault kBaseline[] = {{"window", "kmap-local"}};
constexpr std::string_view kNotModelled[] = {"the hypervisor's own tables for the guest"};

}  // namespace

constinit const Scenario kGuestMemfd{
    .name = "guest-memfd",
    .question = "What does guest memory outside of the direct map cost from birth to death?",
    .what = "a file is written by system calls, mapped and read page by page, unmapped, removed",
    .defaults = kDefaults,
    .least_ram = RamForPages,
    .steps = [](const Settings& settings) -> std::uint64_t {
      return 3 * PagesOf(settings) + PagesOf(settings) / kPageblockFrames;
    },
    .run = RunGuestMemfd,
    .compared = kCompared,
    .baseline = kBaseline,
    .not_modelled = kNotModelled,
};

}  // namespace pageward::tool
