#include "runtime/space/keyed_blocks.h"

#include "runtime/core/check.h"

namespace pageward::space {

using frame::Freetype;
using frame::Visibility;

void KeyedBlocks::SetKey(frame::OwnerId owner, arch::Pkey key) {
  PW_ASSERT(owner != frame::kNoOwner && owner.value <= kMostOwners && !KeyOf(owner));
  keys_[owner.value - 1u].store(key.value() + 1, std::memory_order_release);
  has_keys_.store(true, std::memory_order_relaxed);
}

std::optional<arch::Pkey> KeyedBlocks::KeyOf(frame::OwnerId owner) const {
  PW_ASSERT(owner != frame::kNoOwner && owner.value <= kMostOwners);
  const std::uint32_t slot = keys_[owner.value - 1u].load(std::memory_order_acquire);
  return slot == 0 ? std::nullopt : std::optional(arch::Pkey(slot - 1));
}

Status KeyedBlocks::Scrub(BlockRange blocks) {
  zone_.Scrub(blocks.frames());
  return Status();
}

Status KeyedBlocks::GiveTo(frame::OwnerId owner, BlockRange blocks) {
  const FrameRange frames = blocks.frames();
  const std::optional<arch::Pkey> key = KeyOf(owner);
  Status given = zone_.MakeUsable(frames);
  if (given.ok() && key) {
    given = zone_.GiveKey(blocks, *key);
    if (!given.ok()) {
      static_cast<void>(zone_.MakeGone(frames));
    }
  }
  return given;
}

Status KeyedBlocks::SetVisibility(BlockRange blocks, Freetype to) {
  switch (to.visibility) {
    case Visibility::kKeyed:
      return GiveTo(to.owner, blocks);
    case Visibility::kMapped:
      if (has_keys_.load(std::memory_order_relaxed)) {
        return zone_.TakeKey(blocks);
      }
      static_cast<void>(zone_.MakeGone(blocks.frames()));
      return Status();
#if PW_FRAME_UNMAPPED
    case Visibility::kUnmapped:
      break;  // What nobody can reach at home must be reachable elsewhere: shared memory.
#endif
  }
  return Error::kUnsupported;
}

void KeyedBlocks::RestoreVisibility(BlockRange blocks, Freetype old) {
  // A block that did not get a key is free as before. One that has kept it may have lost a part.
  if (old.IsKeyed()) {
    if (const std::optional<arch::Pkey> key = KeyOf(old.owner)) {
      zone_.RestoreKey(blocks, *key);
    }
  }
}

}  // namespace pageward::space
