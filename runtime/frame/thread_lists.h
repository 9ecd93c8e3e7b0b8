// A thread's own stock of free frames: what allocating and freeing single frames touch when all is
// well. No lock and no atomic read-modify-write.
//
// Lists are grouped in banks, one for each freetype with central lists, and by order. Keyed frames
// have none: ten thousand owners times every thread would hold far more than they use.
//
// The chain of a list runs through the frame table, like that of the allocator's own lists; this
// object holds only where each begins. What it says is never believed: a frame leaves a list only
// if the table confirms that this very object put it there. So two threads that free one frame at
// the same time, or a list head that somebody overwrote, end in a report.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/frame/frame_table.h"
#include "runtime/frame/freetype.h"
#include "runtime/frame/request.h"

namespace pageward::frame {

/// Which list a block belongs to: its bank and its place for an order.
///
///   index   bank 0: mapped unmovable   orders 0 1 2 3 9
///           bank 1: mapped movable     orders 0 1 2 3 9
///           bank 2: mapped reclaimable orders 0 1 2 3 9
///           bank 3: unmapped           orders 0 1 2 3 9
class ThreadListIndex {
 public:
  static constexpr std::size_t kOrdersPerBank = 5;
  static constexpr std::size_t kCount = kCentralTypeCount * kOrdersPerBank;

  /// Requires: `value` < kCount.
  explicit constexpr ThreadListIndex(std::size_t value) : value_(static_cast<std::uint8_t>(value)) {
    PW_ASSERT(value < kCount);
  }

  /// Returns the index for blocks of `order` and `type`, or nothing if threads keep no such blocks.
  static constexpr std::optional<ThreadListIndex> Of(Freetype type, Order order) {
    const auto bank = IndexOf(type);
    for (std::size_t place = 0; bank.has_value() && place < kOrdersPerBank; ++place) {
      if (kOrders[place] == order.value()) {
        return ThreadListIndex(bank->value() * kOrdersPerBank + place);
      }
    }
    return std::nullopt;
  }

  constexpr std::size_t value() const { return value_; }
  constexpr Order order() const { return Order(kOrders[value_ % kOrdersPerBank]); }
  constexpr Freetype freetype() const { return FreetypeAt(FreetypeIndex(value_ / kOrdersPerBank)); }

  /// How many blocks a list holds at most, and how many it is filled and drained with at a time.
  constexpr std::uint32_t capacity() const { return kCapacities[value_ % kOrdersPerBank]; }
  constexpr std::uint32_t batch() const { return (capacity() + 3) / 4; }

  friend constexpr bool operator==(ThreadListIndex, ThreadListIndex) = default;

 private:
  static constexpr std::array<unsigned, kOrdersPerBank> kOrders{0, 1, 2, 3, kPageblockFramesLog2};
  static constexpr std::array<std::uint32_t, kOrdersPerBank> kCapacities{64, 32, 16, 8, 2};

  std::uint8_t value_;
};

namespace internal {

// ThreadListIndex::Of() as two loads, for the way that is walked for each frame: the bank of a
// pageblock with these flags, and the place of an order in a bank. If either does not exist, it is
// so large that the number of the list comes out not less than kCount.

inline constexpr std::array<std::uint8_t, 256> kBankOf = [] {
  std::array<std::uint8_t, 256> banks{};
  banks.fill(kCentralTypeCount);
  for (std::uint8_t bank = 0; bank < kCentralTypeCount; ++bank) {
    const BlockFlags usable = BlockFlags::Managed().WithFreetype(FreetypeAt(FreetypeIndex(bank)));
    banks[usable.word()] = bank;
    banks[usable.WithSkipped(true).word()] = bank;
  }
  return banks;
}();

inline constexpr std::array<std::uint8_t, kOrderCount> kPlaceOf = [] {
  std::array<std::uint8_t, kOrderCount> places{};
  places.fill(ThreadListIndex::kCount);
  for (std::uint8_t place = 0; place < ThreadListIndex::kOrdersPerBank; ++place) {
    places[ThreadListIndex(place).order().value()] = place;
  }
  return places;
}();

inline constexpr std::array<std::uint32_t, ThreadListIndex::kCount> kCapacityOf = [] {
  std::array<std::uint32_t, ThreadListIndex::kCount> capacities{};
  for (std::size_t list = 0; list < ThreadListIndex::kCount; ++list) {
    capacities[list] = ThreadListIndex(list).capacity();
  }
  return capacities;
}();

}  // namespace internal

/// The lists of one thread. Attached to one allocator, which fills, drains and counts them.
///
/// Belongs to its thread: externally synchronized, and not usable in signal handlers that interrupt
/// it. Others may only ask for held_frames().
///
/// Invariants, checked by CheckInvariants():
///   F11  each list is a chain of as many frames as it says, each of its order and labelled with
///        id(), and holds no more than its capacity
class ThreadLists {
 public:
  ThreadLists() = default;
  ThreadLists(const ThreadLists&) = delete;
  ThreadLists& operator=(const ThreadLists&) = delete;
  /// Dies if it is still attached: its frames would be lost.
  ~ThreadLists() { PW_CHECK(!is_attached_, Violation::kAssertion, id_.value); }

  bool IsAttached() const { return is_attached_; }
  ThreadListsId id() const { return id_; }

