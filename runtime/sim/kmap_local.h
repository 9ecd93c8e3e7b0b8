// The older way to show the kernel a frame for a moment: a few pages for each processor in the
// kernel's own table (kmap_local_page).
//
// Every processor walks that table, so every processor can reach what one has mapped; and the place
// is used again at once, so each unmap flushes. What is put must be what was mapped last.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/sim/kernel.h"

namespace pageward::sim {

/// The temporary mappings of all processors. Each processor uses its own.
class KmapLocal {
 public:
  /// KM_MAX_IDX of Linux, without guard pages.
  static constexpr std::uint32_t kSlots = 16;

  explicit KmapLocal(Kernel& kernel) : kernel_(kernel) {}
  KmapLocal(const KmapLocal&) = delete;
  KmapLocal& operator=(const KmapLocal&) = delete;

  /// Makes the tables, once, before anything else. Errors: kNoMemory.
  Status Prepare();

  /// Maps a frame for the current processor. Errors: kInUse if it has mapped as many as it can.
  Result<VirtAddr> Map(FrameNumber frame);
  /// Unmaps what the current processor mapped last, and makes it forget.
  ///
  /// Dies with Violation::kAssertion if that is not `at`.
  void Unmap(VirtAddr at);

  std::uint32_t used(std::uint32_t cpu) const { return used_[cpu]; }

 private:
  static VirtAddr AddressOf(std::uint32_t cpu, std::uint32_t slot) {
    return kKmapRange.begin + (std::uint64_t{cpu} * kSlots + slot) * kFrameBytes;
  }

  Kernel& kernel_;
  std::array<std::uint8_t, ptable::CpuSet::kMaxCpus> used_{};
};

}  // namespace pageward::sim
