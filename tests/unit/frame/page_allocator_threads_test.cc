// The allocator with the lists of threads: filling, draining, counting.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::AttachedLists;
using testing_support::FakeConverter;
using testing_support::TestZone;

constexpr std::uint32_t kBlocks = 8;
constexpr Order kOrder0{0};
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);
constexpr Request kUnmapped = Request::Unmapped();
constexpr ThreadListIndex kMovable0 = *ThreadListIndex::Of(kMovable.freetype(), kOrder0);

class ThreadListsAllocatorTest : public testing::Test {
 protected:
  ~ThreadListsAllocatorTest() override { allocator_.CheckInvariantsAtRest(); }

  FrameNumber Allocate(unsigned order, const Request& request) {
    const Result<FrameNumber> frame = allocator_.Allocate(Order(order), request, *lists_);
    EXPECT_TRUE(frame.ok());
    allocator_.CheckInvariantsAtRest();
    return *frame;
  }
  void Free(FrameNumber frame, unsigned order) {
    allocator_.Free(frame, Order(order), *lists_);
    allocator_.CheckInvariantsAtRest();
  }
  std::vector<FrameNumber> AllocateMany(std::uint32_t count, const Request& request) {
    std::vector<FrameNumber> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      frames.push_back(Allocate(0, request));
    }
    return frames;
  }

  TestZone zone_{kBlocks};
  PageAllocator& allocator_ = zone_.allocator();
  AttachedLists lists_{allocator_};
};

TEST_F(ThreadListsAllocatorTest, AMissFetchesABatch) {
  Allocate(0, kMovable);
  EXPECT_EQ((*lists_).count(kMovable0), kMovable0.batch() - 1);
  EXPECT_EQ(allocator_.counters().listed_frames, FrameCount(kMovable0.batch() - 1));
  EXPECT_EQ(allocator_.counters().live_frames, FrameCount(1));
}

TEST_F(ThreadListsAllocatorTest, WhatAThreadFreedItGetsAgain) {
  const FrameNumber frame = Allocate(0, kMovable);
  const Counters before = allocator_.counters();
  Free(frame, 0);
  EXPECT_EQ(Allocate(0, kMovable), frame);
  EXPECT_EQ(allocator_.counters(), before);
}

TEST_F(ThreadListsAllocatorTest, AFullListGivesABatchBack) {
  const auto frames = AllocateMany(kMovable0.capacity() + 1, kMovable);
  allocator_.Drain(*lists_);
  for (const FrameNumber frame : frames) {
    Free(frame, 0);
  }
  EXPECT_EQ((*lists_).count(kMovable0), kMovable0.capacity() - kMovable0.batch() + 1);
}

TEST_F(ThreadListsAllocatorTest, DrainingGivesEverythingBack) {
  for (const unsigned order : {0u, 1u, 2u, 3u, 9u}) {
    Free(Allocate(order, kMovable), order);
    Free(Allocate(order, kUnmapped), order);
  }
  allocator_.Drain(*lists_);
  EXPECT_EQ((*lists_).held_frames(), FrameCount(0));
  const Counters counters = allocator_.counters();
  EXPECT_EQ(counters.free_blocks[Visibility::kMapped] + counters.free_blocks[Visibility::kUnmapped],
            kBlocks);
}

TEST_F(ThreadListsAllocatorTest, ListsThatAreDetachedLeaveNothingBehind) {
  {
    AttachedLists other(allocator_);
    allocator_.Free(*allocator_.Allocate(Order(2), kMovable, *other), Order(2), *other);
    EXPECT_GT(allocator_.counters().listed_frames, FrameCount(0));
  }
  EXPECT_EQ(allocator_.counters().listed_frames, FrameCount(0));
  EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kMapped], kBlocks);
}

// Spec: T6
TEST_F(ThreadListsAllocatorTest, FreeListedAndLiveFramesAreAllThereIs) {
  AttachedLists other(allocator_);
  std::uint32_t live = 0;
  const auto expect_sum = [&] {
    const Counters counters = allocator_.counters();
    EXPECT_EQ(counters.live_frames, FrameCount(live));
    EXPECT_EQ(counters.listed_frames, (*lists_).held_frames() + (*other).held_frames());
    EXPECT_EQ(counters.free_frames[Visibility::kMapped] +
                  counters.free_frames[Visibility::kUnmapped] + counters.listed_frames +
                  FrameCount(live),
              counters.managed_frames);
    EXPECT_EQ(counters.managed_frames, FrameCount(kBlocks * 512));
  };
  for (const unsigned order : {0u, 1u, 3u, 9u}) {
    for (const Request& request : {kMovable, kUnmovable, kUnmapped}) {
      const FrameNumber first = Allocate(order, request);
      const FrameNumber second = *allocator_.Allocate(Order(order), request, *other);
      live += 2u << order;
      expect_sum();
      // Freed by the other thread.
      allocator_.Free(first, Order(order), *other);
      live -= 1u << order;
      expect_sum();
      allocator_.Free(second, Order(order));
      live -= 1u << order;
      expect_sum();
    }
  }
}

