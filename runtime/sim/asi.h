// A second kernel table that only has what is not sensitive: address-space isolation (ASI).
//
// Code that is not trusted with everything runs with it; what it must not read is absent there and
// present in the ordinary table. What is present is said frame by frame, so a frame that nobody has
// thought of is sensitive.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/core/result.h"
#include "runtime/ptable/mapper.h"
#include "runtime/sim/kernel.h"

namespace pageward::sim {

/// The restricted table. Follows the direct map in what it has of it.
///
/// Externally synchronized, but for what the direct map tells it, which comes one at a time.
class RestrictedTable final : public DirectMapFollower {
 public:
  /// Of its translations. No process has it.
  static constexpr arch::Pcid kPcid{4095};

  explicit RestrictedTable(Kernel& kernel)
      : kernel_(kernel), tables_(kernel.tables(), kernel.ram(), kKernelAccount) {}
  RestrictedTable(const RestrictedTable&) = delete;
  RestrictedTable& operator=(const RestrictedTable&) = delete;

  /// Makes it, with nothing of RAM in it, and lets it follow the direct map.
  ///
  /// Requires: the direct map is not global, or its translations would serve here as well.
  /// Errors: kNoFrames.
  Status Create();
  /// Gives its tables back. Requires: no processor has it loaded.
  void Destroy();

  // --- What it has ----------------------------------------------------------------------------

  /// Makes the tables that opening `frames` takes, where allocating is possible.
  /// Errors: kNoMemory.
  Status Prepare(FrameRange frames);
  /// Lets restricted code reach `frames`, as the direct map has them. Takes no table page if it was
  /// prepared; allocates nothing in any case but from `tables`.
  /// Errors: kNoMemory; kInUse if one of them is open.
  Status Open(FrameRange frames, ptable::PtpSource& tables);
  /// Takes frames out again, and makes every processor forget them.
  void Close(FrameRange frames);
  bool IsOpen(FrameNumber frame) const;

  // --- Running with it ------------------------------------------------------------------------

  /// Lets the current processor run with it, and with its task's own table again. Nothing is
  /// flushed: the two have PCIDs of their own.
  void Enter();
  void Leave();
  bool IsEntered() const;

  KernelTable& table() { return *table_; }

  // DirectMapFollower
  Status Change(FrameRange frames, const ptable::PermissionChange& change) override;
  void Flush(FrameRange frames) override;

 private:
  VirtRange AddressesOf(FrameRange frames) const {
    return kernel_.direct_map().AddressesOf(frames);
  }
  ptable::ShootdownTarget Everybody() const {
    return ptable::ShootdownTarget{kernel_.machine().AllCpus(), ptable::CpuNumber(0),
                                   ptable::ShootdownScope::kOnePcid, kPcid};
  }

  Kernel& kernel_;
  AccountedTables tables_;
  std::optional<KernelTable> table_;
};

}  // namespace pageward::sim
