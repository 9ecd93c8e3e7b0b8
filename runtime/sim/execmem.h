// Memory for code that is loaded at run time: pageblocks that are readable and executable as a
// whole, carved up and filled with instructions that trap where nobody's code is.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/core/result.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/kmap_local.h"

namespace pageward::sim {

/// A cache of code memory. For one thread at a time.
///
/// Code is written through a temporary window, so that its own mapping is never writable and stays
/// one large leaf. While a block is in the cache, it is absent from the direct map.
///
/// Invariants, checked by CheckInvariants():
///   X1  a block is mapped readable and executable by one large leaf, and absent from the direct
///   map X2  pages that are nobody's hold traps, but for those that could not be filled yet
class ExecmemCache {
 public:
  static constexpr std::size_t kMostBlocks = 8;
  /// What memory without code is full of.
  static constexpr FillTag kTrap{0xcc};

  ExecmemCache(Kernel& kernel, KmapLocal& windows) : kernel_(kernel), windows_(windows) {}
  ExecmemCache(const ExecmemCache&) = delete;
  ExecmemCache& operator=(const ExecmemCache&) = delete;

  /// Returns room for code: the first that fits, in whole pages, of at most a pageblock.
  /// Errors: kNoFrames, kInvalid, kLimit; what changing the direct map failed with.
  Result<VirtRange> Allocate(std::uint64_t bytes);

  /// Writes code to a page of what Allocate() returned. Errors: kInvalid; as KmapLocal::Map().
  Status Write(VirtAddr at, FillTag code);

  /// Takes room back. If it cannot be filled with traps now it stays taken and is tried again by
  /// RetryReturns(). Errors: kInvalid if it is not what was allocated.
  Status Free(VirtRange range);

  /// Tries the returns that failed; returns how many pages have been taken back. What a timer does.
  std::uint32_t RetryReturns();

  std::uint32_t pending_pages() const;
  std::uint32_t used_pages() const;
  std::size_t block_count() const;
  std::optional<FrameNumber> FrameAt(VirtAddr at) const;

  void CheckInvariants() const;

 private:
  enum class PageState : std::uint8_t { kFree, kUsed, kPending };

  struct Block {
    std::optional<FrameNumber> first;
    std::array<PageState, kPageblockFrames> pages{};
  };

  static VirtAddr AddressOf(std::size_t block) { return kExecmem.begin + block * kPageblockBytes; }
  VirtRange RangeOf(std::size_t block) const {
    return VirtRange{AddressOf(block), kPageblockBytes};
  }
  std::optional<std::size_t> BlockAt(VirtAddr at) const;
  Status AddBlock(std::size_t block);
  void RemoveBlock(std::size_t block);
  std::optional<std::uint32_t> FindRoom(const Block& block, std::uint32_t pages) const;
  std::optional<VirtRange> TakeRoom(std::size_t block, std::uint32_t pages);
  bool TryFill(std::size_t block, std::uint32_t page);
  void RemoveIfFree(std::size_t block);

  Kernel& kernel_;
  KmapLocal& windows_;
  std::array<Block, kMostBlocks> blocks_{};
};

}  // namespace pageward::sim
