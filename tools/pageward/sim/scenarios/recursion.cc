// Protecting a table page splits a mapping, which takes table pages: with and without the reserve.
#include <fmt/format.h>

#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

constexpr std::uint64_t kMostTouches = 4096;

// Touches a page that shares no table with those before.
bool Touch(Session& session, std::uint64_t number) {
  return session.process().UserWrite(kUserBase + number * kPageblockBytes, number).ok();
}

// Uses up what is set aside, so that the next table takes a refill; does nothing where no page is.
std::uint64_t UseUp(Session& session) {
  std::uint64_t touched = 0;
  const std::size_t reserved = session.settings().config.kernel.tables.shape.reserved();
  while (session.kernel().tables().cached() > reserved && touched < kMostTouches) {
    Touch(session, touched++);
  }
  return touched;
}

// Takes whatever lies in leaves that have been split, so that the next frame lies in one that is
// whole. Returns whether it does; if not, nothing is taken.
bool LeaveSplitLeaves(Session& session) {
  frame::PageAllocator& frames = session.kernel().frames();
  std::vector<std::pair<FrameNumber, Order>> taken;
  for (const Order order : {kPageblockOrder, Order(0)}) {
    for (bool is_whole = false; !is_whole;) {
      const Result<FrameNumber> frame =
          frames.Allocate(order, frame::Request::Mapped(frame::Mobility::kUnmovable));
      if (!frame.ok()) {
        for (const auto& [first, of_order] : taken) {
          frames.Free(first, of_order);
        }
        return false;
      }
      is_whole = session.kernel().direct_map().LeafLevelOf(*frame) ==
                 session.settings().config.kernel.direct_map.largest_leaf;
      if (is_whole) {
        frames.Free(*frame, order);
      } else {
        taken.emplace_back(*frame, order);
      }
    }
  }
  return true;
}

// The first split takes what a policy without a reserve has left over from starting.
void LeaveWholeLeavesOnly(Session& session) {
  bool is_whole = LeaveSplitLeaves(session);
  if (const auto hidden = session.kernel().AllocateHidden(); !hidden.ok()) {
    session.AddRemark(fmt::format("a split cannot be made here: {}", NameOf(hidden.error())));
  }
  is_whole = LeaveSplitLeaves(session) && is_whole;
  if (!is_whole) {
    session.AddRemark("no leaf is left whole here, so nothing large is split");
  }
}

void RunRecursion(Session& session) {
  const VirtRange range{kUserBase, (kMostTouches + 2) * kPageblockBytes};
  session.Need(session.process().AddArea(sim::Area{.range = range}), "an area");
  const std::uint64_t touched = UseUp(session);
  LeaveWholeLeavesOnly(session);
  session.Begin();
  if (!Touch(session, touched)) {
    session.AddRemark("what was touched could not be mapped: there is no table page to be had");
  }
  session.Step();
}

constexpr AxisDefault kDefaults[] = {{"ptp", "per-page,reserve"}, {"ram", "4G"}, {"size", "2M"}};
constexpr std::string_view kCompared[] = {"ptp", "batching"};
constexpr AxisDefault kBaseline[] = {{"ptp", "per-page"}};
constexpr std::string_view kNotModelled[] = {
    "waiting: where a kernel would wait for itself, the page is used without its key and counted"};

}  // namespace

constinit const Scenario kRecursion{
    .name = "recursion",
    .question = "What happens when protecting a table page takes table pages?",
    .what =
        "a process touches memory: a table page is wanted, none is left, and all leaves are whole",
    .defaults = kDefaults,
    .least_ram = [](const Settings&) -> std::uint64_t { return kRoomBytes + kPageblockBytes * 32; },
    .events = 512,
    .run = RunRecursion,
    .compared = kCompared,
    .baseline = kBaseline,
    .not_modelled = kNotModelled,
};

}  // namespace pageward::tool
