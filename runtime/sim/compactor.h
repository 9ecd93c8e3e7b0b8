// Making a whole free pageblock out of pieces: moving what can be moved out of one.
#pragma once

#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/frame/block_compactor.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/sim/frame_users.h"

namespace pageward::sim {

/// Moves the contents of one frame to another and makes its users follow. Owned by this file,
/// implemented by whoever keeps processes.
class FrameMover {
 public:
  /// Returns whether `from`, which `user` alone maps, is `to` everywhere by now. Nothing has
  /// changed if not.
  virtual bool Move(FrameNumber from, FrameNumber to, FrameUser user) = 0;

 protected:
  ~FrameMover() = default;
};

/// Compaction of one pageblock at a time. For one thread at a time: two that meet take turns.
class Compactor final : public frame::BlockCompactor {
 public:
  /// How many pageblocks one request may look at.
  static constexpr std::uint32_t kMostLooks = 256;

  explicit Compactor(FrameUsers& users) : users_(users) {}
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  /// Requires, before it is asked for anything: what it works on.
  void Use(frame::PageAllocator& frames, std::uint32_t blocks) {
    frames_ = &frames;
    block_count_ = blocks;
  }
  void UseMover(FrameMover* mover) { mover_ = mover; }

  bool MakeFreeBlock(Order order) override;

  std::uint64_t moved_frames() const { return moved_frames_; }

 private:
  // Whether everything in `block` is free or can be moved, and how much there is to move.
  bool IsCandidate(BlockNumber block, std::uint32_t* used) const;
  bool Empty(BlockNumber block);
  bool MoveRun(FrameRange run);

  FrameUsers& users_;
  frame::PageAllocator* frames_ = nullptr;
  FrameMover* mover_ = nullptr;
  std::uint32_t block_count_ = 0;
  std::uint32_t next_block_ = 0;
  std::uint64_t moved_frames_ = 0;
};

}  // namespace pageward::sim
