// Protecting a table page splits a mapping, which takes table pages: with and without the reserve.
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

constexpr std::uint64_t kMostTouches = 4096;

// Touches a page that shares no table with those before.
void Touch(Session& session, std::uint64_t number) {
  session.process().UserWrite(kUserBase + number * kPageblockBytes, number);
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
// whole. Returns whether it does.
bool LeaveSplitLeaves(Session& session) {
  for (const Order order : {kPageblockOrder, Order(0)}) {
    for (bool is_whole = false; !is_whole;) {
      const Result<FrameNumber> frame = session.kernel().frames().Allocate(
          order, frame::Request::Mapped(frame::Mobility::kUnmovable));
      if (!frame.ok()) {
        return false;
      }
      is_whole = session.kernel().direct_map().LeafLevelOf(*frame) == 2;
      if (is_whole) {
        session.kernel().frames().Free(*frame, order);
      }
    }
  }
  return true;
}

void RunRecursion(Session& session) {
  const VirtRange range{kUserBase, (kMostTouches + 2) * kPageblockBytes};
  session.Need(session.process().AddArea(sim::Area{.range = range}), "an area");
  const std::uint64_t touched = UseUp(session);
  // The first split takes what a policy without a reserve has left over from starting.
  bool is_whole = LeaveSplitLeaves(session);
  session.Need(session.kernel().AllocateHidden(), "a hidden frame");
  is_whole = LeaveSplitLeaves(session) && is_whole;
  if (!is_whole) {
    session.AddRemark("no leaf of 1 GiB is left whole, so nothing large is split here");
  }
  session.Begin();
  Touch(session, touched);
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
