// Leaves of a frame table from the ordinary heap, for programs that measure.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/frame/frame_table.h"

namespace pageward::bench {

class Leaves final : public frame::LeafSource {
 public:
  explicit Leaves(std::uint32_t blocks) : leaves_(blocks) {}
  frame::FrameLeaf* Allocate(BlockNumber block) override {
    leaves_[block.value] = std::make_unique<frame::FrameLeaf>();
    return leaves_[block.value].get();
  }
  void Free(BlockNumber, frame::FrameLeaf*) override {}

 private:
  std::vector<std::unique_ptr<frame::FrameLeaf>> leaves_;
};

}  // namespace pageward::bench
