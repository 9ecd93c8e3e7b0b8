#include "runtime/frame/block_compactor.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::TestZone;

constexpr std::uint32_t kBlocks = 4;
constexpr Order kOrder0{0};
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);

// A zone in which every other frame is free.
class BlockCompactorTest : public testing::Test {
 protected:
  BlockCompactorTest() {
    allocator_.set_walk_interval(64);
    for (std::uint32_t i = 0; i < kBlocks * 512; ++i) {
      frames_.push_back(*allocator_.Allocate(kOrder0, kMovable));
    }
    for (const FrameNumber frame : frames_) {
      if (frame.value % 2 == 1) {
        allocator_.Free(frame, kOrder0);
      }
    }
  }
  ~BlockCompactorTest() override { allocator_.CheckInvariantsAtRest(); }

  // Gives back the rest of the first pageblock, as if its contents had been moved.
  bool EmptyFirstBlock() {
    for (std::uint32_t frame = 0; frame < 512; frame += 2) {
      allocator_.Free(FrameNumber(frame), kOrder0);
    }
    return true;
  }

  TestZone zone_{kBlocks};
  PageAllocator& allocator_ = zone_.allocator();
  testing_support::FakeCompactor& compactor_ = zone_.compactor();
  std::vector<FrameNumber> frames_;
};

// Spec: T42
TEST_F(BlockCompactorTest, AnUnmappedRequestUnderFragmentationAsksForAWholeBlock) {
  compactor_.set_action([this](Order) { return EmptyFirstBlock(); });
  const Result<FrameNumber> frame = allocator_.Allocate(kOrder0, Request::Unmapped());
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(frame->block(), BlockNumber(0));
  EXPECT_EQ(compactor_.orders(), (std::vector{kPageblockOrder}));
  EXPECT_EQ(allocator_.counters().compactions, 1u);
}

// Spec: T42
TEST_F(BlockCompactorTest, AMappedRequestUnderFragmentationDoesNot) {
  EXPECT_EQ(allocator_.Allocate(kPageblockOrder, kMovable).error(), Error::kNoFrames);
  EXPECT_TRUE(compactor_.orders().empty());
}

TEST_F(BlockCompactorTest, ALargerRequestAsksForAsMuch) {
  EXPECT_EQ(allocator_.Allocate(Order(10), Request::Unmapped()).error(), Error::kNoFrames);
  EXPECT_EQ(compactor_.orders(), (std::vector{Order(10)}));
}

TEST_F(BlockCompactorTest, ACompactorThatGivesUpIsAskedOnce) {
  EXPECT_EQ(allocator_.Allocate(kOrder0, Request::Unmapped()).error(), Error::kNoFrames);
  compactor_.set_action([](Order) { return true; });
  EXPECT_EQ(allocator_.Allocate(kOrder0, Request::Unmapped()).error(), Error::kNoFrames);
  EXPECT_EQ(compactor_.orders().size(), 2u);
}

TEST_F(BlockCompactorTest, RequestsThatMayNotBlockDoNotAsk) {
  const Request request = Request::Unmapped().With(RequestFlag::kMayNotBlock);
  EXPECT_EQ(allocator_.Allocate(kOrder0, request).error(), Error::kWouldBlock);
  EXPECT_TRUE(compactor_.orders().empty());
}

TEST_F(BlockCompactorTest, WhatTheCompactorAllocatesIsNeverConverted) {
  compactor_.set_action([this](Order) {
    EXPECT_TRUE(allocator_.Allocate(kOrder0, kMovable).ok());
    EXPECT_EQ(allocator_.Allocate(kOrder0, Request::Unmapped()).error(), Error::kWouldBlock);
    return false;
  });
  EXPECT_EQ(allocator_.Allocate(kOrder0, Request::Unmapped()).error(), Error::kNoFrames);
  EXPECT_EQ(compactor_.orders().size(), 1u);
}

TEST(NoCompactorTest, WithoutOneTheRequestFails) {
  testing_support::FakeLeafSource leaves;
  testing_support::FakeConverter converter(1);
  std::vector<BlockRecord> records(1);
  PageAllocator allocator(records, {leaves, converter, nullptr});
  allocator.AddBlocks(BlockRange{BlockNumber(0), 1});
  const FrameNumber frame = *allocator.Allocate(kOrder0, kMovable);
  EXPECT_EQ(allocator.Allocate(kOrder0, Request::Unmapped()).error(), Error::kNoFrames);
  allocator.Free(frame, kOrder0);
}

}  // namespace
}  // namespace pageward::frame
