// Reaching a frame for a moment, by the window policy of the run.
#pragma once

#include <optional>

#include "runtime/core/address.h"
#include "runtime/core/result.h"
#include "runtime/sim/simulation.h"

namespace pageward::sim {

/// A window on one frame for a scope, on the current processor, which runs `process`.
///
/// By mermap it prepares the views of the process if that has not been done; it can fail.
class FrameWindow {
 public:
  FrameWindow(Simulation& simulation, Process& process, FrameNumber frame);
  ~FrameWindow();
  FrameWindow(const FrameWindow&) = delete;
  FrameWindow& operator=(const FrameWindow&) = delete;

  bool IsOpen() const { return at_.ok(); }
  /// Requires: !IsOpen().
  Error error() const { return at_.error(); }
  /// Requires: IsOpen(), for all below.
  VirtAddr address() const { return *at_; }

  /// Clears the frame, or fills it, through the window. Dies with Violation::kInvariant if the
  /// window does not lead to it with the right to write.
  void Clear();
  void Fill(FillTag tag);

 private:
  Result<VirtAddr> Open();
  void CheckReach();

  Simulation& simulation_;
  Process& process_;
  const FrameNumber frame_;
  space::ViewHandle view_;
  Result<VirtAddr> at_;
};

}  // namespace pageward::sim
