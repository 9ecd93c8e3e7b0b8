#include "runtime/frame/thread_lists.h"

#include "runtime/core/invariant.h"

namespace pageward::frame {
std::optional<FrameNumber> ThreadLists::TakeForDrain(const FrameTable& table,
                                                     ThreadListIndex index) {
  List& list = lists_[index.value()];
  const std::uint32_t count = LoadRelaxed(list.count);
  if (count == 0) {
    return std::nullopt;
  }
  const FrameNumber frame = list.first;
  list.first = MyEntry(table, list).Load().next();
  StoreRelaxed(list.count, count - 1);
  return frame;
}

void ThreadLists::PutForFill(FrameTable& table, ThreadListIndex index, FrameNumber frame) {
  PW_ASSERT(is_attached_ && !IsFull(index));
  List& list = lists_[index.value()];
  table.Store(frame, FrameRecord::Listed(list.label, list.first));
  list.first = frame;
  StoreRelaxed(list.count, list.count + 1);
}

FrameCount ThreadLists::held_frames() const {
  FrameCount frames;
  for (std::size_t value = 0; value < ThreadListIndex::kCount; ++value) {
    const ThreadListIndex index(value);
    frames += FrameCount(count(index) << index.order().value());
  }
  return frames;
}

void ThreadLists::CheckInvariants(const FrameTable& table) const {
  for (std::size_t value = 0; value < ThreadListIndex::kCount; ++value) {
    const ThreadListIndex index(value);
    PW_HOLDS("F11", count(index) <= index.capacity(), value);
    FrameNumber frame = lists_[value].first;
    for (std::uint32_t i = 0; i < count(index); ++i) {
      const FrameRecord record = table.Load(frame);
      PW_HOLDS("F11", record.IsListedAs(ListLabel(index.order(), id_)), frame.value);
      frame = record.next();
    }
  }
}

void ThreadLists::SetId(ThreadListsId id) {
  id_ = id;
  for (std::size_t value = 0; value < ThreadListIndex::kCount; ++value) {
    lists_[value].label = ListLabel(ThreadListIndex(value).order(), id);
  }
}

void ThreadListsRegistry::Attach(ThreadLists& lists) {
  PW_CHECK(!lists.is_attached_, Violation::kAssertion, lists.id_.value);
  lists.SetId(ThreadListsId{next_id_});
  next_id_ = (next_id_ + 1) & ((1u << 28) - 1);
  lists.is_attached_ = true;
  lists.previous_ = nullptr;
  lists.next_ = first_;
  if (first_ != nullptr) {
    first_->previous_ = &lists;
  }
  first_ = &lists;
  ++attached_count_;
}

void ThreadListsRegistry::Detach(ThreadLists& lists) {
  PW_CHECK(lists.is_attached_ && lists.held_frames() == FrameCount(0), Violation::kAssertion,
           lists.id_.value);
  (lists.previous_ != nullptr ? lists.previous_->next_ : first_) = lists.next_;
  if (lists.next_ != nullptr) {
    lists.next_->previous_ = lists.previous_;
  }
  lists.is_attached_ = false;
  --attached_count_;
}

FrameCount ThreadListsRegistry::held_frames() const {
  FrameCount frames;
  for (const ThreadLists* lists = first_; lists != nullptr; lists = lists->next_) {
    frames += lists->held_frames();
  }
  return frames;
}

void ThreadListsRegistry::CheckInvariants(const FrameTable& table) const {
  std::uint32_t count = 0;
  for (const ThreadLists* lists = first_; lists != nullptr; lists = lists->next_) {
    lists->CheckInvariants(table);
    ++count;
  }
  PW_HOLDS("F11", count == attached_count_, count);
}

}  // namespace pageward::frame
