#include "runtime/frame/free_lists.h"

#include <bit>

#include "runtime/core/invariant.h"

namespace pageward::frame {
namespace {

void SetNext(FrameTable& table, FrameNumber frame, FrameNumber next) {
  const FrameRecord record = table.Load(frame);
  table.Store(frame, FrameRecord::Free(record.order(), record.previous(), next));
}

void SetPrevious(FrameTable& table, FrameNumber frame, FrameNumber previous) {
  const FrameRecord record = table.Load(frame);
  table.Store(frame, FrameRecord::Free(record.order(), previous, record.next()));
}

// Whole pageblocks in a block of `order`.
constexpr std::uint32_t BlocksIn(Order order) {
  return order.frames().value / kPageblockFrames;
}

}  // namespace

std::optional<FrameNumber> ListSet::First(Order order) const {
  const List& list = lists_[order.value()];
  return list.count == 0 ? std::nullopt : std::optional<FrameNumber>(list.first);
}

std::optional<Order> ListSet::SmallestFrom(Order order) const {
  const std::uint32_t candidates = orders_in_use_ >> order.value();
  if (candidates == 0) {
    return std::nullopt;
  }
  return Order(order.value() + static_cast<unsigned>(std::countr_zero(candidates)));
}

void ListSet::PutFirst(FrameTable& table, FrameNumber frame, Order order) {
  List& list = lists_[order.value()];
  if (list.count == 0) {
    table.Store(frame, FrameRecord::Free(order, frame, frame));
    orders_in_use_ |= 1u << order.value();
  } else {
    const FrameNumber next = list.first;
    const FrameNumber previous = table.Load(next).previous();
    table.Store(frame, FrameRecord::Free(order, previous, next));
    SetNext(table, previous, frame);
    SetPrevious(table, next, frame);
  }
  list.first = frame;
  ++list.count;
  free_frames_ += order.frames();
}

void ListSet::Remove(FrameTable& table, FrameNumber frame, Order order) {
  List& list = lists_[order.value()];
  const FrameRecord record = table.Load(frame);
  const FrameNumber previous = record.previous();
  const FrameNumber next = record.next();
  // The neighbours must know the frame, or the lists were written by somebody else.
  PW_HOLDS("F10",
           record.state() == FrameState::kFree && record.order() == order &&
               (next == frame) == (list.count == 1) && table.Contains(previous) &&
               table.Contains(next) && table.Load(previous).next() == frame &&
               table.Load(next).previous() == frame,
           frame.value);
  if (--list.count == 0) {
    PW_HOLDS("F10", list.first == frame, frame.value);
    orders_in_use_ &= ~(1u << order.value());
  } else {
    SetNext(table, previous, next);
    SetPrevious(table, next, previous);
    if (list.first == frame) {
      list.first = next;
    }
  }
  table.Store(frame, FrameRecord());
  free_frames_ -= order.frames();
}

void ListSet::CheckInvariants(const FrameTable& table) const {
  FrameCount frames;
  for (unsigned value = 0; value < kOrderCount; ++value) {
    const Order order(value);
    const List& list = lists_[value];
    PW_HOLDS("F10", (orders_in_use_ >> value & 1) == (list.count != 0 ? 1 : 0), value);
    FrameNumber frame = list.first;
    for (std::uint32_t i = 0; i < list.count; ++i) {
      const FrameRecord record = table.Load(frame);
      PW_HOLDS("F10", record.state() == FrameState::kFree && record.order() == order, frame.value);
      PW_HOLDS("F10", table.Load(record.next()).previous() == frame, frame.value);
      PW_HOLDS("F10", (record.next() == list.first) == (i + 1 == list.count), frame.value);
      frames += order.frames();
      frame = record.next();
    }
  }
  PW_HOLDS("F3", frames == free_frames_, frames.value);
}

void FreeLists::Put(FrameNumber head, Order order) {
  const BlockFlags flags = blocks_.FlagsOf(head.block());
  PW_ASSERT((head.value & (order.frames().value - 1)) == 0);
  PW_CHECK(flags.is_managed() && !flags.is_converting(), Violation::kFreetype, head.value);
  MutableListsOf(head.block()).PutFirst(table_, head, order);
  if (order < kPageblockOrder) {
    blocks_.AddFree(head.block(), order.frames());
  }
  if (!flags.is_isolated()) {
    const std::size_t visibility = IndexOf(flags.freetype().visibility);
    free_frames_[visibility] += order.frames();
    free_blocks_[visibility] += BlocksIn(order);
  }
}

void FreeLists::Remove(FrameNumber head, Order order) {
  const BlockFlags flags = blocks_.FlagsOf(head.block());
  MutableListsOf(head.block()).Remove(table_, head, order);
  if (order < kPageblockOrder) {
    blocks_.RemoveFree(head.block(), order.frames());
  }
  if (!flags.is_isolated()) {
    const std::size_t visibility = IndexOf(flags.freetype().visibility);
    free_frames_[visibility] -= order.frames();
    free_blocks_[visibility] -= BlocksIn(order);
  }
}

const ListSet* FreeLists::Find(Freetype type, const OwnerLists* owner) const {
  if (type.IsKeyed()) {
    PW_ASSERT(owner != nullptr && owner->id() == type.owner);
    return HasLists(type) ? &owner->set_ : nullptr;
  }
  const auto index = frame::IndexOf(type);
  return index.has_value() ? &central_[index->value()] : nullptr;
}

const ListSet& FreeLists::ListsOf(BlockNumber block) const {
  const BlockFlags flags = blocks_.FlagsOf(block);
  if (flags.is_isolated()) {
    return isolated_;
  }
  const ListSet* lists = Find(flags.freetype(), blocks_.OwnerOf(block));
  PW_CHECK(lists != nullptr, Violation::kFreetype, block.value);
  return *lists;
}

ListSet& FreeLists::MutableListsOf(BlockNumber block) {
  // Every set is a member of this object or of a registered owner, so none of them is const.
  return const_cast<ListSet&>(ListsOf(block));
}

void FreeLists::Register(OwnerLists& owner) {
  PW_CHECK(!owner.is_registered_, Violation::kAssertion, owner.id().value);
  if constexpr (PW_CHECK_LEVEL >= 1) {
    for (const OwnerLists* other = owners_; other != nullptr; other = other->next_) {
      PW_ASSERT(other->id() != owner.id());
    }
  }
  owner.is_registered_ = true;
  owner.previous_ = nullptr;
  owner.next_ = owners_;
  if (owners_ != nullptr) {
    owners_->previous_ = &owner;
  }
  owners_ = &owner;
}

Status FreeLists::Unregister(OwnerLists& owner) {
  PW_CHECK(owner.is_registered_, Violation::kAssertion, owner.id().value);
  if (owner.block_count_ != 0) {
    return Error::kInUse;
  }
  (owner.previous_ != nullptr ? owner.previous_->next_ : owners_) = owner.next_;
  if (owner.next_ != nullptr) {
    owner.next_->previous_ = owner.previous_;
  }
  owner.is_registered_ = false;
  return {};
}

void FreeLists::NoteGained(OwnerLists* owner, std::uint32_t blocks) {
  if (owner != nullptr) {
    owner->block_count_ += blocks;
  }
}

void FreeLists::NoteLost(OwnerLists* owner, std::uint32_t blocks) {
  if (owner != nullptr) {
    owner->block_count_ -= blocks;
  }
}

void FreeLists::CheckSet(const ListSet& set, Sums& sums) const {
  set.CheckInvariants(table_);
  for (unsigned value = 0; value < kOrderCount; ++value) {
    const Order order(value);
    std::optional<FrameNumber> frame = set.First(order);
    for (std::uint32_t i = 0; i < set.count(order); ++i) {
      PW_HOLDS("F2", &ListsOf(frame->block()) == &set, frame->value);
      const BlockFlags flags = blocks_.FlagsOf(frame->block());
      if (!flags.is_isolated()) {
        const std::size_t visibility = IndexOf(flags.freetype().visibility);
        sums.frames[visibility] += order.frames();
        sums.blocks[visibility] += BlocksIn(order);
      }
      frame = table_.Load(*frame).next();
    }
  }
}

void FreeLists::CheckInvariants() const {
  Sums sums;
  for (const ListSet& set : central_) {
    CheckSet(set, sums);
  }
  CheckSet(isolated_, sums);
  for (const OwnerLists* owner = owners_; owner != nullptr; owner = owner->next_) {
    CheckSet(owner->set_, sums);
  }
  for (std::size_t visibility = 0; visibility < kVisibilityCount; ++visibility) {
    PW_HOLDS("F3", sums.frames[visibility] == free_frames_[visibility], visibility);
    PW_HOLDS("F6", sums.blocks[visibility] == free_blocks_[visibility], visibility);
  }
}

}  // namespace pageward::frame
