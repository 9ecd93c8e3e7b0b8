// All frames of a zone and the pieces they lie in: what the page allocator keeps behind its lock.
//
// Every operation checks first, then makes sure of the one thing that can run out (a leaf of the
// frame table), then changes. So an operation that fails has changed nothing.
//
// Frames that an operation has taken off the lists and not yet given a new state are *in hand*:
// their records are body, and nothing else can reach them.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/frame/buddy.h"
#include "runtime/frame/fallback.h"
#include "runtime/frame/frame_table.h"
#include "runtime/frame/free_lists.h"
#include "runtime/frame/pageblock_map.h"
#include "runtime/frame/request.h"

namespace pageward::frame {

/// How many frames are wanted, and which free blocks they may be cut from.
struct RunShape {
  FrameCount frames;
  Order order;                   ///< The smallest block that can hold them as they must be aligned.
  std::uint32_t top_blocks = 1;  ///< Neighbouring blocks of kMaxOrder, if one is not enough.

  /// Returns the shape of a run of `frames` at a multiple of `alignment`, or nothing if it is empty
  /// or larger than any zone.
  static constexpr std::optional<RunShape> Of(FrameCount frames, Order alignment);

  constexpr std::uint32_t pageblocks() const {
    return DivideRoundUp(frames.value, kPageblockFrames);
  }
};

/// Where a search may look.
enum class SearchScope : std::uint8_t {
  kOwnLists,     ///< Only on the lists of the freetype itself.
  kAllFallback,  ///< Then also on those it may fall back to.
};

/// Returns where a search for a request with these flags may look.
constexpr SearchScope ScopeOf(RequestFlags flags) {
  return flags.Has(RequestFlag::kNoFallback) ? SearchScope::kOwnLists : SearchScope::kAllFallback;
}

/// Whole pageblocks on their way from one freetype to another.
struct Conversion {
  BlockRange blocks;
  Freetype from;
  OwnerLists* from_owner = nullptr;
};

/// What a zone counts about its searches.
struct SearchCounters {
  std::uint64_t claims = 0;  ///< Fallbacks that changed the mobility of pageblocks.
  std::uint64_t steals = 0;  ///< Fallbacks that took frames and left the pageblock as it was.
};

/// The state of a zone. Externally synchronized.
///
/// Invariants, checked by CheckInvariants(), besides those of its parts:
///   F1   the pieces of a managed block follow each other without gap or overlap
///   F7   all pageblocks of a run have one visibility and one owner
///   F8   a pageblock is marked as converting exactly if it lies in a piece that is
///   F9   a pageblock of an owner points to that owner's lists, any other to none
///   F12  managed = free + isolated + held + converting frames, where held ones are in runs or in
///        threads' lists
class Zone {
 public:
  Zone(FrameTable& table, PageblockMap& blocks)
      : table_(table), blocks_(blocks), lists_(table, blocks), buddy_(table, blocks, lists_) {}
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

  /// Brings `blocks` into the zone: free, mapped and of `mobility`.
  ///
  /// Dies with Violation::kForeignFrame if the table has no such blocks, and with
  /// Violation::kRunMismatch if one of them is in the zone already.
  void AddBlocks(BlockRange blocks, Mobility mobility);

  // --- Searching and cutting ------------------------------------------------------------------

  /// Takes frames of `shape` off the lists that `request` names. They are in hand afterwards.
  ///
  /// Errors: kNoFrames; kNoMemory if that would have taken a leaf.
  Result<FrameRange> Cut(const RunShape& shape, const Request& request, SearchScope scope);

  /// Makes a run of frames in hand.
  void MakeRun(FrameRange range, Mobility mobility);
  /// Notes that frames in hand go to a thread's lists.
  void NoteListed(FrameCount frames) { held_frames_ += frames; }
  /// Makes a block free that a thread's lists gave up, whose record still says kListed.
  void FreeListed(FrameNumber head, Order order);

  // --- Runs -----------------------------------------------------------------------------------
  // Each dies unless the given frames are exactly a run: with Violation::kForeignFrame if they are
  // not in the zone, with kDoubleFree if they are free, with kRunMismatch otherwise.

