// What a page allocator counts, for statistics and tests.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/core/units.h"
#include "runtime/frame/freetype.h"

namespace pageward::frame {

/// A value for each visibility.
template <typename T>
class PerVisibility {
 public:
  constexpr T& operator[](Visibility visibility) {
    return values_[static_cast<std::size_t>(visibility)];
  }
  constexpr const T& operator[](Visibility visibility) const {
    return values_[static_cast<std::size_t>(visibility)];
  }

  friend constexpr bool operator==(const PerVisibility&, const PerVisibility&) = default;

 private:
  std::array<T, kVisibilityCount> values_{};
};

/// All of the same instant, but for what threads do with their own lists meanwhile.
struct Counters {
  // Where the frames are now.
  FrameCount managed_frames;
  PerVisibility<FrameCount> free_frames;     ///< On lists; isolated ones are not in here.
  PerVisibility<std::uint32_t> free_blocks;  ///< Whole pageblocks of them.
  FrameCount isolated_frames;                ///< Free, but not to be handed out.
  FrameCount listed_frames;                  ///< In the lists of threads.
  FrameCount live_frames;                    ///< In runs.
  FrameCount converting_frames;
  std::uint32_t leaves = 0;  ///< Pages of the frame table's second level.

  // What happened since the start.
  PerVisibility<std::uint64_t> conversions;  ///< By what the blocks became.
  std::uint64_t converted_blocks = 0;
  std::uint64_t reclaimed_blocks = 0;  ///< Unmapped ones that a request of another kind took back.
  std::uint64_t returned_blocks = 0;   ///< Hidden ones that were given back on demand.
  std::uint64_t conversion_failures = 0;
  std::uint64_t flushes = 0;
  std::uint64_t scrubs = 0;
  std::uint64_t compactions = 0;  ///< Calls of the compactor.
  std::uint64_t claims = 0;       ///< Fallbacks that changed the mobility of pageblocks.
  std::uint64_t steals = 0;       ///< Fallbacks that took frames only.

  constexpr std::uint64_t fallbacks() const { return claims + steals; }

  friend constexpr bool operator==(const Counters&, const Counters&) = default;
};

}  // namespace pageward::frame
