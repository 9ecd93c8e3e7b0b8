// The reserve of page-table pages (PTPs): where the circle of splits ends.
//
// Taking a block out of a large mapping splits it, which needs table pages; table pages come out of
// blocks that carry a key; giving a block its key may split a mapping. So whoever needs a table
// page for a split must not have to make one: it takes from what was put aside when making was
// allowed. Two pages are put aside for the split that a refill itself may need, two for any other.
//
// A split, by whoever is about to change mappings:
//
//     do {
//       if (const Status prepared = reserve.Prepare(me); !prepared.ok()) return prepared;
//       lock the mappings
//     } while (!reserve.IsReady(me) && (unlock the mappings, true));
//     ... reserve.TakeForSplit(me), twice at most ...
//     unlock the mappings
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/result.h"
#include "runtime/core/units.h"

namespace pageward::ptable {

/// Who asks: a thread on the host, a processor in the simulation.
struct TaskId {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(TaskId, TaskId) = default;
};

/// Where refills come from. Owned by this layer, implemented above it.
///
/// The reserve may be used by other tasks while a call is under way, so the owner may give up the
/// lock of the reserve inside of a call and must hold it again when it returns.
class PtpBlockSource {
 public:
  /// Returns the first frame of an aligned block, not protected yet, or nothing.
  virtual std::optional<FrameNumber> Allocate(Order order) = 0;

  /// Protects every frame of `block` as table pages have to be. If that takes splitting a mapping,
  /// the pages for it come from TakeForSplit(), as the task that refills. An error leaves all of
  /// the block as it was.
  virtual Status Protect(FrameRange block) = 0;

  /// Takes back a block that could not be protected.
  virtual void Free(FrameRange block) = 0;

 protected:
  ~PtpBlockSource() = default;
};

/// How much a reserve puts aside, and how it is filled. The defaults are what keeps the promise;
/// others are for finding out what happens without it.
struct PtpReserveShape {
  static constexpr std::size_t kMostRefillOrders = 4;

  /// Frames for the split that a refill itself may need: a 1 GiB mapping becomes a page directory
  /// and a page table.
  std::size_t for_refill = 2;
  /// Frames for any other split.
  std::size_t for_others = 2;
  /// What a refill asks for, in this order. The last still raises the count by two if the refill's
  /// own split has used two.
  std::array<Order, kMostRefillOrders> refill_orders{Order(9), Order(4), Order(2)};
  std::size_t refill_order_count = 3;

  constexpr std::size_t reserved() const { return for_refill + for_others; }
};

struct PtpReserveCounters {
  std::array<std::uint64_t, PtpReserveShape::kMostRefillOrders> refills{};  ///< By refill_orders.
  std::uint64_t failed_refills = 0;
  std::uint64_t split_frames = 0;  ///< Taken by splits.

  friend constexpr bool operator==(const PtpReserveCounters&, const PtpReserveCounters&) = default;
};

/// Protected frames that can become page tables at once. Last in, first out.
///
/// A circle that runs through a word for each frame, so that any number fits, a frame that is put
/// twice is noticed, and a whole block can leave from the middle.
///
/// Externally synchronized; see PtpBlockSource for the one place where it calls out. Never
/// allocates but there, and one task at a time is there: a refill inside of a refill is refused.
///
/// Invariants, checked by CheckInvariants():
///   R1  the circle has size() frames, and its links agree in both directions
///   R2  a refill's own split has taken at most its share
///   R3  the count of each pageblock is the number of its frames in the circle
class PtpReserve {
 public:
  using Shape = PtpReserveShape;

  /// What it is kept in: a word for each frame that may be held, a number for each pageblock.
  struct Memory {
    std::span<std::uint64_t> links;
    std::span<std::uint16_t> block_counts;
  };

  /// Requires: `memory` is zero, belongs to the reserve, and has a count for each pageblock that it
  /// has a link of; everything outlives it.
  PtpReserve(const Memory& memory, PtpBlockSource& source, const Shape& shape = {});
  PtpReserve(const PtpReserve&) = delete;
  PtpReserve& operator=(const PtpReserve&) = delete;

  const Shape& shape() const { return shape_; }
  std::size_t size() const { return size_; }
  bool Holds(FrameNumber frame) const {
    return frame.value < links_.size() && links_[frame.value] != 0;
  }
  bool IsRefilling() const { return refiller_.has_value(); }
  bool IsRefilling(TaskId task) const { return refiller_ == task; }
  const PtpReserveCounters& counters() const { return counters_; }

  /// Refills unless IsReady(). Requires: `task` holds no lock that a refill needs.
  ///
  /// Errors: kNoFrames if no order can be had; kWouldBlock if another task is at it, so that the
  /// caller waits and tries again; whatever Protect() said. The reserve holds what it held before,
  /// but for what the refill's own split has used.
  Status Prepare(TaskId task);

  /// Returns whether a split can begin: all that is put aside is there, or `task` is refilling. To
  /// be asked under the lock of the mappings that are to be split.
  bool IsReady(TaskId task) const { return size_ >= shape_.reserved() || refiller_ == task; }

  /// Removes a frame for a split, or returns nothing. Never refills.
  ///
  /// The task that refills gets its share in the course of one refill. The others leave as many for
  /// it; who has found IsReady() true gets Shape::for_others.
  [[nodiscard]] std::optional<FrameNumber> TakeForSplit(TaskId task);

  /// Removes a frame for anything else. Leaves what is put aside, by refills if need be.
  /// Errors: as Prepare(), and kNoFrames to a task that refills.
  Result<FrameNumber> Take(TaskId task);

  /// Adds a protected frame.
  ///
  /// Dies with Violation::kForeignFrame if it has no link, with kDoubleFree if it is held already.
  void Put(FrameNumber frame);

  /// Removes all frames of `block` and returns true, if every one is held and `keep` others are.
  [[nodiscard]] bool TryTakeWhole(FrameRange block, std::size_t keep);

  /// Returns how many frames of `block` are held. Linear in its size.
  std::uint32_t CountIn(FrameRange block) const;
  /// The same for a whole pageblock, without looking.
  std::uint32_t CountIn(BlockNumber block) const { return block_counts_[block.value]; }

  /// Calls `visit(frame)` for each frame, the one that would be taken next first, until it returns
  /// false. Requires: it does not change the reserve.
  template <typename Visit>
  void VisitWhile(Visit visit) const {
    FrameNumber frame = first_;
    for (std::size_t i = 0; i < size_ && visit(frame); ++i) {
      frame = NextOf(frame);
    }
  }

  void CheckInvariants() const;

 private:
  // A block and which of the refill orders it has.
  struct Block {
    FrameRange range;
    std::size_t order_index = 0;
  };

  // Requires: nobody is refilling.
  Status Refill(TaskId task);
  std::optional<Block> AllocateBlock();

  FrameNumber NextOf(FrameNumber frame) const;
  FrameNumber PreviousOf(FrameNumber frame) const;
  void Link(FrameNumber frame, FrameNumber previous, FrameNumber next);
  void Remove(FrameNumber frame);
  FrameNumber Pop();

  std::span<std::uint64_t> links_;
  std::span<std::uint16_t> block_counts_;
  PtpBlockSource& source_;
  const Shape shape_;
  FrameNumber first_;  // If size_ > 0.
  std::size_t size_ = 0;
  std::size_t taken_by_refiller_ = 0;
  std::optional<TaskId> refiller_;
  PtpReserveCounters counters_;
};

}  // namespace pageward::ptable
