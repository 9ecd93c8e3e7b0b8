// A page allocator with fakes around it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/fake_converter.h"
#include "tests/support/frame/fake_leaf_source.h"

namespace pageward::testing_support {

/// A compactor that does what the test says, and counts.
class FakeCompactor final : public frame::BlockCompactor {
 public:
  bool MakeFreeBlock(Order order) override {
    {
      std::lock_guard lock(mutex_);
      orders_.push_back(order);
    }
    return action_ && action_(order);
  }

  void set_action(std::function<bool(Order)> action) { action_ = std::move(action); }
  std::vector<Order> orders() const {
    std::lock_guard lock(mutex_);
    return orders_;
  }

 private:
  mutable std::mutex mutex_;
  std::function<bool(Order)> action_;
  std::vector<Order> orders_;
};

/// A zone of `blocks` pageblocks, all of them added unless the test wants to do that itself.
class TestZone {
 public:
  enum class Start : std::uint8_t { kAllBlocks, kNoBlocks };

  explicit TestZone(std::uint32_t blocks, Start start = Start::kAllBlocks)
      : records_(blocks),
        converter_(blocks),
        allocator_(records_, {leaves_, converter_, &compactor_}) {
    if (start == Start::kAllBlocks) {
      allocator_.AddBlocks(BlockRange{BlockNumber(0), blocks});
    }
  }

  frame::PageAllocator& allocator() { return allocator_; }
  FakeLeafSource& leaves() { return leaves_; }
  FakeConverter& converter() { return converter_; }
  FakeCompactor& compactor() { return compactor_; }
  /// The memory of the frame table, to be corrupted.
  std::vector<frame::BlockRecord>& records() { return records_; }

  /// Calls `action()` while the zone's lock is held, as by another thread.
  template <typename Action>
  void WhileLocked(Action action) PW_NO_THREAD_SAFETY_ANALYSIS {
    allocator_.LockForFork();
    action();
    allocator_.UnlockAfterFork();
  }

  /// Frees every run that there is, whoever allocated it.
  void FreeAllRuns() {
    for (FrameNumber frame; frame.block().value < records_.size();) {
      const auto report = allocator_.Describe(frame);
      if (report && report->state == frame::FrameState::kRun) {
        allocator_.FreeRun(report->piece);
      }
      frame = report ? report->piece.end() : frame + FrameCount(1);
    }
  }

  frame::Freetype TypeOf(FrameNumber frame) const {
    return allocator_.FlagsOf(frame.block()).freetype();
  }

 private:
  std::vector<frame::BlockRecord> records_;
  FakeLeafSource leaves_;
  FakeConverter converter_;
  FakeCompactor compactor_;
  frame::PageAllocator allocator_;
};

/// Attaches thread lists for a scope.
class AttachedLists {
 public:
  explicit AttachedLists(frame::PageAllocator& allocator) : allocator_(allocator) {
    allocator_.Attach(lists_);
  }
  ~AttachedLists() { allocator_.Detach(lists_); }
  AttachedLists(const AttachedLists&) = delete;
  AttachedLists& operator=(const AttachedLists&) = delete;

  frame::ThreadLists& operator*() { return lists_; }

 private:
  frame::PageAllocator& allocator_;
  frame::ThreadLists lists_;
};

}  // namespace pageward::testing_support
