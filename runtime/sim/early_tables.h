// Table pages from before any of them can be protected.
//
// The direct map's own tables are made before there is a direct map to set a key in, and before the
// page allocator exists. They come from the start of RAM, one after the other; what was handed out
// is remembered and protected as soon as that is possible.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/ptable/ptp_source.h"
#include "runtime/sim/sim_ram.h"

namespace pageward::sim {

/// Ranges of frames that have to be protected later. Externally synchronized.
class UnprotectedRanges {
 public:
  static constexpr std::size_t kMostRanges = 8;

  /// Adds `range`; joins it with a range that it touches. Returns false if there are too many, in
  /// which case it is only listed as lost: see lost().
  bool Add(FrameRange range);

  /// Calls `protect(range)`, which returns a Status, for each range, and forgets those for which it
  /// succeeds. Returns the first error.
  template <typename Protect>
  Status ProtectAll(Protect protect) {
    Status result;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (const Status status = protect(ranges_[i]); !status) {
        result = result.ok() ? status : result;
        ranges_[kept++] = ranges_[i];
      }
    }
    count_ = kept;
    return result;
  }

  std::size_t count() const { return count_; }
  /// Frames that could not be remembered and stay as they are.
  std::uint64_t lost_frames() const { return lost_frames_; }
  /// The first ranges of them.
  const FrameRange& lost(std::size_t index) const { return lost_[index]; }
  std::size_t lost_count() const { return lost_count_; }
  bool Contains(FrameNumber frame) const;

 private:
  std::array<FrameRange, kMostRanges> ranges_{};
  std::array<FrameRange, kMostRanges> lost_{};
  std::size_t count_ = 0;
  std::size_t lost_count_ = 0;
  std::uint64_t lost_frames_ = 0;
};

/// Hands out frames of regions, from their start on. Externally synchronized; for one thread while
/// the simulated kernel starts.
class EarlyTables final : public ptable::PtpSource {
 public:
  explicit EarlyTables(SimRam& ram) : ram_(ram) {}
  EarlyTables(const EarlyTables&) = delete;
  EarlyTables& operator=(const EarlyTables&) = delete;

  /// Lets tables be taken from `region`, whole pageblocks. One is expected; each one more counts as
  /// a complaint, and what was left of the one before is given up.
  void UseRegion(BlockRange region);

  std::optional<PhysAddr> Allocate() override;
  /// Nothing is given back so early. Dies with Violation::kAssertion.
  void Free(PhysAddr table) override;

  /// What has been handed out and is not protected yet.
  UnprotectedRanges& unprotected() { return unprotected_; }
  /// What has not been handed out: the end of the region.
  FrameRange rest() const { return FrameRange{next_, region_.frames().end() - next_}; }
  BlockRange region() const { return region_; }
  std::uint64_t tables() const { return tables_; }
  /// How many regions there were beyond the one that is expected.
  std::uint64_t surplus_regions() const { return surplus_regions_; }

 private:
  SimRam& ram_;
  BlockRange region_;
  FrameNumber next_;
  UnprotectedRanges unprotected_;
  std::uint64_t tables_ = 0;
  std::uint64_t surplus_regions_ = 0;
};

}  // namespace pageward::sim
