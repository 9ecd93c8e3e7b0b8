// What a program asks of the page level, as somebody sees it who only watches: one event for each
// request, with its outcome.
#pragma once

#include <cstdint>

#include "runtime/core/units.h"

namespace pageward::extent {

enum class RunEventKind : std::uint8_t {
  kAllocated,   ///< A run of its own, anywhere.
  kGrown,       ///< A run of its own at given frames, behind another run.
  kFreed,       ///< A whole run.
  kSplit,       ///< One run became two.
  kMerged,      ///< Two neighbours became one run.
  kMadeGone,    ///< A part of a run lost what was behind it.
  kMadeUsable,  ///< And got something behind it again, zeroed.
};
inline constexpr unsigned kRunEventKindCount = static_cast<unsigned>(RunEventKind::kMadeUsable) + 1;

enum class RunOutcome : std::uint8_t { kDone, kRefused };

/// One request and how it ended.
struct RunEvent {
  RunEventKind kind = RunEventKind::kAllocated;
  RunOutcome outcome = RunOutcome::kDone;
  Order alignment;  ///< kAllocated: of the first frame.
  /// What it was about. An allocation that was refused has a size and no place: it begins at 0.
  FrameRange frames;
  /// kSplit, kMerged: how many of the frames belong to the lower run.
  FrameCount lower;

  friend constexpr bool operator==(const RunEvent&, const RunEvent&) = default;
};

/// Watches the runs of an allocator. Owned by this layer.
///
/// Events of the same frames come in the order in which they happened: frames are told of as freed
/// before anybody else can have them, and as allocated after they have been taken. Called on the
/// thread that asks, with the locks of whoever asks and none of the allocator's own.
class RunObserver {
 public:
  /// Must not allocate, and must not ask the allocator for anything.
  virtual void Note(const RunEvent& event) = 0;

 protected:
  ~RunObserver() = default;
};

}  // namespace pageward::extent
