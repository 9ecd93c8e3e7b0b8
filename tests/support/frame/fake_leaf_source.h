// A source of leaves that can run out and knows what is outside.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/frame/frame_table.h"

namespace pageward::testing_support {

class FakeLeafSource final : public frame::LeafSource {
 public:
  /// Lets requests fail after `leaves` more.
  void FailAfter(std::uint32_t leaves);
  void StopFailing();

  /// The leaves that were handed out and not given back.
  std::size_t outside() const;
  std::uint32_t requests() const;
  bool Has(BlockNumber block) const;

  frame::FrameLeaf* Allocate(BlockNumber block) override;
  /// Throws if the leaf is not that of `block` or is not zero.
  void Free(BlockNumber block, frame::FrameLeaf* leaf) override;

 private:
  mutable std::mutex mutex_;
  std::map<BlockNumber, std::unique_ptr<frame::FrameLeaf>> leaves_;
  // Kept, because the table may be read without a lock.
  std::vector<std::unique_ptr<frame::FrameLeaf>> retired_;
  std::optional<std::uint32_t> left_;
  std::uint32_t requests_ = 0;
};

}  // namespace pageward::testing_support
