// Where frames come from when the lists of their own freetype are empty.
//
// A fallback varies the mobility and nothing else: unmapped memory never comes from mapped lists or
// the other way round. Crossing visibilities is a conversion, whose sources stand here as well.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/core/units.h"
#include "runtime/frame/frame_table.h"
#include "runtime/frame/free_lists.h"
#include "runtime/frame/freetype.h"
#include "runtime/frame/pageblock_map.h"

namespace pageward::frame {

/// The mobilities that may serve another one, best first.
inline constexpr std::array<std::array<Mobility, kMobilityCount - 1>, kMobilityCount> kFallbacks{{
    {Mobility::kReclaimable, Mobility::kMovable},    // for kUnmovable
    {Mobility::kReclaimable, Mobility::kUnmovable},  // for kMovable
    {Mobility::kUnmovable, Mobility::kMovable},      // for kReclaimable
}};

/// What is to happen to the pageblock that a fallback finds.
enum class FallbackUse : std::uint8_t {
  kClaim,  ///< It changes its mobility.
  kSteal,  ///< It only lends a few frames.
};

enum class FallbackOutcome : std::uint8_t {
  kFound,
  kEmpty,             ///< Nothing of this order; the next order may have something.
  kNotWorthClaiming,  ///< The search for something to claim ends here.
};

struct FallbackResult {
  FallbackOutcome outcome = FallbackOutcome::kEmpty;
  Freetype type;  ///< Whose list of the order has a block, if kFound.
};

/// Returns whether a request of `mobility` that found a free block of `order` elsewhere should try
/// to claim its pageblock.
///
/// Large blocks are worth it for everybody. Small ones are for what stays: a few unmovable frames
/// would spoil a movable pageblock for ever, while movable guests go away again.
constexpr bool IsWorthClaiming(Order order, Mobility mobility) {
  return order.value() >= kPageblockOrder.value() / 2 || mobility != Mobility::kMovable;
}

/// Looks for a block of exactly `order` on the lists that may serve `wanted`.
FallbackResult FindFallback(const FreeLists& lists, Order order, Freetype wanted, FallbackUse use);

/// How the frames of one pageblock are used.
struct BlockUsage {
  FrameCount free;
  FrameCount movable;  ///< In movable runs, or in threads' lists of movable blocks.
};

/// Requires: `block` is managed.
BlockUsage UsageOf(const FrameTable& table, const PageblockMap& blocks, BlockNumber block);

/// Returns whether a request of `mobility` may claim the whole of a pageblock of `block_mobility`
/// that is used like this: at least half of it must be free or compatible.
///
/// What is compatible with a movable request are movable frames. In a movable block everything
/// else must be of other fallbacks; in any other block nothing is known about it.
constexpr bool MayClaim(Mobility mobility, Mobility block_mobility, BlockUsage usage) {
  FrameCount compatible;
  if (mobility == Mobility::kMovable) {
    compatible = usage.movable;
  } else if (block_mobility == Mobility::kMovable) {
    compatible = FrameCount(kPageblockFrames) - usage.free - usage.movable;
  }
  return (usage.free + compatible).value >= kPageblockFrames / 2;
}

/// The freetypes whose whole free pageblocks may be converted to `wanted`, best first.
///
/// Memory that is to become hidden comes from mapped blocks: first those of its own mobility, then
/// those it would fall back to. Mapped memory, and keyed memory when no mapped block is left, comes
/// back from unmapped blocks. Nobody takes a keyed block away from its owner, who may have sealed
/// it; owners give them back themselves.
class ConversionSources {
 public:
  explicit constexpr ConversionSources(Freetype wanted) {
    if (!wanted.IsMapped()) {
      Add(Freetype::Mapped(wanted.mobility));
      for (const Mobility other : kFallbacks[static_cast<std::size_t>(wanted.mobility)]) {
        Add(Freetype::Mapped(other));
      }
    }
#if PW_FRAME_UNMAPPED
    if (wanted.visibility != Visibility::kUnmapped) {
      Add(Freetype::Unmapped());
    }
#endif
  }

  constexpr const Freetype* begin() const {
    return sources_.data();
  }
  constexpr const Freetype* end() const {
    return sources_.data() + count_;
  }

 private:
  constexpr void Add(Freetype source) {
    sources_[count_++] = source;
  }

  std::array<Freetype, kCentralTypeCount> sources_{};
  std::size_t count_ = 0;
};

}  // namespace pageward::frame
