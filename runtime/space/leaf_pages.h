// The leaves of a frame table as table pages of the very zone that it describes.
#pragma once

#include <cstring>

#include "runtime/frame/frame_table.h"
#include "runtime/space/table_pool.h"

namespace pageward::space {

/// Takes leaves from a pool of the zone, as a split does: what has been set aside, never by a
/// refill in the middle of an operation. Leaves are handed out zero, which takes the pool's key,
/// and stay in memory when they come back.
///
/// Thread-safe.
class LeafPages final : public frame::LeafSource {
 public:
  /// Whose pageblocks they are.
  static constexpr frame::OwnerId kOwner{1};

  LeafPages(const TablePool::Memory& memory, PrivateZone& zone, KeyedBlocks& blocks)
      : zone_(zone), pool_(memory, zone, blocks, kOwner, LockRank::kTableRefill, &is_low_) {}
  LeafPages(const LeafPages&) = delete;
  LeafPages& operator=(const LeafPages&) = delete;

  TablePool& pool() { return pool_; }
  const TablePool& pool() const { return pool_; }

  // frame::LeafSource
  Status Prepare() override { return pool_.Prepare(); }
  frame::FrameLeaf* Allocate(BlockNumber) override {
    const std::optional<FrameNumber> frame = pool_.TakeForSplit();
    if (!frame) {
      return nullptr;
    }
    void* leaf = zone_.AddressOf(*frame).AsPointer();
    return static_cast<frame::FrameLeaf*>(std::memset(leaf, 0, sizeof(frame::FrameLeaf)));
  }
  void Free(BlockNumber block, frame::FrameLeaf* leaf) override {
    const VirtAddr at = VirtAddr::Of(leaf);
    PW_CHECK(zone_.range().Contains(at), Violation::kForeignFrame, block.value);
    const std::uint64_t offset = at - zone_.range().begin;
    pool_.Put(FrameNumber(static_cast<std::uint32_t>(offset >> kFrameBytesLog2)));
  }

 private:
  bool IsReadyThoughLow() const override { return pool_.IsReady(); }

  PrivateZone& zone_;
  TablePool pool_;
};

}  // namespace pageward::space
