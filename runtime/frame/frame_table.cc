#include "runtime/frame/frame_table.h"

#include "runtime/core/invariant.h"

namespace pageward::frame {

bool FrameTable::EnsureRecord(FrameNumber frame) {
  // The first frame behind the zone's last block is asked about, too.
  if (frame.index_in_block() == 0) {
    return true;
  }
  BlockRecord& block = blocks_[frame.block().value];
  if (block.leaf != nullptr) {
    return true;
  }
  FrameLeaf* leaf = leaves_.Allocate(frame.block());
  if (leaf == nullptr) {
    return false;
  }
  __atomic_store_n(&block.leaf, leaf, __ATOMIC_RELEASE);
  ++leaf_count_;
  return true;
}

void FrameTable::Store(FrameNumber frame, FrameRecord record) {
  std::uint64_t* word = WordOf(frame);
  PW_CHECK(word != nullptr, Violation::kInvariant, frame.value);
  const FrameRecord old(LoadRelaxed(*word));
  PW_HOLDS("F1", MayBecome(old.state(), record.state()), frame.value);
  if (frame.index_in_block() != 0) {
    BlockRecord& block = blocks_[frame.block().value];
    block.inner_heads = static_cast<std::uint16_t>(block.inner_heads + (old.IsBody() ? 1 : 0) -
                                                   (record.IsBody() ? 1 : 0));
  }
  StoreRelaxed(*word, record.word());
}

FrameLeaf* FrameTable::DetachLeaf(BlockNumber block_number) {
  BlockRecord& block = blocks_[block_number.value];
  FrameLeaf* leaf = block.leaf;
  if (leaf == nullptr || block.inner_heads != 0) {
    return nullptr;
  }
  StoreRelaxed(block.leaf, static_cast<FrameLeaf*>(nullptr));
  --leaf_count_;
  return leaf;
}

std::optional<FrameNumber> FrameTable::LastHeadIn(BlockNumber block_number,
                                                  std::uint32_t last_index) const {
  const BlockRecord& block = blocks_[block_number.value];
  if (const FrameLeaf* leaf = LeafOf(block); leaf != nullptr) {
    for (std::uint32_t index = last_index; index > 0; --index) {
      if (!FrameRecord(LoadRelaxed(leaf->records[index])).IsBody()) {
        return FirstFrameOf(block_number) + FrameCount(index);
      }
    }
  }
  if (FrameRecord(LoadRelaxed(block.first_record)).IsBody()) {
    return std::nullopt;
  }
  return FirstFrameOf(block_number);
}

std::optional<Piece> FrameTable::PieceOf(FrameNumber frame) const {
  if (!Contains(frame)) {
    return std::nullopt;
  }
  std::uint32_t last_index = frame.index_in_block();
  for (BlockNumber block = frame.block(); FlagsOf(blocks_[block.value]).is_managed();
       --block.value) {
    if (const auto head = LastHeadIn(block, last_index)) {
      const FrameRecord record = Load(*head);
      const FrameRange range{*head, record.frames()};
      // Not so only if the table changed while it was being read.
      return range.Contains(frame) ? std::optional<Piece>(Piece{range, record}) : std::nullopt;
    }
    if (block.value == 0) {
      break;
    }
    last_index = kPageblockFrames - 1;
  }
  return std::nullopt;
}

void FrameTable::CheckInvariants() const {
  std::uint32_t leaves = 0;
  for (std::uint32_t number = 0; number < block_count(); ++number) {
    const BlockRecord& block = blocks_[number];
    std::uint32_t heads = 0;
    if (block.leaf != nullptr) {
      ++leaves;
      PW_HOLDS("F4", block.leaf->records[0] == 0, number);
      for (std::uint32_t index = 1; index < kPageblockFrames; ++index) {
        heads += LoadRelaxed(block.leaf->records[index]) != 0 ? 1u : 0u;
      }
    }
    PW_HOLDS("F4", heads == block.inner_heads, number);
  }
  PW_HOLDS("F4", leaves == leaf_count_, leaves);
}

}  // namespace pageward::frame