  /// Takes the block of `order` that was put last, as a run for `request`. Returns false if there
  /// is none, if the pageblock has been isolated since, or if `request` is invalid or not for
  /// central memory.
  ///
  /// Dies with Violation::kDoubleFree if the frame table does not say that it was put here.
  [[nodiscard]] bool TryTake(const FrameTable& table, const Request& request, Order order,
                             FrameNumber* taken) {
    const std::size_t number = NumberOf(request.central_type(), order);
    if (number >= ThreadListIndex::kCount) [[unlikely]] {
      return false;
    }
    List& list = lists_[number];
    const std::uint32_t count = LoadRelaxed(list.count);
    if (count == 0) [[unlikely]] {
      return false;
    }
    const FrameNumber frame = list.first;
    const FrameTable::Entry entry = MyEntry(table, list);
    if (FlagsOf(table.BlockOf(frame)).is_isolated()) [[unlikely]] {
      return false;
    }
    list.first = entry.Load().next();
    StoreRelaxed(list.count, count - 1);
    entry.Relabel(FrameRecord::Run(order.frames(), request.freetype().mobility));
    *taken = frame;
    return true;
  }

  /// Puts a run of the order's length on the list of its pageblock's freetype. Returns false, and
  /// changes nothing, if it is no such run, may not be listed, or does not fit.
  [[nodiscard]] bool TryPut(const FrameTable& table, FrameNumber frame, Order order) {
    PW_ASSERT(is_attached_);
    if (!table.Contains(frame)) [[unlikely]] {
      return false;
    }
    const std::size_t number =
        NumberOf(internal::kBankOf[FlagsOf(table.BlockOf(frame)).word() & 0xff], order);
    const FrameTable::Entry entry = table.EntryOf(frame);
    if (number >= ThreadListIndex::kCount || !entry.IsThere() ||
        !entry.Load().IsRunOf(order.frames())) [[unlikely]] {
      return false;
    }
    List& list = lists_[number];
    const std::uint32_t count = LoadRelaxed(list.count);
    const bool is_aligned = (frame.value & (order.frames().value - 1)) == 0;
    if (count >= internal::kCapacityOf[number] || !is_aligned) [[unlikely]] {
      return false;
    }
    entry.Relabel(FrameRecord::Listed(list.label, list.first));
    list.first = frame;
    StoreRelaxed(list.count, count + 1);
    return true;
  }

  /// Takes the block that was put last off its list; its record still says kListed. For draining,
  /// by the allocator and with its lock held.
  std::optional<FrameNumber> TakeForDrain(const FrameTable& table, ThreadListIndex index);

  /// Puts a block whose record is body on a list. For filling, by the allocator and with its lock
  /// held. Requires: there is room.
  void PutForFill(FrameTable& table, ThreadListIndex index, FrameNumber frame);

  std::uint32_t count(ThreadListIndex index) const {
    return LoadRelaxed(lists_[index.value()].count);
  }
  bool IsFull(ThreadListIndex index) const { return count(index) >= index.capacity(); }

  /// The frames in all lists. May be asked by any thread.
  FrameCount held_frames() const;

  /// Requires: the thread that owns the lists is not using them.
  void CheckInvariants(const FrameTable& table) const;

 private:
  friend class ThreadListsRegistry;

  struct List {
    ListLabel label;
    FrameNumber first;
    std::uint32_t count = 0;
  };

  static std::size_t NumberOf(std::size_t bank, Order order) {
    return bank * ThreadListIndex::kOrdersPerBank + internal::kPlaceOf[order.value()];
  }
  // Returns the place of the record of the first frame of `list`, and dies if the record does not
  // say that it is there.
  static FrameTable::Entry MyEntry(const FrameTable& table, const List& list) {
    PW_CHECK(table.Contains(list.first), Violation::kForeignFrame, list.first.value);
    const FrameTable::Entry entry = table.EntryOf(list.first);
    PW_CHECK(entry.IsThere() && entry.Load().IsListedAs(list.label), Violation::kDoubleFree,
             list.first.value);
    return entry;
  }
  // Writes `id` into the labels.
  void SetId(ThreadListsId id);

  std::array<List, ThreadListIndex::kCount> lists_{};
  ThreadListsId id_;
  bool is_attached_ = false;
  ThreadLists* previous_ = nullptr;
  ThreadLists* next_ = nullptr;
};

/// The thread lists that are attached to an allocator. Externally synchronized.
class ThreadListsRegistry {
 public:
  constexpr ThreadListsRegistry() = default;
  ThreadListsRegistry(const ThreadListsRegistry&) = delete;
  ThreadListsRegistry& operator=(const ThreadListsRegistry&) = delete;

  /// Requires: `lists` is attached nowhere and empty. Gives it an id that no other has had among
  /// the last 2^28.
  void Attach(ThreadLists& lists);
  /// Requires: `lists` is attached here and empty.
  void Detach(ThreadLists& lists);

  /// The frames in all lists that are attached, and how many of those there are.
  FrameCount held_frames() const;
  std::uint32_t attached_count() const { return attached_count_; }

  /// Requires: no thread is using its lists.
  void CheckInvariants(const FrameTable& table) const;

 private:
  ThreadLists* first_ = nullptr;
  std::uint32_t attached_count_ = 0;
  std::uint32_t next_id_ = 0;
};

}  // namespace pageward::frame
