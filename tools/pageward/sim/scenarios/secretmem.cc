// Secret memory as the kernel has it: pages leave the direct map one by one.
#include "runtime/sim/page_cache.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

using sim::CachedFile;
using sim::FileKind;

void RunSecretmem(Session& session) {
  std::vector<std::uint32_t> pages(PagesOf(session.settings()));
  CachedFile secret(session.simulation(), CachedFile::Memory{pages}, FileKind::kSecret);
  session.Begin();
  for (std::uint32_t page = 0; page < secret.page_count(); ++page) {
    const VirtAddr at = PageAt(kUserBase, page);
    session.Need(secret.Fault(session.process(), page, at), "a page of the secret");
    session.process().UserWrite(at, page + 1);
    session.Step();
  }
  for (std::uint32_t page = 0; page < secret.page_count(); ++page) {
    session.process().UnmapShared(PageAt(kUserBase, page));
    secret.Remove(page, 1);
    session.Step();
  }
}

constexpr AxisDefault kDefaults[] = {{"leaf", "4K,1G"}, {"size", "4M"}};
constexpr std::string_view kCompared[] = {"leaf"};
constexpr AxisDefault kBaseline[] = {{"leaf", "4K"}};

}  // namespace

constinit const Scenario kSecretmem{
    .name = "secretmem",
    .question = "What do secrets, page by page, do to the direct map, and what do they cost?",
    .what = "a secret is faulted in and written page by page, and then given back in the same way",
    .defaults = kDefaults,
    .least_ram = RamForPages,
    .steps = [](const Settings& settings) -> std::uint64_t { return 2 * PagesOf(settings); },
    .run = RunSecretmem,
    .compared = kCompared,
    .baseline = kBaseline,
};

}  // namespace pageward::tool
