// What the owner of runs needs from below: frames that can be touched, and frames that can't.
#pragma once

#include <cstdint>

#include "runtime/core/address.h"
#include "runtime/core/result.h"
#include "runtime/core/units.h"

namespace pageward::space {

/// Which pages back the blocks of a part of the zone. Runs that fill whole pageblocks want huge
/// pages; small runs would pay for 2 MiB with the first byte.
enum class Backing : std::uint8_t { kSmallPages, kHugePages };

/// How far freed frames got out of reach.
enum class Gone : std::uint8_t {
  kUnreachable,  ///< Pages given back; touching them faults.
  kPurged,       ///< Pages given back, but the range reads as zero: a budget or the kernel's age.
  kKept,         ///< The system keeps the pages (locked memory); they were overwritten with zeros.
};

/// A zone's frames as memory. Thread-safe; a range belongs to the caller while a call is under way.
///
/// Which means put frames out of reach is the implementation's business. Never allocates.
class AddressSpace {
 public:
  /// Adds at least `blocks` pageblocks to the zone, naturally aligned if that is a power of two of
  /// up to 1 GiB, and returns which. They are not usable yet.
  /// Errors: kNoAddressSpace (the zone is at its end), kNoMemory, kTooManyMappings.
  virtual Result<BlockRange> Grow(Backing backing, std::uint32_t blocks) = 0;

  /// Lets `range`, which is fresh from Grow() or gone, be touched; it reads as zero.
  /// Errors: kNoMemory, kTooManyMappings; the range is still gone then.
  virtual Status MakeUsable(FrameRange range) = 0;

  /// Gives the pages of `range` back and puts it out of reach as far as possible. Never fails:
  /// the least that it reaches is memory that reads as zero when it is used again.
  virtual Gone MakeGone(FrameRange range) = 0;

 protected:
  ~AddressSpace() = default;
};

}  // namespace pageward::space
