// How whole pageblocks leave a zone's lists for a conversion, and how they come back.
#include <algorithm>

#include "runtime/frame/zone.h"

namespace pageward::frame {

Conversion Zone::TakeBlocks(FrameRange region, BlockRange blocks, OwnerLists* owner) {
  TakeRegion(region);
  buddy_.FreeRest(FrameRange{blocks.frames().end(), region.count - blocks.frames().count});
  const Freetype from = blocks_.FreetypeOf(blocks.begin);
  blocks_.BeginConversion(blocks);
  table_.Store(blocks.frames().begin, FrameRecord::Converting(blocks.frames().count));
  converting_frames_ += blocks.frames().count;
  return Conversion{blocks, from, owner};
}

Result<Conversion> Zone::BeginConversion(const RunShape& shape, Freetype wanted) {
  RunShape whole = shape;
  whole.order = std::max(shape.order, kPageblockOrder);
  for (const Freetype source : ConversionSources(wanted)) {
    const auto region = FindOn(*lists_.Find(source, nullptr), whole);
    if (!region.has_value()) {
      continue;
    }
    // The run will end inside the last pageblock; a leaf for that can't be wanting afterwards.
    if (!table_.EnsureRecord(region->begin + shape.frames)) {
      return Error::kNoMemory;
    }
    return TakeBlocks(*region, BlockRange{region->begin.block(), shape.pageblocks()}, nullptr);
  }
  return Error::kNoFrames;
}

Result<Conversion> Zone::BeginReturn(Freetype type, OwnerLists* owner) {
  const ListSet* lists = lists_.Find(type, owner);
  for (unsigned value = kMaxOrder.value(); value >= kPageblockOrder.value(); --value) {
    const Order order(value);
    if (const auto head = lists->First(order)) {
      const FrameRange region{*head, order.frames()};
      return TakeBlocks(region, BlockRange{head->block(), region.count.value / kPageblockFrames},
                        owner);
    }
  }
  return Error::kNoFrames;
}

FrameRange Zone::Commit(const Conversion& conversion, Freetype to, OwnerLists* owner) {
  const FrameRange frames = conversion.blocks.frames();
  blocks_.SetFreetype(conversion.blocks, to, owner);
  lists_.NoteLost(conversion.from_owner, conversion.blocks.count);
  lists_.NoteGained(owner, conversion.blocks.count);
  EndConversion(conversion);
  return frames;
}

void Zone::Abort(const Conversion& conversion) {
  EndConversion(conversion);
  buddy_.Free(conversion.blocks.frames());
}

void Zone::EndConversion(const Conversion& conversion) {
  const FrameRange frames = conversion.blocks.frames();
  table_.Store(frames.begin, FrameRecord());
  blocks_.EndConversion(conversion.blocks);
  converting_frames_ -= frames.count;
}

}  // namespace pageward::frame
