// A set of live blocks in which a program replaces one at random, again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/workload/support.h"

namespace pageward::workload {

/// Blocks of which a random one is freed and replaced at each step.
///
/// Externally synchronized; may be handed from thread to thread.
class LiveSet {
 public:
  LiveSet() = default;
  LiveSet(const LiveSet&) = delete;
  LiveSet& operator=(const LiveSet&) = delete;

  /// Fills the set up to `count` blocks of sizes that `next_size(prng)` returns.
  template <typename NextSize>
  void Fill(std::size_t count, Prng& prng, NextSize next_size) {
    blocks_.reserve(count);
    while (blocks_.size() < count) {
      const std::size_t size_bytes = next_size(prng);
      blocks_.push_back(AllocateBlock(size_bytes, prng.Next()));
    }
  }

  /// Replaces `count` random blocks, one after the other.
  template <typename NextSize>
  void Replace(std::uint64_t count, Prng& prng, NextSize next_size) {
    for (std::uint64_t step = 0; step < count; ++step) {
      Block& block = blocks_[prng.Below(blocks_.size())];
      checksum_ += FreeBlock(block);
      const std::size_t size_bytes = next_size(prng);
      block = AllocateBlock(size_bytes, prng.Next());
    }
  }

  /// Frees all blocks and returns the checksum of everything that was freed.
  [[nodiscard]] std::uint64_t Clear() {
    for (const Block& block : blocks_) {
      checksum_ += FreeBlock(block);
    }
    blocks_.clear();
    return checksum_;
  }

 private:
  std::vector<Block> blocks_;
  std::uint64_t checksum_ = 0;
};

}  // namespace pageward::workload
