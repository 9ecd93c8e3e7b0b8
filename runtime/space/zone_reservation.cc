#include "runtime/space/zone_reservation.h"

#include "runtime/core/bits.h"

namespace pageward::space {
namespace {

std::uint64_t TableBytes(std::uint64_t zone_bytes, std::uint32_t bytes_for_block) {
  const std::uint64_t bytes = (zone_bytes >> kPageblockBytesLog2) * bytes_for_block;
  return AlignUp(bytes, std::uint64_t{kPageblockBytes});
}

}  // namespace

Result<ZoneReservation> ZoneReservation::Make(os::Os& os, std::uint64_t most_bytes,
                                              std::uint64_t least_bytes,
                                              std::span<const std::uint32_t> table_bytes) {
  PW_ASSERT(IsPowerOfTwo(most_bytes) && IsPowerOfTwo(least_bytes) && least_bytes <= most_bytes);
  PW_ASSERT(least_bytes >= kPageblockBytes && table_bytes.size() <= kMaxTables);
  for (std::uint64_t zone_bytes = most_bytes; zone_bytes >= least_bytes; zone_bytes /= 2) {
    std::uint64_t total = zone_bytes + kGapBytes;
    for (const std::uint32_t bytes : table_bytes) {
      total += TableBytes(zone_bytes, bytes) + kGapBytes;
    }
    // The frames must lie on a multiple of the largest order for runs to be aligned in memory as
    // they are in numbers; a zone smaller than that order is aligned to its own size.
    const std::uint64_t alignment =
        zone_bytes < kMaxOrder.frames().bytes() ? zone_bytes : kMaxOrder.frames().bytes();
    const Result<VirtRange> reserved = os.Reserve(total + alignment, kPageblockBytes);
    if (!reserved.ok()) {
      continue;
    }
    ZoneReservation made;
    made.whole_ = *reserved;
    VirtAddr next = reserved->begin + kGapBytes;
    for (const std::uint32_t bytes : table_bytes) {
      made.tables_[made.table_count_] = VirtRange{next, TableBytes(zone_bytes, bytes)};
      made.table_bytes_[made.table_count_++] = bytes;
      next = next + TableBytes(zone_bytes, bytes) + kGapBytes;
    }
    made.frames_ = VirtRange{VirtAddr(AlignUp(next.value(), alignment)), zone_bytes};
    PW_ASSERT(made.frames_.end() <= reserved->end());
    // Readable and private: zero pages, which are not charged to anybody.
    const VirtRange tables{reserved->begin, next - kGapBytes - reserved->begin};
    if (const Status status = os.Protect(tables, os::Protection::kRead); !status.ok()) {
      static_cast<void>(os.Unmap(*reserved));
      return status.error();
    }
    return made;
  }
  return Error::kNoAddressSpace;
}

// The whole pages of a table that describe `blocks`.
VirtRange ZoneReservation::PagesFor(unsigned table, BlockRange blocks) const {
  const std::uint64_t bytes = table_bytes_[table];
  const VirtAddr start = tables_[table].begin;
  if (blocks.count == 0) {
    return VirtRange{start, 0};
  }
  const VirtAddr begin(AlignDown((start + bytes * blocks.begin.value).value(), kFrameBytes));
  const VirtAddr end(AlignUp((start + bytes * blocks.end().value).value(), kFrameBytes));
  return VirtRange{begin, end - begin};
}

Status ZoneReservation::CommitTables(os::Os& os, BlockRange blocks) {
  PW_ASSERT(blocks.count > 0 && blocks.end().value <= block_count());
  for (unsigned i = 0; i < table_count_; ++i) {
    if (i >= whole_begin_ && i < whole_end_) {
      continue;
    }
    const VirtRange pages = PagesFor(i, blocks);
    const Status status =
        pages.bytes == 0 ? Status() : os.Protect(pages, os::Protection::kReadWrite);
    if (!status.ok()) {
      return status;
    }
  }
  return Status();
}

Status ZoneReservation::CloseTables(os::Os& os, unsigned first, unsigned end, arch::Pkey key) {
  PW_ASSERT(first < end && end <= table_count_);
  // One change of one mapping.
  return os.ProtectWithKey(RangeOf(first, end), os::Protection::kRead, key);
}

Status ZoneReservation::SealTables(os::Os& os, unsigned first, unsigned end) {
  PW_ASSERT(first < end && end <= table_count_);
  // Small pages: where the system backs all that it can with huge ones, a few records would cost
  // two megabytes in each table.
  static_cast<void>(os.Advise(RangeOf(first, end), os::HugePages::kNever));
  for (unsigned i = first; i < end; ++i) {
    const Status usable =
        tables_[i].bytes == 0 ? Status() : os.Protect(tables_[i], os::Protection::kReadWrite);
    if (!usable.ok()) {
      return usable;
    }
  }
  whole_begin_ = first;
  whole_end_ = end;
  return os.Seal(RangeOf(first, end));
}

std::uint64_t ZoneReservation::CommittedBytes(unsigned first, unsigned end, std::uint32_t low,
                                              std::uint32_t high) const {
  std::uint64_t bytes = 0;
  for (unsigned i = first; i < end; ++i) {
    const VirtRange below = PagesFor(i, BlockRange{BlockNumber(0), low});
    const VirtRange above = PagesFor(i, BlockRange{BlockNumber(high), block_count() - high});
    bytes += below.bytes + above.bytes;
    if (below.bytes > 0 && above.bytes > 0 && above.begin < below.end()) {
      bytes -= below.end() - above.begin;  // A page that describes blocks of both.
    }
  }
  return bytes;
}

}  // namespace pageward::space
