// Objects of domains: small ones in slabs by size class, large ones in runs of their own.
//
// What is known about an object lies beside the zone, never in it or in front of the object: the
// heap decides without touching what it hands out, and it hands out what is zero already. A slab
// belongs to one domain, so no address ever passes from one domain to another but by way of a
// conversion, which takes the contents.
#pragma once

#include <cstdint>

#include "runtime/domain/domain.h"
#include "runtime/domain/domain_zone.h"
#include "runtime/domain/run_record.h"
#include "runtime/frame/page_allocator.h"

namespace pageward::domain {

/// What a pointer turned out to be.
enum class PointerKind : std::uint8_t {
  kLive,
  kFreed,     ///< Where an object was.
  kInterior,  ///< Into an object, not to its start.
  kForeign,   ///< Nowhere.
};

/// A pointer's object.
struct Located {
  PointerKind kind = PointerKind::kForeign;
  std::uint16_t owner = 0;  ///< Number of the domain plus 1; 0 if it is nobody's.
  VirtRange object;         ///< If it is live.
  FrameRange run;
};

/// The objects of all domains of one zone.
///
/// Externally synchronized. Never touches objects.
///
/// Invariants, checked by CheckInvariants():
///   D3  each slab on a list has the domain and the class of the list, some objects and some room
///   D4  the live objects of a slab are as many as its record counts
class DomainHeap {
 public:
  /// Larger alignments are not to be had.
  static constexpr std::uint64_t kMostAlignment = kMaxOrder.frames().bytes();

  /// `records` has a record for each frame of `zone`, and is zero.
  DomainHeap(DomainZone& zone, frame::PageAllocator& frames, RunRecord* records)
      : zone_(zone), frames_(frames), records_(records) {}
  DomainHeap(const DomainHeap&) = delete;
  DomainHeap& operator=(const DomainHeap&) = delete;

  /// Returns an object of at least `bytes` at a multiple of `alignment`. Its contents are what the
  /// domain left there: zero if it wipes what it frees.
  ///
  /// Errors: kNoAddressSpace, kNoMemory, kTooManyMappings, kLimit.
  ///
  /// Requires: `bytes` is not zero, `alignment` is a power of two of at most kMostAlignment.
  Result<VirtRange> Allocate(Domain& domain, std::uint64_t bytes, std::uint64_t alignment);

  /// Returns what `address` is.
  Located Find(VirtAddr address) const;

  /// Takes an object of `domain` back. Requires: Find() has just said that it is live, and its.
  void Free(Domain& domain, const Located& located);

  /// Returns whether a live object would stay where it is if it were asked for with these.
  bool Fits(const Located& located, std::uint64_t bytes, std::uint64_t alignment) const;

  /// Calls `visit(VirtRange)` for the addresses of each run of `domain`.
  template <typename Visit>
  void ForEachRun(const Domain& domain, Visit visit) const;

  /// Takes everything back that `domain` has.
  void FreeAll(Domain& domain);

  void CheckInvariants(const Domain& domain) const;

 private:
  static bool IsSmall(std::uint64_t bytes, std::uint64_t alignment);
  RunRecord& RecordOf(FrameNumber frame) const { return records_[frame.value]; }
  Result<FrameRange> AllocateRun(Domain& domain, FrameCount frames, Order alignment);
  Result<VirtRange> AllocateSmall(Domain& domain, object::SizeClass size_class);
  Result<VirtRange> AllocateLarge(Domain& domain, std::uint64_t bytes, std::uint64_t alignment);
  Status AddSlab(Domain& domain, object::SizeClass size_class);
  void FreeSmall(Domain& domain, const Located& located);
  void PutSlab(Domain& domain, FrameNumber slab);
  void TakeSlab(Domain& domain, FrameNumber slab);

  DomainZone& zone_;
  frame::PageAllocator& frames_;
  RunRecord* const records_;
};

template <typename Visit>
void DomainHeap::ForEachRun(const Domain& domain, Visit visit) const {
  zone_.ForEachRun(domain, [&](BlockRange blocks) {
    FrameNumber at = blocks.frames().begin;
    while (at < blocks.frames().end()) {
      const auto piece = frames_.Describe(at);
      PW_CHECK(piece.has_value(), Violation::kInvariant, at.value);
      // A run may go on in the next blocks of the domain, but none begins before them.
      if (piece->state == frame::FrameState::kRun && piece->piece.begin == at) {
        visit(piece->piece);
      }
      at = piece->piece.end();
    }
  });
}

}  // namespace pageward::domain
