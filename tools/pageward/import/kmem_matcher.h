// Makes sense of page events in their order: what was allocated, what that free belongs to, and
// what does not go together because the trace began late or lost something.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/pageward/import/kmem_line.h"
#include "tools/pageward/import/page_ledger.h"

namespace pageward::tool {

/// What the events of a trace came to.
struct KmemCounts {
  std::uint64_t allocations = 0;
  std::uint64_t allocated_pages = 0;
  std::uint64_t failed_allocations = 0;  ///< Of the traced kernel.
  std::uint64_t frees = 0;
  std::uint64_t partial_frees = 0;    ///< Of a part of what was one block, which is split then.
  std::uint64_t unmatched_frees = 0;  ///< Of pages that nobody had seen allocated.
  std::uint64_t oversized_frees = 0;  ///< Of more than one block that was there.
  std::uint64_t repeated_frees = 0;   ///< A batch told of a page that is free already, or first.
  std::uint64_t reallocations = 0;    ///< Of pages that had not been seen freed.
  std::uint64_t misaligned = 0;       ///< No multiple of their size: ignored.
  std::uint64_t fallbacks = 0;
  std::uint64_t fragmenting_fallbacks = 0;
  std::uint64_t ownership_changes = 0;
  std::uint64_t events_without_cpu = 0;
  std::uint64_t numeric_flags = 0;
  std::uint64_t unknown_flags = 0;
  std::uint64_t peak_pages = 0;  ///< Held at one time.
  unsigned cpus = 0;             ///< One more than the highest.

  friend bool operator==(const KmemCounts&, const KmemCounts&) = default;
};

/// Is told what happens to blocks.
class BlockKeeper {
 public:
  /// Allocates a block; says in `block` where it is.
  virtual void Allocate(const KmemEvent& event, HeldBlock* block) = 0;
  /// A block becomes two of half the size. Returns whether it could.
  virtual bool Split(const HeldBlock& block) = 0;
  /// `block` is given back, on the processor of `event`.
  virtual void Free(const KmemEvent& event, const HeldBlock& block) = 0;

 protected:
  ~BlockKeeper() = default;
};

/// Matches frees with allocations. Never refuses an event: what fits nowhere is counted.
class KmemMatcher {
 public:
  explicit KmemMatcher(BlockKeeper& keeper) : keeper_(keeper) {}
  KmemMatcher(const KmemMatcher&) = delete;
  KmemMatcher& operator=(const KmemMatcher&) = delete;

  void Take(const KmemEvent& event);

  const KmemCounts& counts() const { return counts_; }
  const PageLedger& ledger() const { return ledger_; }

 private:
  void TakeAllocation(const KmemEvent& event);
  void TakeFree(const KmemEvent& event);
  void TakeBatchedFree(const KmemEvent& event);
  // Gives up what is known of the pages of `event`; returns whether there was anything.
  bool DropWithin(const KmemEvent& event);
  // Splits `block` until the piece at `pfn` has `order`, and returns that, or nothing if it can't
  // be split so far.
  std::optional<HeldBlock> Narrow(HeldBlock block, std::uint64_t pfn, unsigned order);
  void FreePart(const KmemEvent& event, const HeldBlock& block, unsigned order);
  void Free(const KmemEvent& event, const HeldBlock& block);

  BlockKeeper& keeper_;
  PageLedger ledger_;
  KmemCounts counts_;
};

/// Keeps nothing: for looking at a trace before it is replayed.
class NoKeeper final : public BlockKeeper {
 public:
  void Allocate(const KmemEvent&, HeldBlock*) override {}
  bool Split(const HeldBlock&) override { return true; }
  void Free(const KmemEvent&, const HeldBlock&) override {}
};

}  // namespace pageward::tool
