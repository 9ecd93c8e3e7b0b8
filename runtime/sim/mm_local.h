// The mm-local region of a process: one entry of its top table, with the segments (LDT) at the
// start and a place for the views of each processor behind.
//
// Views of a processor are private to it by their key: the entries are in a table that every
// processor of the process walks, but whoever has no view open has the key closed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/result.h"
#include "runtime/ptable/mapper.h"
#include "runtime/sim/direct_map.h"
#include "runtime/sim/kernel.h"
#include "runtime/space/mermap_region.h"
#include "runtime/space/prepared_once.h"

namespace pageward::sim {

class UserRoot;

/// The region of one process.
class MmLocal {
 public:
  static constexpr std::uint32_t kPagesPerCpu =
      static_cast<std::uint32_t>(kMermapBytesPerCpu >> kFrameBytesLog2);
  static constexpr std::uint32_t kLdtPages = 16;

  struct Memory {
    std::span<std::byte> cpus;       ///< The views of each processor.
    std::span<std::uint32_t> shown;  ///< A word for each page of them.

    static Memory CarveFrom(Carver& carver, std::uint32_t cpus);
  };

  /// Requires: everything outlives the region, which belongs to a process with `root` and `pcid`.
  MmLocal(Kernel& kernel, const Memory& memory, PhysAddr root, arch::Pcid pcid,
          ptable::PtpSource& tables);
  MmLocal(const MmLocal&) = delete;
  MmLocal& operator=(const MmLocal&) = delete;

  // --- Views ----------------------------------------------------------------------------------

  /// Makes the tables for the views of every processor, so that getting one never allocates.
  /// Errors: kNoMemory; then nothing is ready.
  Status PrepareViews();
  bool HasViews() const { return views_ready_.IsReady(); }
  std::uint64_t preparations() const { return preparations_; }
  /// The views of a processor. Before PrepareViews() they refuse everything.
  space::MermapRegion& views(std::uint32_t cpu);
  /// Flushes the stale views of `frames` on every processor that has some, once each; returns how
  /// many had. Requires: no processor is getting or putting one meanwhile.
  std::uint32_t FlushStaleViews(FrameRange frames);
  /// Whether a stale view of this process shows one of `frames`.
  bool ShowsStale(FrameRange frames);

  // --- Segments -------------------------------------------------------------------------------

  /// Shows `frames` as the LDT: to the kernel, and to user code in its own root if there is one.
  /// Errors: kInUse if there is one, kInvalid if it is too long, kNoMemory.
  Status SetLdt(FrameRange frames, UserRoot* user_root);
  void ClearLdt(UserRoot* user_root);
  bool HasLdt() const { return !ldt_.IsEmpty(); }

  /// Gives all tables of the region back; reports each view that is live and returns how many.
  std::size_t TearDown(UserRoot* user_root);

  KernelTable& table() { return table_; }

 private:
  // What the rules of views need of this process and one processor.
  class CpuViews;

  CpuViews& ViewsOf(std::uint32_t cpu);
  ptable::ShootdownTarget FlushOf(ptable::CpuSet cpus) const;

  Kernel& kernel_;
  const PhysAddr root_;
  const arch::Pcid pcid_;
  ptable::PtpSource& tables_;
  KernelTable table_;
  CpuViews* cpus_ = nullptr;
  space::PreparedOnce views_ready_{LockRank::kSimulatedViews};
  std::uint64_t preparations_ = 0;
  FrameRange ldt_;
};

}  // namespace pageward::sim
