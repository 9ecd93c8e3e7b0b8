// What the frame table says about one frame, in 64 bits.
//
// Frames are handed around in *pieces*: a free block of the buddy system, a run that somebody
// allocated, a block in a thread's lists, a range under conversion. Only the first frame of a
// piece, its *head*, has a record; all others are body, which is zero. So a piece of any size
// changes hands with one write.
//
//   bits     0..2    3..7    8..35              36..63
//   body     0
//   free     state   order   previous in list   next in list
//   run      state           length (8..36), mobility (37..38)
//   listed   state   order   id of the lists    next in list
//   converting       length (8..36)
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/core/bit_field.h"
#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/frame/freetype.h"

namespace pageward::frame {

/// What a frame is the head of.
enum class FrameState : std::uint8_t {
  kBody,        ///< Of nothing: it lies inside a piece.
  kFree,        ///< A free block, on a list of the allocator or of a keyed owner.
  kRun,         ///< A run that was allocated.
  kListed,      ///< A free block in the lists of a thread.
  kConverting,  ///< Whole pageblocks between two freetypes, on no list.
};
inline constexpr std::size_t kFrameStateCount = 5;

/// Returns whether a record may change from `from` to `to`: the whole of invariant F1's table.
///
/// A piece passes through kBody whenever it is divided or joined; that way a block can't reach a
/// list while its record still says that somebody owns it. The two states between which a thread
/// moves its own frames without a lock are the exception.
constexpr bool MayBecome(FrameState from, FrameState to) {
  using enum FrameState;
  switch (from) {
    case kBody:
      return to != kBody;
    case kFree:
      return to == kBody || to == kFree;  // Its neighbours in the list change.
    case kRun:
      return to == kBody || to == kListed || to == kRun;  // Its length changes.
    case kListed:
      return to == kBody || to == kRun;
    case kConverting:
      return to == kBody;
  }
  return false;
}

/// Names the lists of one thread in the records of the frames they hold. 28 bits.
struct ThreadListsId {
  std::uint32_t value = 0;

  friend constexpr bool operator==(ThreadListsId, ThreadListsId) = default;
};

class FrameRecord;

/// What one list of a thread writes into the records of its blocks, made once: all but the link.
class ListLabel {
 public:
  constexpr ListLabel() = default;
  constexpr ListLabel(Order order, ThreadListsId lists);

  friend constexpr bool operator==(ListLabel, ListLabel) = default;

 private:
  friend class FrameRecord;

  std::uint64_t word_ = 0;
};

/// One record. A value: FrameTable knows where it is kept.
class FrameRecord {
 public:
  constexpr FrameRecord() = default;
  explicit constexpr FrameRecord(std::uint64_t word) : word_(word) {}

  static constexpr FrameRecord Free(Order order, FrameNumber previous, FrameNumber next) {
    return FrameRecord(StateField::Encode(FrameState::kFree) | OrderField::Encode(order.value()) |
                       PreviousField::Encode(previous.value) | NextField::Encode(next.value));
  }
  static constexpr FrameRecord Run(FrameCount length, Mobility mobility) {
    return FrameRecord(StateField::Encode(FrameState::kRun) | LengthField::Encode(length.value) |
                       MobilityField::Encode(mobility));
  }
  static constexpr FrameRecord Listed(ListLabel label, FrameNumber next) {
    return FrameRecord(label.word_ | NextField::Encode(next.value));
  }
  static constexpr FrameRecord Converting(FrameCount length) {
    return FrameRecord(StateField::Encode(FrameState::kConverting) |
                       LengthField::Encode(length.value));
  }

  constexpr std::uint64_t word() const { return word_; }
  constexpr FrameState state() const { return StateField::Get(word_); }
  constexpr bool IsBody() const { return word_ == 0; }

  /// Requires: the state has an order, which kFree and kListed have.
  constexpr Order order() const { return Order(OrderField::Get(word_)); }
  constexpr FrameNumber next() const { return FrameNumber(NextField::Get(word_)); }
  /// Requires: the state is kFree.
  constexpr FrameNumber previous() const { return FrameNumber(PreviousField::Get(word_)); }
  /// Requires: the state is kRun.
  constexpr Mobility mobility() const { return MobilityField::Get(word_); }

  /// Returns how many frames the piece has. Requires: !IsBody().
  constexpr FrameCount frames() const {
    const bool has_order = state() == FrameState::kFree || state() == FrameState::kListed;
    return has_order ? order().frames() : FrameCount(LengthField::Get(word_));
  }

  /// Returns whether this is a run of exactly `length`, of whatever mobility.
  constexpr bool IsRunOf(FrameCount length) const {
    return MobilityField::Set(word_, Mobility{}) == Run(length, Mobility{}).word_;
  }

  /// Returns whether this is a block that the list with `label` holds.
  constexpr bool IsListedAs(ListLabel label) const {
    return NextField::Set(word_, 0) == label.word_;
  }

  friend constexpr bool operator==(FrameRecord, FrameRecord) = default;

 private:
  friend class ListLabel;

  using StateField = BitField<FrameState, 0, 3>;
  using OrderField = BitField<unsigned, 3, 5>;
  using PreviousField = BitField<std::uint32_t, 8, 28>;
  using NextField = BitField<std::uint32_t, 36, 28>;
  using ListsField = BitField<std::uint32_t, 8, 28>;
  // One bit more than a frame number: a run may be as long as the largest zone.
  using LengthField = BitField<std::uint32_t, 8, 29>;
  using MobilityField = BitField<Mobility, 37, 2>;
  static_assert(kAreDisjoint<StateField, OrderField, PreviousField, NextField>);
  static_assert(kAreDisjoint<StateField, OrderField, ListsField, NextField>);
  static_assert(kAreDisjoint<StateField, LengthField, MobilityField>);

  std::uint64_t word_ = 0;
};

constexpr ListLabel::ListLabel(Order order, ThreadListsId lists)
    : word_(FrameRecord::StateField::Encode(FrameState::kListed) |
            FrameRecord::OrderField::Encode(order.value()) |
            FrameRecord::ListsField::Encode(lists.value)) {}

/// A piece and where it lies.
struct Piece {
  FrameRange range;
  FrameRecord record;
};

}  // namespace pageward::frame
