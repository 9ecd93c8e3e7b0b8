#include "runtime/sim/frame_window.h"

#include "runtime/core/check.h"

namespace pageward::sim {

FrameWindow::FrameWindow(Simulation& simulation, Process& process, FrameNumber frame)
    : simulation_(simulation), process_(process), frame_(frame), at_(Open()) {}

Result<VirtAddr> FrameWindow::Open() {
  if (simulation_.config().window == WindowPolicy::kKmapLocal) {
    return simulation_.kmap().Map(frame_);
  }
  if (const Status prepared = process_.mm_local().PrepareViews(); !prepared) {
    return prepared.error();
  }
  space::MermapRegion& views = process_.mm_local().views(CurrentCpu().number().value);
  const Result<space::ViewHandle> view = views.Get(space::ViewRequest{.first = frame_});
  if (!view.ok()) {
    return view.error();
  }
  view_ = *view;
  return view->range().begin;
}

FrameWindow::~FrameWindow() {
  if (!at_.ok()) {
    return;
  }
  if (simulation_.config().window == WindowPolicy::kKmapLocal) {
    simulation_.kmap().Unmap(*at_);
  } else {
    const Status put = process_.mm_local().views(CurrentCpu().number().value).Put(view_);
    PW_CHECK(put.ok(), Violation::kInvariant, frame_.value);
  }
}

void FrameWindow::CheckReach() {
  const ptable::Outcome outcome = CurrentCpu().Translate(
      *at_, ptable::Access{ptable::AccessKind::kWrite, ptable::AccessMode::kSupervisor});
  PW_CHECK(
      outcome.IsTranslated() && simulation_.kernel().ram().FrameOf(outcome.address()) == frame_,
      Violation::kInvariant, at_->value());
}

void FrameWindow::Clear() {
  CheckReach();
  simulation_.kernel().ClearFrame(frame_);
}

void FrameWindow::Fill(FillTag tag) {
  CheckReach();
  simulation_.kernel().ram().Fill(frame_, tag);
  CurrentCpu().meter().Add(Primitive::kFrameCopied);
}

}  // namespace pageward::sim
