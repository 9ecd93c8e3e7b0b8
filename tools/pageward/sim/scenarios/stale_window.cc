// Who can read through a window, and until when: an attempt at each moment that matters.
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

using sim::FillTag;
using sim::OnCpu;
using sim::WindowPolicy;

// The owner, a thread of the same process elsewhere, and another process.
constexpr std::uint32_t kOwner = 0;
constexpr std::uint32_t kSibling = 1;
constexpr std::uint32_t kStranger = 2;

class Windows {
 public:
  explicit Windows(Session& session) : session_(session) {
    session.Need(session.process().mm_local().PrepareViews(), "the tables of views");
    {
      const OnCpu on_cpu(session.cpu(kSibling));
      session.process().Run();
    }
    const OnCpu on_cpu(session.cpu(kStranger));
    sim::Process* const stranger =
        session.Need(session.simulation().CreateProcess(), "another process");
    stranger->Run();
    session.Need(stranger->mm_local().PrepareViews(), "the tables of its views");
  }

  FrameNumber Hide(std::uint32_t tag) {
    const FrameNumber frame = session_.Need(session_.kernel().AllocateHidden(), "a hidden frame");
    session_.kernel().ram().Fill(frame, FillTag{tag});
    return frame;
  }

  VirtAddr Open(FrameNumber frame) {
    session_.Step();
    if (session_.settings().config.window == WindowPolicy::kKmapLocal) {
      return session_.Need(session_.simulation().kmap().Map(frame), "a window");
    }
    views_.push_back(session_.Need(
        session_.process().mm_local().views(kOwner).Get({.first = frame}), "a window"));
    return views_.back().range().begin;
  }
  // The one that was opened last.
  void Close(VirtAddr at) {
    session_.Step();
    if (session_.settings().config.window == WindowPolicy::kKmapLocal) {
      session_.simulation().kmap().Unmap(at);
      return;
    }
    session_.Need(session_.process().mm_local().views(kOwner).Put(views_.back()), "closing");
    views_.pop_back();
  }

  void Probe(VirtAddr at, std::uint32_t cpu, std::string what) {
    session_.AddProbe(at, cpu, session_.cpu(cpu).Read(at).ok(), std::move(what));
  }
  void ProbeInInterrupt(VirtAddr at, std::string what) {
    const sim::InterruptScope interrupt(session_.cpu(kOwner));
    Probe(at, kOwner, std::move(what));
  }

 private:
  Session& session_;
  std::vector<space::ViewHandle> views_;
};

// A fault makes a processor forget the page that it was about (SDM volume 3, 4.10.4.1), so the
// owner must not run into one between what leaves a stale translation and what looks for it.
void RunStaleWindow(Session& session) {
  Windows windows(session);
  const FrameNumber secret = windows.Hide(1);
  const FrameNumber other = windows.Hide(2);
  session.Begin();
  const VirtAddr at = windows.Open(secret);
  windows.Probe(at, kOwner, "its owner, while it is open");
  windows.ProbeInInterrupt(at, "an interrupt of its owner, while it is open");
  windows.Probe(at, kSibling, "another thread of the process, while it is open");
  windows.Probe(at, kStranger, "another process, while it is open");
  windows.Probe(at, kOwner, "its owner, once more");
  windows.Close(at);
  windows.Probe(at, kSibling, "another thread of the process, after closing");
  windows.Probe(at, kStranger, "another process, after closing");
  const VirtAddr second = windows.Open(other);
  if (second == at) {
    session.AddRemark(
        "the next window is at the same page: closing has flushed it on its processor");
  } else {
    windows.Probe(at, kOwner, "its owner, after closing, with another window open");
  }
  session.kernel().FreeHidden(secret);
  session.Step();
  windows.Probe(at, kSibling, "another thread of the process, after the frame was freed");
  if (second != at) {
    windows.Probe(at, kOwner, "its owner, after the frame was freed, with another window open");
  }
  windows.Close(second);
  windows.Probe(at, kOwner, "its owner, with no window open");
}

constexpr AxisDefault kDefaults[] = {
    {"window", "all"}, {"stale-views", "all"}, {"cpus", "4"}, {"size", "2M"}};
constexpr std::string_view kNotModelled[] = {
    "speculation: a processor here reads through a window exactly if its rights say so"};

}  // namespace

constinit const Scenario kStaleWindow{
    .name = "stale-window",
    .question = "Who can read through a window on hidden memory, and until when?",
    .what =
        "a window is opened, closed, and its frame freed; at each moment somebody tries to read",
    .defaults = kDefaults,
    .least_ram = [](const Settings&) -> std::uint64_t { return kRoomBytes; },
    .least_cpus = kStranger + 1,
    .events = 512,
    .run = RunStaleWindow,
    .ratios = Ratios::kNone,
    .not_modelled = kNotModelled,
};

}  // namespace pageward::tool
