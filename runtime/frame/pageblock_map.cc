#include "runtime/frame/pageblock_map.h"

namespace pageward::frame {

void PageblockMap::Manage(BlockRange blocks, Mobility mobility) {
  for (BlockNumber block = blocks.begin; block < blocks.end(); ++block.value) {
    PW_ASSERT(!IsManaged(block));
    Set(block, BlockFlags::Managed().WithMobility(mobility));
  }
}

void PageblockMap::SetMobility(BlockRange blocks, Mobility mobility) {
  for (BlockNumber block = blocks.begin; block < blocks.end(); ++block.value) {
    const BlockFlags flags = FlagsOf(block);
    PW_ASSERT(HasLists(flags.freetype().With(mobility)));
    // Mostly nothing changes, and then the cache line stays clean.
    if (flags.freetype().mobility != mobility) {
      Set(block, flags.WithMobility(mobility));
    }
  }
}

void PageblockMap::SetFreetype(BlockRange blocks, Freetype type, OwnerLists* owner) {
  PW_CHECK(HasLists(type) && type.IsKeyed() == (owner != nullptr), Violation::kFreetype,
           blocks.begin.value);
  for (BlockNumber block = blocks.begin; block < blocks.end(); ++block.value) {
    PW_CHECK(FlagsOf(block).is_converting(), Violation::kFreetype, block.value);
    Set(block, FlagsOf(block).WithFreetype(type));
    blocks_[block.value].owner = owner;
  }
}

void PageblockMap::BeginConversion(BlockRange blocks) {
  for (BlockNumber block = blocks.begin; block < blocks.end(); ++block.value) {
    PW_ASSERT(!FlagsOf(block).is_converting());
    Set(block, FlagsOf(block).WithConverting(true));
  }
}

void PageblockMap::EndConversion(BlockRange blocks) {
  for (BlockNumber block = blocks.begin; block < blocks.end(); ++block.value) {
    PW_ASSERT(FlagsOf(block).is_converting());
    Set(block, FlagsOf(block).WithConverting(false));
  }
}

void PageblockMap::Isolate(BlockNumber block) {
  PW_ASSERT(IsManaged(block) && !FlagsOf(block).is_isolated());
  Set(block, FlagsOf(block).WithIsolated(true));
  ++isolated_count_;
}

void PageblockMap::Unisolate(BlockNumber block) {
  PW_ASSERT(FlagsOf(block).is_isolated());
  Set(block, FlagsOf(block).WithIsolated(false));
  --isolated_count_;
}

void PageblockMap::AddFree(BlockNumber block, FrameCount frames) {
  BlockRecord& record = blocks_[block.value];
  record.free_frames = static_cast<std::uint16_t>(record.free_frames + frames.value);
}

void PageblockMap::RemoveFree(BlockNumber block, FrameCount frames) {
  BlockRecord& record = blocks_[block.value];
  record.free_frames = static_cast<std::uint16_t>(record.free_frames - frames.value);
}

}  // namespace pageward::frame
