#include "tests/support/frame/fake_leaf_source.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace pageward::testing_support {

void FakeLeafSource::FailAfter(std::uint32_t leaves) {
  std::lock_guard lock(mutex_);
  left_ = leaves;
}

void FakeLeafSource::StopFailing() {
  std::lock_guard lock(mutex_);
  left_.reset();
}

std::size_t FakeLeafSource::outside() const {
  std::lock_guard lock(mutex_);
  return leaves_.size();
}

std::uint32_t FakeLeafSource::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

bool FakeLeafSource::Has(BlockNumber block) const {
  std::lock_guard lock(mutex_);
  return leaves_.contains(block);
}

frame::FrameLeaf* FakeLeafSource::Allocate(BlockNumber block) {
  std::lock_guard lock(mutex_);
  ++requests_;
  if (left_.has_value()) {
    if (*left_ == 0) {
      return nullptr;
    }
    --*left_;
  }
  auto& leaf = leaves_[block];
  if (leaf != nullptr) {
    throw std::logic_error("a second leaf for one block");
  }
  leaf = std::make_unique<frame::FrameLeaf>();
  return leaf.get();
}

void FakeLeafSource::Free(BlockNumber block, frame::FrameLeaf* leaf) {
  std::lock_guard lock(mutex_);
  const auto found = leaves_.find(block);
  if (found == leaves_.end() || found->second.get() != leaf) {
    throw std::logic_error("a leaf of another block");
  }
  if (!std::all_of(std::begin(leaf->records), std::end(leaf->records),
                   [](std::uint64_t record) { return record == 0; })) {
    throw std::logic_error("a leaf that is still in use");
  }
  retired_.push_back(std::move(found->second));
  leaves_.erase(found);
}

}  // namespace pageward::testing_support
