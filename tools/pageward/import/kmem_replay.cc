#include "tools/pageward/import/kmem_replay.h"

#include <algorithm>

#include "runtime/sim/frame_window.h"

namespace pageward::tool {

using frame::Request;
using frame::RequestFlag;
using Flag = GfpFlags::Flag;

KmemReplay::KmemReplay(sim::Simulation& simulation, sim::Process& process, const HideRule& rule)
    : simulation_(simulation), process_(process), rule_(rule) {
  for (std::uint32_t cpu = 0; cpu < simulation.machine().cpu_count(); ++cpu) {
    const sim::OnCpu on_cpu(simulation.machine().cpu(cpu));
    process.Run();
  }
}

sim::Cpu& KmemReplay::CpuOf(const KmemEvent& event) {
  return simulation_.machine().cpu(event.cpu.value_or(0) % simulation_.machine().cpu_count());
}

void KmemReplay::Allocate(const KmemEvent& event, HeldBlock* block) {
  const sim::OnCpu on_cpu(CpuOf(event));
  const bool is_hidden = rule_.Hides(event);
  const Order order(event.order);
  // Who must not wait has no reclaim; conversion and compaction are as much of a wait.
  const Request mapped = event.gfp.Has(Flag::kDirectReclaim)
                             ? Request::Mapped(event.mobility)
                             : Request::Mapped(event.mobility).With(RequestFlag::kMayNotBlock);
  const Result<FrameNumber> frame = is_hidden ? simulation_.kernel().AllocateHidden(order)
                                              : simulation_.kernel().AllocateFrame(order, mapped);
  if (!frame.ok()) {
    ++counts_.failed;
    counts_.failed_hidden += is_hidden ? 1 : 0;
    return;
  }
  block->place = is_hidden ? BlockPlace::kHidden : BlockPlace::kMapped;
  block->frame = *frame;
  if (is_hidden) {
    ++counts_.hidden;
    counts_.hidden_pages += block->pages();
    hidden_now_ += block->pages();
    counts_.peak_hidden_pages = std::max(counts_.peak_hidden_pages, hidden_now_);
  }
  if (event.gfp.Has(Flag::kZero)) {
    Clear(*block);
  }
}

void KmemReplay::Clear(const HeldBlock& block) {
  const FrameRange frames{block.frame, Order(block.order).frames()};
  for (FrameNumber frame = frames.begin; frame < frames.end(); ++frame.value) {
    if (block.place == BlockPlace::kMapped) {
      simulation_.kernel().ClearFrame(frame);
      continue;
    }
    sim::FrameWindow window(simulation_, process_, frame);
    if (window.IsOpen()) {
      window.Clear();
    } else {
      ++counts_.unclearable;
    }
  }
}

bool KmemReplay::Split(const HeldBlock& block) {
  if (block.place == BlockPlace::kNowhere) {
    return true;
  }
  if (block.place == BlockPlace::kHidden) {
    const bool has_split = simulation_.kernel().SplitHidden(block.frame, Order(block.order)).ok();
    counts_.unsplit += has_split ? 0u : 1u;
    return has_split;
  }
  const FrameRange frames{block.frame, Order(block.order).frames()};
  const FrameCount half(frames.count.value / 2);
  // Leaves of the frame table have their places, so there is nothing that could be wanting.
  const Status split = simulation_.kernel().frames().SplitRun(frames, half);
  PW_CHECK(split.ok(), Violation::kInvariant, frames.begin.value);
  return true;
}

void KmemReplay::Free(const KmemEvent& event, const HeldBlock& block) {
  const sim::OnCpu on_cpu(CpuOf(event));
  if (block.place == BlockPlace::kHidden) {
    simulation_.kernel().FreeHidden(block.frame, Order(block.order));
    hidden_now_ -= block.pages();
  } else if (block.place == BlockPlace::kMapped) {
    simulation_.kernel().FreeFrame(block.frame, Order(block.order));
  }
}

}  // namespace pageward::tool
