// The parts of a zone below the allocator, put together for tests of one of them.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/frame/buddy.h"
#include "runtime/frame/frame_table.h"
#include "runtime/frame/free_lists.h"
#include "runtime/frame/pageblock_map.h"
#include "tests/support/frame/fake_converter.h"
#include "tests/support/frame/fake_leaf_source.h"

namespace pageward::testing_support {

/// Pageblocks that are managed, and whose frames are in hand.
struct Parts {
  explicit Parts(std::uint32_t block_count)
      : records(block_count),
        table(records, leaves),
        blocks(records),
        lists(table, blocks),
        buddy(table, blocks, lists) {
    blocks.Manage(BlockRange{BlockNumber(0), block_count}, frame::Mobility::kMovable);
  }

  static FrameNumber At(std::uint32_t block, std::uint32_t index) {
    return FirstFrameOf(BlockNumber(block)) + FrameCount(index);
  }

  /// Gives `block` a freetype as a conversion does.
  void Convert(BlockNumber block, frame::Freetype type, frame::OwnerLists* owner) {
    const BlockRange only{block, 1};
    blocks.BeginConversion(only);
    blocks.SetFreetype(only, type, owner);
    blocks.EndConversion(only);
  }

  /// Makes frames in hand free, with whatever leaves it takes.
  void Free(FrameNumber begin, std::uint32_t frames) {
    const FrameRange range{begin, FrameCount(frames)};
    frame::ForEachAlignedBlock(range, kMaxOrder, [this](FrameNumber head, Order) {
      static_cast<void>(table.EnsureRecord(head));
    });
    buddy.Free(range);
  }

  void CheckInvariants() const {
    table.CheckInvariants();
    lists.CheckInvariants();
    buddy.CheckInvariants(BlockRange{BlockNumber(0), blocks.block_count()});
  }

  std::vector<frame::BlockRecord> records;
  FakeLeafSource leaves;
  frame::FrameTable table;
  frame::PageblockMap blocks;
  frame::FreeLists lists;
  frame::Buddy buddy;
};

}  // namespace pageward::testing_support
