// The leaves of a frame table at fixed places: one page for each pageblock, parallel to the zone.
#pragma once

#include "runtime/frame/frame_table.h"
#include "runtime/os/os.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::space {

/// Gives each pageblock the page of a table that stands beside the zone. A leaf costs a page from
/// its first use on and can always be had: the table becomes usable together with the pageblocks.
///
/// Thread-safe: leaves of different blocks have nothing in common.
class LeafTable final : public frame::LeafSource {
 public:
  static constexpr std::uint32_t kBytes = sizeof(frame::FrameLeaf);  ///< for each pageblock

  LeafTable(os::Os& os, VirtRange table) : os_(os), table_(table) {}
  LeafTable(const LeafTable&) = delete;
  LeafTable& operator=(const LeafTable&) = delete;

  frame::FrameLeaf* Allocate(BlockNumber block) override { return LeafOf(block); }

  void Free(BlockNumber block, frame::FrameLeaf* leaf) override {
    PW_CHECK(leaf == LeafOf(block), Violation::kForeignFrame, block.value);
    // The next use must find zeros, which is what the frame table leaves behind as well.
    static_cast<void>(os_.Discard(VirtRange{VirtAddr::Of(leaf), kBytes}));
  }

 private:
  frame::FrameLeaf* LeafOf(BlockNumber block) const {
    const std::uint64_t offset = std::uint64_t{block.value} * kBytes;
    PW_CHECK(offset < table_.bytes, Violation::kForeignFrame, block.value);
    return (table_.begin + offset).AsPointer<frame::FrameLeaf>();
  }

  os::Os& os_;
  const VirtRange table_;
};

}  // namespace pageward::space
