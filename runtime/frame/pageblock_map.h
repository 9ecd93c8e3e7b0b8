// What holds for a pageblock as a whole: its freetype, and whether its frames may be handed out.
//
// The flags are independent of each other. Isolating a block or moving it to another mobility
// leaves everything else as it was, and visibility changes in one place only.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/frame/block_record.h"

namespace pageward::frame {

/// The flags of all pageblocks of a zone.
///
/// Externally synchronized, but for FlagsOf(), which may be stale without the lock. Shares its
/// records with the FrameTable of the zone; neither touches the other's fields.
class PageblockMap {
 public:
  explicit PageblockMap(std::span<BlockRecord> blocks) : blocks_(blocks) {}
  PageblockMap(const PageblockMap&) = delete;
  PageblockMap& operator=(const PageblockMap&) = delete;

  std::uint32_t block_count() const { return static_cast<std::uint32_t>(blocks_.size()); }
  bool IsManaged(BlockNumber block) const {
    return block.value < blocks_.size() && FlagsOf(block).is_managed();
  }

  /// Requires for this and all below: `block` lies in the zone.
  BlockFlags FlagsOf(BlockNumber block) const { return frame::FlagsOf(blocks_[block.value]); }
  Freetype FreetypeOf(BlockNumber block) const { return FlagsOf(block).freetype(); }
  OwnerLists* OwnerOf(BlockNumber block) const { return blocks_[block.value].owner; }

  /// Brings blocks into the zone: mapped and of `mobility`. Requires: none of them is managed.
  void Manage(BlockRange blocks, Mobility mobility);

  /// Changes only the mobility of the managed `blocks`.
  void SetMobility(BlockRange blocks, Mobility mobility);

  /// Changes the freetype of `blocks`; `owner` is where a keyed block's free frames go, else null.
  ///
  /// Requires: the blocks are converting, `type` has lists, and `owner` is there if it is keyed.
  void SetFreetype(BlockRange blocks, Freetype type, OwnerLists* owner);

  /// Requires: none of `blocks` is converting, or all are, respectively.
  void BeginConversion(BlockRange blocks);
  void EndConversion(BlockRange blocks);

  /// Requires: the block is managed and not isolated yet, or isolated, respectively.
  void Isolate(BlockNumber block);
  void Unisolate(BlockNumber block);
  std::uint32_t isolated_count() const { return isolated_count_; }

  /// Marks a block that compaction need not look at again, and removes the mark.
  void Skip(BlockNumber block) { Set(block, FlagsOf(block).WithSkipped(true)); }
  void Unskip(BlockNumber block) { Set(block, FlagsOf(block).WithSkipped(false)); }

  /// Frames of `block` that are in free pieces below order 9. Larger pieces cover whole blocks and
  /// are not counted here: that would cost a write to each block of a gigabyte.
  FrameCount free_frames(BlockNumber block) const {
    return FrameCount(blocks_[block.value].free_frames);
  }
  void AddFree(BlockNumber block, FrameCount frames);
  void RemoveFree(BlockNumber block, FrameCount frames);

 private:
  void Set(BlockNumber block, BlockFlags flags) {
    StoreRelaxed(blocks_[block.value].flags, flags.word());
  }

  std::span<BlockRecord> blocks_;
  std::uint32_t isolated_count_ = 0;
};

}  // namespace pageward::frame