  void FreeRun(FrameRange run);
  /// Adds the `extra` frames that follow. Errors: kNoFrames if they are not all free and of the
  /// same visibility and owner; kNoMemory for want of a leaf.
  Status GrowRun(FrameRange run, FrameCount extra);
  /// Makes two runs of one, the first of `first` frames. Errors: kNoMemory for want of a leaf.
  /// Also dies with kRunMismatch if `first` is not inside the run.
  Status SplitRun(FrameRange run, FrameCount first);
  /// Makes one run of two. Errors: kInvalid if they differ in visibility or owner.
  /// Also dies with kRunMismatch if `second` does not begin where `first` ends.
  Status MergeRuns(FrameRange first, FrameRange second);
  void CheckRun(FrameRange run) const;

  // --- Conversion -----------------------------------------------------------------------------

  /// Takes whole free pageblocks for a run of `shape` off the first lists that can serve `wanted`
  /// by conversion. Errors: as Cut().
  Result<Conversion> BeginConversion(const RunShape& shape, Freetype wanted);
  /// Takes one free block of whole pageblocks of `type`, the largest there is. Errors: kNoFrames.
  Result<Conversion> BeginReturn(Freetype type, OwnerLists* owner);
  /// Gives the pageblocks their new freetype. Their frames are in hand afterwards.
  FrameRange Commit(const Conversion& conversion, Freetype to, OwnerLists* owner);
  /// Puts the pageblocks back where they were.
  void Abort(const Conversion& conversion);
  /// Makes frames in hand free.
  void FreeInHand(FrameRange range) { buddy_.Free(range); }

  // --- Pageblocks and owners ------------------------------------------------------------------

  /// Keeps the free frames of `block` from being handed out, also those that become free later.
  /// Errors: kInUse if the block is converting or isolated already; kInvalid if not managed.
  Status Isolate(BlockNumber block);
  /// Errors: kInvalid if it is not isolated.
  Status Unisolate(BlockNumber block);

  FreeLists& lists() { return lists_; }
  const FreeLists& lists() const { return lists_; }

  FrameCount managed_frames() const { return managed_frames_; }
  FrameCount held_frames() const { return held_frames_; }
  FrameCount converting_frames() const { return converting_frames_; }
  const SearchCounters& search_counters() const { return search_counters_; }

  /// Looks at every record of the zone. Linear in its size.
  void CheckInvariants() const;

 private:
  // Where frames were found, and so what happens to the mobility of their pageblocks.
  enum class Origin : std::uint8_t { kOwn, kClaimed, kStolen };

  // A free block, or neighbouring ones of kMaxOrder.
  struct Region {
    FrameRange range;
    Origin origin = Origin::kOwn;
  };

  std::optional<Region> Find(const RunShape& shape, const Request& request, SearchScope scope);
  std::optional<FrameRange> FindOn(const ListSet& lists, const RunShape& shape) const;
  std::optional<FrameRange> FindTopBlocks(const ListSet& lists, std::uint32_t count) const;
  // Requires: `type` is not keyed, and the list is not empty.
  FrameRange FirstOn(Freetype type, Order order) const;
  std::optional<Region> FindWholeToClaim(const RunShape& shape, Freetype wanted) const;
  std::optional<Region> ClaimPart(const RunShape& shape, Freetype wanted);
  std::optional<Region> FindToSteal(const RunShape& shape, Freetype wanted) const;
  void TakeRegion(FrameRange region);

  Conversion TakeBlocks(FrameRange region, BlockRange blocks, OwnerLists* owner);
  void EndConversion(const Conversion& conversion);

  [[noreturn]] void DieOfMismatch(FrameRange run) const;
  bool CanGrowInto(const BlockFlags& run, FrameNumber frame) const;

  struct Sums;
  void CheckPiece(const Piece& piece, Sums& sums) const;

  FrameTable& table_;
  PageblockMap& blocks_;
  FreeLists lists_;
  Buddy buddy_;
  FrameCount managed_frames_;
  FrameCount held_frames_;
  FrameCount converting_frames_;
  SearchCounters search_counters_;
};

constexpr std::optional<RunShape> RunShape::Of(FrameCount frames, Order alignment) {
  if (frames.value == 0 || frames.value > FrameTable::kMaxBlocks * kPageblockFrames) {
    return std::nullopt;
  }
  const unsigned needed = CeilLog2(frames.value);
  if (needed <= kMaxOrder.value()) {
    return RunShape{frames, Order(needed < alignment.value() ? alignment.value() : needed), 1};
  }
  // Every block of the top order is aligned to whatever can be asked for.
  return RunShape{frames, kMaxOrder, DivideRoundUp(frames.value, kMaxOrder.frames().value)};
}

}  // namespace pageward::frame
