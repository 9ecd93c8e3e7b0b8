#include "runtime/frame/buddy.h"

#include "runtime/core/invariant.h"

namespace pageward::frame {
namespace {

constexpr FrameNumber BuddyOf(FrameNumber head, Order order) {
  return FrameNumber(head.value ^ order.frames().value);
}

// Requires: `order` >= kPageblockOrder.
constexpr BlockRange PageblocksOf(FrameNumber head, Order order) {
  return BlockRange{head.block(), order.frames().value / kPageblockFrames};
}

}  // namespace

void Buddy::Free(FrameRange range) {
  // A larger block could hide an isolated pageblock inside it. There rarely is one.
  const Order largest = blocks_.isolated_count() == 0 ? kMaxOrder : kPageblockOrder;
  ForEachAlignedBlock(range, largest, [this](FrameNumber head, Order order) {
    if (order > kPageblockOrder) {
      blocks_.SetMobility(PageblocksOf(head, order), blocks_.FreetypeOf(head.block()).mobility);
    }
    FreeBlock(head, order);
  });
}

void Buddy::FreeRest(FrameRange range) {
  ForEachAlignedBlock(range, kMaxOrder,
                      [this](FrameNumber head, Order order) { lists_.Put(head, order); });
}

Order Buddy::Take(FrameNumber head) {
  const FrameRecord record = table_.Load(head);
  PW_CHECK(record.state() == FrameState::kFree, Violation::kInvariant, head.value);
  const Order order = record.order();
  lists_.Remove(head, order);
  return order;
}

bool Buddy::CanMergeWith(FrameNumber buddy, FrameNumber head, Order order) const {
  if (!table_.Contains(buddy)) {
    return false;
  }
  const FrameRecord record = table_.Load(buddy);
  if (record.state() != FrameState::kFree || record.order() != order) {
    return false;
  }
  if (order < kPageblockOrder) {
    return true;  // Both lie in one pageblock.
  }
  const BlockFlags ours = blocks_.FlagsOf(head.block());
  const BlockFlags theirs = blocks_.FlagsOf(buddy.block());
  return CanMerge(ours.freetype(), theirs.freetype()) && !ours.is_isolated() &&
         !theirs.is_isolated();
}

void Buddy::FreeBlock(FrameNumber head, Order order) {
  while (order < kMaxOrder) {
    const FrameNumber buddy = BuddyOf(head, order);
    if (!CanMergeWith(buddy, head, order)) {
      break;
    }
    lists_.Remove(buddy, order);
    if (order >= kPageblockOrder) {
      // So that whatever is split off later is on the list of its own pageblock.
      blocks_.SetMobility(PageblocksOf(buddy, order), blocks_.FreetypeOf(head.block()).mobility);
    }
    head = buddy < head ? buddy : head;
    order = Order(order.value() + 1);
  }
  lists_.Put(head, order);
}

template <typename Change>
void Buddy::Relist(BlockNumber block, Change change) {
  // Which list a block is on follows from its pageblock, so all of them leave the old lists before
  // the pageblock changes.
  ListSet taken;
  FrameNumber frame = FirstFrameOf(block);
  const FrameNumber end = FirstFrameOf(block + 1);
  while (frame < end) {
    const FrameRecord record = table_.Load(frame);
    if (record.state() == FrameState::kFree) {
      PW_ASSERT(record.order() <= kPageblockOrder);
      lists_.Remove(frame, record.order());
      taken.PutFirst(table_, frame, record.order());
    }
    // Body here is the rest of a piece that began before the pageblock.
    frame = frame + (record.IsBody() ? FrameCount(1) : record.frames());
  }
  change();
  while (const auto order = taken.SmallestFrom(Order(0))) {
    const FrameNumber head = *taken.First(*order);
    taken.Remove(table_, head, *order);
    FreeBlock(head, *order);
  }
}

void Buddy::MoveFreeFrames(BlockNumber block, Freetype type) {
  const BlockFlags flags = blocks_.FlagsOf(block);
  PW_CHECK(CanMerge(flags.freetype(), type) && HasLists(type), Violation::kFreetype, block.value);
  PW_ASSERT(!flags.is_isolated());
  Relist(block, [&] { blocks_.SetMobility(BlockRange{block, 1}, type.mobility); });
}

void Buddy::SplitOut(BlockNumber block) {
  const auto piece = table_.PieceOf(FirstFrameOf(block));
  if (!piece || piece->record.state() != FrameState::kFree ||
      piece->record.order() <= kPageblockOrder) {
    return;
  }
  const FrameRange middle = BlockRange{block, 1}.frames();
  Take(piece->range.begin);
  FreeRest(FrameRange{piece->range.begin, middle.begin - piece->range.begin});
  FreeRest(middle);
  FreeRest(FrameRange{middle.end(), piece->range.end() - middle.end()});
}

void Buddy::Isolate(BlockNumber block) {
  SplitOut(block);
  Relist(block, [&] { blocks_.Isolate(block); });
}

void Buddy::Unisolate(BlockNumber block) {
  Relist(block, [&] { blocks_.Unisolate(block); });
}

void Buddy::CheckFreeBlock(FrameNumber head, Order order) const {
  PW_HOLDS("F2", (head.value & (order.frames().value - 1)) == 0, head.value);
  PW_HOLDS("F2", order == kMaxOrder || !CanMergeWith(BuddyOf(head, order), head, order),
           head.value);
  if (order > kPageblockOrder) {
    const BlockRange pageblocks = PageblocksOf(head, order);
    const BlockFlags flags = blocks_.FlagsOf(head.block());
    for (BlockNumber block = pageblocks.begin; block < pageblocks.end(); ++block.value) {
      PW_HOLDS("F2", blocks_.FlagsOf(block).freetype() == flags.freetype(), block.value);
      PW_HOLDS("F2", !blocks_.FlagsOf(block).is_isolated(), block.value);
    }
  }
}

void Buddy::CheckInvariants(BlockRange range) const {
  for (BlockNumber block = range.begin; block < range.end(); ++block.value) {
    if (!blocks_.IsManaged(block)) {
      continue;
    }
    FrameCount free_frames;
    const FrameRange frames = BlockRange{block, 1}.frames();
    // Without a leaf there is nothing behind the first frame.
    const std::uint32_t looked_at =
        table_.BlockOf(frames.begin).inner_heads == 0 ? 1 : kPageblockFrames;
    for (std::uint32_t index = 0; index < looked_at; ++index) {
      const FrameNumber frame = frames.begin + FrameCount(index);
      const FrameRecord record = table_.Load(frame);
      if (record.state() == FrameState::kFree) {
        CheckFreeBlock(frame, record.order());
        free_frames += record.order() < kPageblockOrder ? record.frames() : FrameCount(0);
      }
    }
    PW_HOLDS("F5", free_frames == blocks_.free_frames(block), block.value);
  }
}

}  // namespace pageward::frame
