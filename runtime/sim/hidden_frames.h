// Frames that are out of the direct map, and the three ways to get them there.
//
// By pageblock, through freetypes, is what the kernel's series and this project are about. Page by
// page with a flush each is what it is compared with; page by page without any is the bound that
// nobody can beat, and leaks: a processor that has the page cached goes on reading it.
#pragma once

#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/frame/thread_lists.h"
#include "runtime/sim/direct_map.h"

namespace pageward::sim {

enum class ConversionPolicy : std::uint8_t {
  kGrouped,    ///< By pageblock, one flush for 512 frames.
  kAdhoc,      ///< Each frame by itself, with its own flush.
  kSkipFlush,  ///< Each by itself and without a flush. Weaker: for comparison only.
};

/// Allocates frames that ordinary code cannot reach. Thread-safe, if each thread brings its own
/// lists.
class HiddenFrames {
 public:
  HiddenFrames(frame::PageAllocator& frames, DirectMap& map, SimRam& ram, ConversionPolicy policy)
      : frames_(frames), map_(map), ram_(ram), policy_(policy) {}
  HiddenFrames(const HiddenFrames&) = delete;
  HiddenFrames& operator=(const HiddenFrames&) = delete;

  ConversionPolicy policy() const { return policy_; }

  /// Returns the first of 2^order frames that are absent from the direct map. What they hold is
  /// undefined: the caller clears them, through views. Without pageblocks they leave the direct map
  /// together, in one change. Errors: as the page allocator's and the direct map's.
  Result<FrameNumber> Allocate(Order order, frame::ThreadLists& lists);

  /// Makes two blocks of one that Allocate() returned, so that each half can be freed by itself.
  /// Errors: what a split of the direct map could not be had for; then it is one block still.
  Status Split(FrameNumber frame, Order order);

  /// Takes them back. By pageblock they stay hidden and keep what they hold; otherwise they are
  /// mapped again and cleared before anybody else can have them.
  void Free(FrameNumber frame, Order order, frame::ThreadLists& lists);

 private:
  frame::PageAllocator& frames_;
  DirectMap& map_;
  SimRam& ram_;
  const ConversionPolicy policy_;
};

}  // namespace pageward::sim
