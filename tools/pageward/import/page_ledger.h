// Which blocks of the traced kernel are allocated, and where each is in the simulated one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "runtime/core/units.h"
#include "tools/pageward/import/kmem_line.h"

namespace pageward::tool {

/// What became of an allocation in the simulated kernel.
enum class BlockPlace : std::uint8_t {
  kMapped,
  kHidden,
  kNowhere,  ///< It could not be had there.
};

/// A block of the traced kernel: 2^order pages from `pfn` on, a multiple of that.
struct HeldBlock {
  std::uint64_t pfn = 0;
  unsigned order = 0;
  BlockPlace place = BlockPlace::kNowhere;
  FrameNumber frame{};  ///< Where it begins in the simulated kernel.

  std::uint64_t pages() const { return std::uint64_t{1} << order; }

  friend bool operator==(const HeldBlock&, const HeldBlock&) = default;
};

/// Blocks by page number. Takes 8 bytes for each page of a pageblock that has a block in it.
class PageLedger {
 public:
  PageLedger() = default;
  PageLedger(const PageLedger&) = delete;
  PageLedger& operator=(const PageLedger&) = delete;

  /// Adds a block. Requires: its page number is a multiple of its size, and it overlaps no other.
  void Add(const HeldBlock& block);
  /// Removes the block that begins at `pfn`. Requires: there is one.
  void Remove(std::uint64_t pfn);

  /// Returns the block that `pfn` is a page of, or nothing.
  std::optional<HeldBlock> Containing(std::uint64_t pfn) const;
  /// Returns the first block that begins in [begin, end), or nothing.
  std::optional<HeldBlock> FirstIn(std::uint64_t begin, std::uint64_t end) const;

  /// Remembers of a page without a block that a batch told of its free; returns whether that was
  /// so already, and forgets it.
  void Mark(std::uint64_t pfn);
  bool TakeMark(std::uint64_t pfn);
  /// Forgets the marks of all pages in [begin, end).
  void ClearMarks(std::uint64_t begin, std::uint64_t end);

  std::uint64_t pages() const { return pages_; }
  std::uint64_t hidden_pages() const { return hidden_pages_; }

 private:
  enum class SlotState : std::uint8_t { kEmpty, kBlock, kMarked };
  struct Slot {
    FrameNumber frame{};
    std::uint8_t order = 0;
    BlockPlace place = BlockPlace::kNowhere;
    SlotState state = SlotState::kEmpty;
  };
  static constexpr unsigned kSlotsLog2 = kPageblockFramesLog2;
  struct Chunk {
    std::array<Slot, std::size_t{1} << kSlotsLog2> slots{};
    unsigned used = 0;
  };

  static std::size_t IndexOf(std::uint64_t pfn) {
    return pfn & ((std::uint64_t{1} << kSlotsLog2) - 1);
  }
  Chunk* Find(std::uint64_t pfn) const;
  Slot& Use(std::uint64_t pfn);
  void Release(std::uint64_t pfn);

  std::unordered_map<std::uint64_t, std::unique_ptr<Chunk>> chunks_;
  std::uint64_t pages_ = 0;
  std::uint64_t hidden_pages_ = 0;
  std::uint64_t marks_ = 0;
  unsigned largest_order_ = 0;  // Of all that have been added.
};

}  // namespace pageward::tool
