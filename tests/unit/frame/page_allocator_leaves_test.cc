// How the page allocator gets leaves ready before an operation that may need one.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/fake_converter.h"
#include "tests/support/frame/fake_leaf_source.h"

namespace pageward::frame {
namespace {

using testing_support::FakeConverter;
using testing_support::FakeLeafSource;

constexpr std::uint32_t kBlocks = 8;
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr FrameCount kWhole(kPageblockFrames);

// Low until it has been prepared, which the test does as it likes.
class SparseLeaves final : public LeafSource {
 public:
  SparseLeaves() { set_is_low(true); }

  void set_is_low(bool value) { is_low_.store(value); }
  void set_prepare(std::function<Status()> prepare) { prepare_ = std::move(prepare); }
  int prepared() const { return prepared_; }

  Status Prepare() override {
    ++prepared_;
    is_preparing_ = true;
    const Status status = prepare_ ? prepare_() : Status();
    is_preparing_ = false;
    return status;
  }
  FrameLeaf* Allocate(BlockNumber block) override {
    return is_low_.load() ? nullptr : leaves_.Allocate(block);
  }
  void Free(BlockNumber block, FrameLeaf* leaf) override { leaves_.Free(block, leaf); }

 private:
  bool IsReadyThoughLow() const override { return is_preparing_; }

  FakeLeafSource leaves_;
  std::function<Status()> prepare_;
  bool is_preparing_ = false;
  int prepared_ = 0;
};

class LeavesTest : public testing::Test {
 protected:
  LeavesTest() { allocator_.AddBlocks(BlockRange{BlockNumber(0), kBlocks}); }
  ~LeavesTest() override { allocator_.CheckInvariantsAtRest(); }

  void PrepareSucceeds() {
    leaves_.set_prepare([this] {
      leaves_.set_is_low(false);
      return Status();
    });
  }
  FrameRange AllocateWhole() {
    leaves_.set_is_low(false);
    const FrameRange run{*allocator_.Allocate(kPageblockOrder, kMovable), kWhole};
    leaves_.set_is_low(true);
    return run;
  }

  std::vector<BlockRecord> records_ = std::vector<BlockRecord>(kBlocks);
  SparseLeaves leaves_;
  FakeConverter converter_{kBlocks};
  PageAllocator allocator_{records_, {leaves_, converter_, nullptr}};
};

TEST_F(LeavesTest, AnOperationThatMayCutAPageblockHasLeavesMadeFirst) {
  const FrameRange whole = AllocateWhole();
  const std::vector<std::function<bool()>> operations{
      [&] { return allocator_.Allocate(Order(0), kMovable).ok(); },
      [&] { return allocator_.AllocateRun(FrameCount(700), Order(0), kMovable).ok(); },
      [&] { return allocator_.SplitRun(whole, FrameCount(8)).ok(); },
      [&] {
        return allocator_.GrowRun({whole.begin, FrameCount(8)}, FrameCount(0)).ok();
      },
      [&] { return allocator_.Allocate(Order(0), Request::Unmapped()).ok(); },
  };
  PrepareSucceeds();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    leaves_.set_is_low(true);
    const int prepared = leaves_.prepared();
    EXPECT_TRUE(operations[i]()) << i;
    EXPECT_EQ(leaves_.prepared(), prepared + 1) << i;
  }
}

TEST_F(LeavesTest, MakingThemMayAllocateHereAndIsNotAskedForAgain) {
  bool has_frames = false;
  leaves_.set_prepare([&] {
    has_frames = allocator_.Allocate(kPageblockOrder, kMovable).ok() &&
                 allocator_.Allocate(kPageblockOrder, Request::Unmapped()).ok();
    leaves_.set_is_low(false);
    return Status();
  });
  EXPECT_TRUE(allocator_.Allocate(Order(0), kMovable).ok());
  EXPECT_TRUE(has_frames);
  EXPECT_EQ(leaves_.prepared(), 1);
}

// Spec: T87
TEST_F(LeavesTest, WhatOthersTookMeanwhileIsMadeAgain) {
  int left = 3;
  leaves_.set_prepare([&] {
    leaves_.set_is_low(--left > 0);
    return Status();
  });
  EXPECT_TRUE(allocator_.Allocate(Order(0), kMovable).ok());
  EXPECT_EQ(leaves_.prepared(), 3);
}

TEST_F(LeavesTest, WhereNoneCanBeMadeOnlyWhatNeedsOneFails) {
  const FrameRange whole = AllocateWhole();
  leaves_.set_prepare([] { return Status(Error::kNoFrames); });
  const Counters before = allocator_.counters();
  EXPECT_EQ(allocator_.Allocate(Order(0), kMovable).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.Allocate(Order(0), Request::Unmapped()).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.SplitRun(whole, FrameCount(1)).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.GrowRun(whole, FrameCount(1)).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.counters(), before);
  EXPECT_TRUE(allocator_.Allocate(kPageblockOrder, kMovable).ok());
  EXPECT_TRUE(allocator_.GrowRun(whole, FrameCount(0)).ok());
}

TEST_F(LeavesTest, WhoMustNotWaitTakesWhatIsThere) {
  PrepareSucceeds();
  for (const RequestFlag flag : {RequestFlag::kMayNotBlock, RequestFlag::kTryLockOnly}) {
    EXPECT_EQ(allocator_.Allocate(Order(0), kMovable.With(flag)).error(), Error::kNoMemory);
    EXPECT_TRUE(allocator_.Allocate(kPageblockOrder, kMovable.With(flag)).ok());
  }
  EXPECT_EQ(leaves_.prepared(), 0);
}

TEST_F(LeavesTest, WhoDoesNotWantConversionWaitsForLeavesAllTheSame) {
  PrepareSucceeds();
  EXPECT_TRUE(allocator_.Allocate(Order(0), kMovable.With(RequestFlag::kNoConversion)).ok());
  EXPECT_EQ(leaves_.prepared(), 1);
  EXPECT_EQ(
      allocator_.Allocate(Order(0), Request::Unmapped().With(RequestFlag::kNoConversion)).error(),
      Error::kWouldBlock);
  EXPECT_TRUE(converter_.steps().empty());
}

}  // namespace
}  // namespace pageward::frame
