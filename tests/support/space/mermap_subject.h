// What the conformance suite of ephemeral views needs to know of an implementation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/space/mermap_region.h"

namespace pageward::testing_support {

/// Ephemeral views over something, as one CPU or thread of a process sees them. Every view it makes
/// lives until it is put; frame 0 and those up to frames() may be shown, and each holds a word of
/// its own.
class MermapSubject {
 public:
  virtual ~MermapSubject() = default;

  // --- Preparation ----------------------------------------------------------------------------
  virtual Status Prepare() = 0;
  /// Lets the next preparation fail for want of memory.
  virtual void FailNextPreparation() = 0;
  /// How often the tables have been made.
  virtual std::uint64_t preparations() = 0;

  // --- This CPU or thread ---------------------------------------------------------------------
  virtual space::MermapRegion& region() = 0;
  virtual space::StaleFrames& stale() = 0;
  virtual FrameNumber frame(std::uint32_t index) = 0;
  virtual std::uint64_t ContentOf(FrameNumber frame) = 0;
  /// Lets the next mapping fail when `pages` of it have been written.
  virtual void FailNextMapping(std::uint32_t pages) = 0;
  virtual std::uint64_t pins() = 0;
  virtual std::uint64_t flushes() = 0;
  /// Calls of any allocator.
  virtual std::uint64_t allocations() = 0;
  virtual void EnterInterrupt() = 0;
  virtual void LeaveInterrupt() = 0;

  // --- Reading: what is there, or nothing if the access faults -----------------------------------
  /// With the rights that the caller has now.
  virtual std::optional<std::uint64_t> Read(VirtAddr at) = 0;
  /// With the rights of an open view, whatever the caller's are: through a stale translation, if
  /// there is one.
  virtual std::optional<std::uint64_t> Probe(VirtAddr at) = 0;
  virtual bool Write(VirtAddr at, std::uint64_t word) = 0;
  /// Another CPU or thread of the process, with no view of its own.
  virtual std::optional<std::uint64_t> ReadElsewhere(VirtAddr at) = 0;
  /// Another process.
  virtual std::optional<std::uint64_t> ReadInAnotherSpace(VirtAddr at) = 0;
  /// Whether a view is closed to the rest of the process while it is live.
  virtual bool HasPrivateViews() { return true; }
  /// The rights that are left open anywhere in the process.
  virtual bool IsAnythingOpen() = 0;
};

/// Makes a subject, not yet prepared.
using MermapSubjectFactory = std::unique_ptr<MermapSubject> (*)();

}  // namespace pageward::testing_support
