// The addresses of a zone and of everything that is kept about it, in one reservation.
//
// A zone is a large range of addresses, 1 TiB by default, of which a small part is in use. What is
// known about its frames lives in tables that are parallel to it: so many bytes for each pageblock.
// Zone and tables are reserved together, so that they shrink together where the system grants less,
// and a part of the tables becomes usable with the pageblocks that it describes. Nothing but the
// reservation is ever charged to the process, also under strict overcommit accounting.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/address.h"
#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/os/os.h"

namespace pageward::space {

/// A range for frames and up to kMaxTables tables beside it.
///
/// The tables lie below the frames, apart from each other and from the frames by at least kGapBytes
/// that nobody can write, so that running off the end of one faults. A table reads as zero where it
/// is not in use yet, so that a number may be looked up whatever it is.
///
/// Externally synchronized, but for the accessors.
class ZoneReservation {
 public:
  static constexpr unsigned kMaxTables = 12;
  static constexpr std::uint64_t kGapBytes = kPageblockBytes;

  /// An empty reservation.
  constexpr ZoneReservation() = default;

  /// Reserves the largest zone that the system grants: `most_bytes`, or a half, a quarter and so
  /// on, but not less than `least_bytes` (all powers of two of at least a pageblock).
  ///
  /// `table_bytes` says for each table how many bytes it has for a pageblock; one of none is empty.
  /// Errors: kNoAddressSpace.
  static Result<ZoneReservation> Make(os::Os& os, std::uint64_t most_bytes,
                                      std::uint64_t least_bytes,
                                      std::span<const std::uint32_t> table_bytes);

  VirtRange frames() const { return frames_; }
  std::uint32_t block_count() const {
    return static_cast<std::uint32_t>(frames_.bytes >> kPageblockBytesLog2);
  }
  VirtRange table(unsigned index) const { return tables_[index]; }
  /// Everything, gaps included.
  VirtRange whole() const { return whole_; }

  /// Makes the parts of all tables that describe `blocks` writable; they are zero where nothing has
  /// been written yet. May be called again for blocks that share pages of a table.
  /// Errors: kNoMemory, kTooManyMappings. Parts that became usable stay so.
  Status CommitTables(os::Os& os, BlockRange blocks);

  /// Gives the tables [first, end) `key`, which they keep from then on, also where they become
  /// writable later: a change of protection alone leaves the key as it is, so that growing needs no
  /// system call about keys. Requires: no table has been committed.
  /// Errors: kNoMemory, kTooManyMappings.
  Status CloseTables(os::Os& os, unsigned first, unsigned end, arch::Pkey key);

  /// Makes the closed tables [first, end) writable as a whole, which costs no memory, and then
  /// unchangeable. CommitTables() leaves them alone from then on.
  /// Requires: CloseTables() for the same. Errors: as CloseTables(), and those of Os::Seal(). The
  /// tables are usable then, and may be sealed.
  Status SealTables(os::Os& os, unsigned first, unsigned end);

  /// Returns how many bytes of the tables [first, end) are usable after CommitTables() for the
  /// blocks [0, low) and [high, block_count()).
  std::uint64_t CommittedBytes(unsigned first, unsigned end, std::uint32_t low,
                               std::uint32_t high) const;

 private:
  VirtRange PagesFor(unsigned table, BlockRange blocks) const;
  // With the gaps between them.
  VirtRange RangeOf(unsigned first, unsigned end) const {
    return VirtRange{tables_[first].begin, tables_[end - 1].end() - tables_[first].begin};
  }

  VirtRange whole_;
  VirtRange frames_;
  VirtRange tables_[kMaxTables] = {};
  std::uint32_t table_bytes_[kMaxTables] = {};
  unsigned table_count_ = 0;
  // The tables that are writable as a whole.
  unsigned whole_begin_ = 0;
  unsigned whole_end_ = 0;
};

}  // namespace pageward::space