// Spec: T35
TEST_F(ThreadListsAllocatorTest, RefillingNeverConvertsAndAMissConvertsOnce) {
  Allocate(0, kUnmapped);
  EXPECT_EQ(zone_.converter().CountOf(FakeConverter::Kind::kSet), 1u);
  EXPECT_EQ((*lists_).held_frames(), FrameCount(0)) << "the conversion was for one request";
  // The next miss refills from what the conversion left on the lists.
  AllocateMany(511, kUnmapped);
  EXPECT_EQ(zone_.converter().CountOf(FakeConverter::Kind::kSet), 1u);
}

// Spec: T35
TEST_F(ThreadListsAllocatorTest, ARefillTakesWhatIsThereAndLeavesTheRestUnconverted) {
  const FrameNumber run = allocator_.AllocateRun(FrameCount(509), kOrder0, kUnmapped)->begin;
  EXPECT_EQ(zone_.TypeOf(run), Freetype::Unmapped());
  zone_.converter().ForgetSteps();
  Allocate(0, kUnmapped);
  EXPECT_EQ((*lists_).held_frames(), FrameCount(2)) << "all three that were free";
  EXPECT_TRUE(zone_.converter().steps().empty());
}

TEST_F(ThreadListsAllocatorTest, OtherOrdersAndKeyedMemoryBypassTheLists) {
  OwnerLists owner(OwnerId(3));
  allocator_.RegisterOwner(owner);
  const FrameNumber keyed = Allocate(0, Request::Keyed(owner));
  const FrameNumber large = Allocate(5, kMovable);
  Free(keyed, 0);
  Free(large, 5);
  EXPECT_EQ((*lists_).held_frames(), FrameCount(0));
  EXPECT_EQ(owner.free_frames(), FrameCount(512));
  EXPECT_EQ(allocator_.ReturnFreeBlocks(Request::Keyed(owner)), 1u);
  EXPECT_TRUE(allocator_.UnregisterOwner(owner).ok());
}

TEST_F(ThreadListsAllocatorTest, ABorrowedFrameGoesToTheListOfItsPageblock) {
  const FrameRange all = *allocator_.AllocateRun(FrameCount(kBlocks * 512), kOrder0, kMovable);
  ASSERT_TRUE(allocator_.SplitRun(all, FrameCount(1)).ok());
  allocator_.Free(all.begin, kOrder0);
  const FrameNumber borrowed = Allocate(0, kUnmovable);
  EXPECT_EQ(zone_.TypeOf(borrowed), kMovable.freetype());
  EXPECT_EQ(allocator_.counters().steals, 1u) << "not claimed";
  Free(borrowed, 0);
  EXPECT_EQ((*lists_).count(kMovable0), 1u);
}

TEST_F(ThreadListsAllocatorTest, NothingIsHandedOutOfAPageblockIsolatedMeanwhile) {
  const FrameNumber frame = Allocate(0, kMovable);
  Free(frame, 0);
  ASSERT_TRUE(allocator_.Isolate(frame.block()).ok());
  EXPECT_NE(Allocate(0, kMovable).block(), frame.block());
  EXPECT_EQ(allocator_.counters().isolated_frames, FrameCount(512));
  EXPECT_TRUE(allocator_.Unisolate(frame.block()).ok());
}

TEST_F(ThreadListsAllocatorTest, WhatIsFreedInAnIsolatedPageblockGoesStraightBack) {
  const FrameNumber frame = Allocate(0, kMovable);
  allocator_.Drain(*lists_);
  ASSERT_TRUE(allocator_.Isolate(frame.block()).ok());
  Free(frame, 0);
  EXPECT_EQ((*lists_).held_frames(), FrameCount(0));
  EXPECT_EQ(allocator_.counters().isolated_frames, FrameCount(512));
}

TEST_F(ThreadListsAllocatorTest, ARefillWithoutALeafFailsCleanly) {
  zone_.leaves().FailAfter(0);
  const Counters before = allocator_.counters();
  EXPECT_EQ(allocator_.Allocate(kOrder0, kMovable, *lists_).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.counters(), before);
}

TEST_F(ThreadListsAllocatorTest, ATryLockRequestIsServedFromTheListsWithoutTheLock) {
  Free(Allocate(0, kMovable), 0);
  const Request request = kMovable.With(RequestFlag::kTryLockOnly);
  zone_.WhileLocked([&] {
    const Result<FrameNumber> frame = allocator_.Allocate(kOrder0, request, *lists_);
    EXPECT_TRUE(frame.ok());
    allocator_.Free(*frame, kOrder0, *lists_);
    EXPECT_EQ(allocator_.Allocate(Order(1), request, *lists_).error(), Error::kWouldBlock);
  });
}

TEST_F(ThreadListsAllocatorTest, ZeroedMappedFramesComeFromTheListsToo) {
  const FrameNumber frame = Allocate(0, kMovable);
  Free(frame, 0);
  EXPECT_EQ(Allocate(0, kMovable.With(RequestFlag::kZeroed)), frame);
}

TEST_F(ThreadListsAllocatorTest, ARunTakesTheMobilityOfTheRequest) {
  const FrameNumber frame = Allocate(0, kUnmovable);
  Free(frame, 0);
  EXPECT_EQ(Allocate(0, kUnmovable), frame);
  allocator_.FreeRun(FrameRange{frame, FrameCount(1)});
}

}  // namespace
}  // namespace pageward::frame
