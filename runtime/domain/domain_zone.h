// The memory of all domains: a zone whose pageblocks are nobody's, or one domain's, and closed
// either way.
//
// A pageblock carries a key while its domain is resident; otherwise it is like a free one. Closed
// is one and the same state for both (the key that nobody opens), so that neighbours share a
// mapping, whoever they belong to. They can share one only if they had a page in common before they
// were first split up, for the sake of the kernel's bookkeeping of anonymous memory: so each piece
// that the zone grows by is touched once, as a whole. Source: is_mergeable_anon_vma() in mm/vma.c
// (Linux 6.12), mm/mmap.c before.
//
// All of it is absent from core dumps and from the children of fork(2), unless a domain says
// otherwise.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/domain/domain.h"
#include "runtime/frame/pageblock_converter.h"
#include "runtime/keys/key_broker.h"
#include "runtime/os/os.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::domain {

/// What is known of one pageblock beside its freetype.
struct BlockLink {
  std::uint32_t next;   ///< Of the same domain: number plus 1, or 0.
  std::uint16_t owner;  ///< Number of the domain plus 1, or 0.
  bool is_locked;
};

/// Frames of domains as memory.
///
/// Externally synchronized.
///
/// Invariants, checked by CheckInvariants():
///   D1  a domain's list has its blocks in the order of their numbers, as many as it says, each
///   with
///       the domain as its owner
///   D2  a block without an owner is in no list and is not locked
class DomainZone final : public frame::PageblockConverter {
 public:
  static constexpr std::uint32_t kLinkBytes = sizeof(BlockLink);  ///< for each pageblock
  /// The zone grows by so many pageblocks at least.
  static constexpr std::uint32_t kLeastGrowthBlocks = 64;

  /// A zone over `reservation`, whose table `links` is its own. `closed` is how pages are that
  /// nobody may touch; `domains` are found by their owner's number minus 1.
  DomainZone(os::Os& os, const space::ZoneReservation& reservation, unsigned links, Rights closed,
             Domain* domains)
      : os_(os),
        reservation_(reservation),
        closed_(closed),
        domains_(domains),
        links_(reservation.table(links).begin.AsPointer<BlockLink>()) {}
  DomainZone(const DomainZone&) = delete;
  DomainZone& operator=(const DomainZone&) = delete;

  VirtRange range() const { return reservation_.frames(); }
  Rights closed() const { return closed_; }
  VirtAddr AddressOf(FrameNumber frame) const {
    return range().begin + (std::uint64_t{frame.value} << kFrameBytesLog2);
  }
  VirtRange AddressesOf(FrameRange frames) const {
    return VirtRange{AddressOf(frames.begin), frames.count.bytes()};
  }
  bool Owns(VirtAddr address) const { return range().Contains(address); }
  FrameNumber FrameAt(VirtAddr address) const {
    return FrameNumber(static_cast<std::uint32_t>((address - range().begin) >> kFrameBytesLog2));
  }

  /// Adds at least `blocks` pageblocks, closed and zero, and returns which.
  /// Errors: kNoAddressSpace, kNoMemory, kTooManyMappings, kUnsupported.
  Result<BlockRange> Grow(std::uint32_t blocks);

  /// Lets all memory of `domain` be reached as `rights` say: one call for each run of its blocks.
  /// An error leaves some of it changed, and what is remembered unchanged.
  Status SetRights(Domain& domain, Rights rights);

  /// Calls `visit(FrameRange)` for each run of the blocks of `domain`.
  template <typename Visit>
  void ForEachRun(const Domain& domain, Visit visit) const;

  /// In a fork child: reserves what the parent's memory has left behind again, closed and empty, so
  /// that nothing else is mapped there. Memory of domains that are kept stays.
  /// Errors: kInUse, if something is there already; as Grow().
  Status ReserveAfterFork();

  /// Returns the number of the domain that `address` belongs to, or nothing. For reports.
  std::optional<std::uint32_t> DomainAt(VirtAddr address) const {
    const std::uint16_t owner = Owns(address) ? links_[FrameAt(address).block().value].owner : 0;
    return owner == 0 ? std::nullopt : std::optional<std::uint32_t>(owner - 1u);
  }

  std::uint64_t rights_changes() const { return rights_changes_; }
  std::uint32_t blocks_in_use() const { return in_use_; }

  // --- frame::PageblockConverter ---------------------------------------------------------------

  bool CanConvert() const override { return true; }
  Status Scrub(BlockRange blocks) override;
  Status SetVisibility(BlockRange blocks, frame::Freetype to) override;
  void RestoreVisibility(BlockRange blocks, frame::Freetype old) override;
  void Flush(BlockRange) override {}  // Every change is a system call, which flushes.

  void CheckInvariants(const Domain& domain) const;

 private:
  VirtRange AddressesOf(BlockRange blocks) const { return AddressesOf(blocks.frames()); }
  Status Apply(VirtRange range, Rights rights);
  Status TouchClosed(VirtRange range);
  Status Prepare(VirtRange range);
  Status MakeOrdinary(VirtRange range, const Options& options);
  Status MakeAsWanted(VirtRange range, const Options& options);
  Status Lock(BlockRange blocks, Domain& domain);
  void Unlock(BlockRange blocks);
  Status Join(BlockRange blocks, Domain& domain);
  Status Leave(BlockRange blocks);
  void Link(BlockRange blocks, Domain& domain);
  void Unlink(BlockRange blocks, Domain& domain);

  os::Os& os_;
  space::ZoneReservation reservation_;
  const Rights closed_;
  Domain* const domains_;
  BlockLink* const links_;
  std::uint32_t in_use_ = 0;  // Blocks [0, in_use_) are there.
  std::uint64_t rights_changes_ = 0;
};

template <typename Visit>
void DomainZone::ForEachRun(const Domain& domain, Visit visit) const {
  std::uint32_t block = domain.memory.first;
  while (block != Memory::kNone) {
    BlockRange run{BlockNumber(block), 1};
    while (links_[run.end().value - 1].next == run.end().value + 1) {
      ++run.count;
    }
    const std::uint32_t next = links_[run.end().value - 1].next;
    visit(run);
    block = next == 0 ? Memory::kNone : next - 1;
  }
}

}  // namespace pageward::domain
