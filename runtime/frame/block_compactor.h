// How the allocator asks for a whole free pageblock when free memory is in pieces.
#pragma once

#include "runtime/core/units.h"

namespace pageward::frame {

/// Moves contents out of the way. Owned by this layer, implemented above it by whoever knows who
/// uses movable frames.
class BlockCompactor {
 public:
  /// Tries to make a free mapped block of at least `order`; returns whether it is worth looking
  /// again. Called without the zone's lock, and only for requests that may block. It frees frames
  /// of the zone and may allocate from it, without blocking.
  virtual bool MakeFreeBlock(Order order) = 0;

 protected:
  ~BlockCompactor() = default;
};

}  // namespace pageward::frame
