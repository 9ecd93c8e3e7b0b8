// The allocator as a whole, apart from what has a file of its own: runs, conversion, threads'
// lists, deaths and stress.
#include "runtime/frame/page_allocator.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <set>
#include <span>
#include <thread>
#include <vector>

#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::TestZone;

constexpr std::uint32_t kBlocks = 8;
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);
constexpr Request kReclaimable = Request::Mapped(Mobility::kReclaimable);

class PageAllocatorTest : public testing::Test {
 protected:
  ~PageAllocatorTest() override { allocator_.CheckInvariantsAtRest(); }

  FrameNumber Allocate(unsigned order, const Request& request) {
    const Result<FrameNumber> frame = allocator_.Allocate(Order(order), request);
    EXPECT_TRUE(frame.ok());
    return *frame;
  }

  TestZone zone_{kBlocks};
  PageAllocator& allocator_ = zone_.allocator();
};

// Spec: T12
TEST_F(PageAllocatorTest, AtTheStartEveryBlockIsMappedAndNothingIsSplit) {
  const Counters counters = allocator_.counters();
  EXPECT_EQ(counters.managed_frames, FrameCount(kBlocks * 512));
  EXPECT_EQ(counters.free_blocks[Visibility::kMapped], kBlocks);
  EXPECT_EQ(counters.free_frames[Visibility::kUnmapped], FrameCount(0));
  EXPECT_EQ(counters.free_frames[Visibility::kKeyed], FrameCount(0));
  EXPECT_EQ(counters.leaves, 0u);
  EXPECT_EQ(allocator_.Describe(FrameNumber(0))->piece,
            (FrameRange{FrameNumber(0), FrameCount(kBlocks * 512)}));
  EXPECT_TRUE(zone_.converter().steps().empty());
}

TEST_F(PageAllocatorTest, EveryOrderIsAligned) {
  for (unsigned order = 0; order <= 11; ++order) {
    const FrameNumber frame = Allocate(order, kMovable);
    EXPECT_EQ(frame.value % Order(order).frames().value, 0u);
    EXPECT_EQ(allocator_.RunContaining(frame + FrameCount(Order(order).frames().value - 1)),
              (FrameRange{frame, Order(order).frames()}));
    allocator_.Free(frame, Order(order));
  }
}

TEST_F(PageAllocatorTest, AllFramesCanBeAllocatedOnceAndThenNoMore) {
  std::set<std::uint32_t> seen;
  allocator_.set_walk_interval(64);
  for (std::uint32_t i = 0; i < kBlocks * 512; ++i) {
    EXPECT_TRUE(seen.insert(Allocate(0, kMovable).value).second);
  }
  EXPECT_EQ(allocator_.Allocate(Order(0), kMovable).error(), Error::kNoFrames);
  for (const std::uint32_t frame : seen) {
    allocator_.Free(FrameNumber(frame), Order(0));
  }
  EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kMapped], kBlocks);
}

TEST_F(PageAllocatorTest, EveryMobilityCanUseTheWholeZone) {
  for (const Request& request : {kUnmovable, kMovable, kReclaimable}) {
    const FrameNumber frame = Allocate(12, request);
    EXPECT_EQ(zone_.TypeOf(frame), request.freetype());
    allocator_.Free(frame, Order(12));
  }
}

TEST_F(PageAllocatorTest, AnOrderThatDoesNotFitFailsAndChangesNothing) {
  const FrameNumber frame = Allocate(0, kMovable);
  const Counters before = allocator_.counters();
  EXPECT_EQ(allocator_.Allocate(Order(12), kMovable).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.Allocate(kMaxOrder, kMovable).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.counters(), before);
  allocator_.Free(frame, Order(0));
}

TEST_F(PageAllocatorTest, WithoutALeafARequestFailsAndChangesNothing) {
  zone_.leaves().FailAfter(0);
  const Counters before = allocator_.counters();
  for (const Request& request : {kMovable, kUnmovable, Request::Unmapped()}) {
    EXPECT_EQ(allocator_.Allocate(Order(3), request).error(), Error::kNoMemory);
  }
  EXPECT_EQ(allocator_.counters(), before);
  EXPECT_TRUE(zone_.converter().steps().empty());
  // Whole pageblocks need none.
  allocator_.Free(Allocate(9, kUnmovable), kPageblockOrder);
  zone_.leaves().StopFailing();
  allocator_.Free(Allocate(3, kMovable), Order(3));
}

// Spec: T14
TEST_F(PageAllocatorTest, ARequestThatMayNotConvertFailsOnMemoryOfTheOtherKind) {
  const Request no_blocking = Request::Unmapped().With(RequestFlag::kMayNotBlock);
  EXPECT_EQ(allocator_.Allocate(Order(0), no_blocking).error(), Error::kWouldBlock);
  const FrameNumber all = Allocate(12, Request::Unmapped());
  allocator_.Free(all, Order(12));
  for (const Request& request : {kMovable, kUnmovable, kReclaimable}) {
    EXPECT_EQ(allocator_.Allocate(Order(0), request.With(RequestFlag::kMayNotBlock)).error(),
              Error::kWouldBlock);
  }
}

// Spec: T37
TEST_F(PageAllocatorTest, ZeroedUnmappedMemoryIsRefused) {
  testing_support::AttachedLists lists(allocator_);
  const Request zeroed = Request::Unmapped().With(RequestFlag::kZeroed);
  EXPECT_EQ(allocator_.Allocate(Order(0), zeroed).error(), Error::kInvalid);
  EXPECT_EQ(allocator_.AllocateRun(FrameCount(3), Order(0), zeroed).error(), Error::kInvalid);
  // Also if the thread has such frames at hand.
  allocator_.Free(*allocator_.Allocate(Order(0), Request::Unmapped(), *lists), Order(0), *lists);
  EXPECT_EQ(allocator_.Allocate(Order(0), zeroed, *lists).error(), Error::kInvalid);
}

TEST_F(PageAllocatorTest, BlocksComeInLaterAndJoinWhatIsThere) {
  TestZone zone(kBlocks, TestZone::Start::kNoBlocks);
  PageAllocator& allocator = zone.allocator();
  EXPECT_EQ(allocator.Allocate(Order(0), kMovable).error(), Error::kNoFrames);
  EXPECT_FALSE(allocator.Describe(FrameNumber(0)).has_value());
  allocator.AddBlocks(BlockRange{BlockNumber(2), 2});
  EXPECT_EQ(allocator.counters().managed_frames, FrameCount(1024));
  allocator.AddBlocks(BlockRange{BlockNumber(0), 2});
  EXPECT_EQ(*allocator.Allocate(Order(11), kMovable), FrameNumber(0));
  allocator.CheckInvariantsAtRest();
}

// So that what grows for one kind of use is not mixed with what is there for another.
TEST_F(PageAllocatorTest, BlocksComeInWithTheMobilityThatTheyAreFor) {
  TestZone zone(kBlocks, TestZone::Start::kNoBlocks);
  PageAllocator& allocator = zone.allocator();
  allocator.AddBlocks(BlockRange{BlockNumber(0), 2}, Mobility::kUnmovable);
  allocator.AddBlocks(BlockRange{BlockNumber(4), 2}, Mobility::kMovable);
  EXPECT_EQ(allocator.Allocate(Order(3), Request::Mapped(Mobility::kUnmovable))->block(),
            BlockNumber(0));
  EXPECT_EQ(allocator.Allocate(Order(3), kMovable)->block(), BlockNumber(4));
  EXPECT_EQ(allocator.counters().fallbacks(), 0u);
}

TEST_F(PageAllocatorTest, WithoutFallbackOnlyTheOwnListsServe) {
  testing_support::AttachedLists lists(allocator_);
  const Request own_only = Request::Mapped(Mobility::kUnmovable).With(RequestFlag::kNoFallback);
  EXPECT_EQ(allocator_.Allocate(Order(0), own_only).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.Allocate(Order(0), own_only, *lists).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.AllocateRun(FrameCount(1000), Order(0), own_only).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.counters().fallbacks(), 0u);
  // A claim by somebody else gives the freetype a list that serves.
  ASSERT_TRUE(allocator_.Allocate(Order(0), Request::Mapped(Mobility::kUnmovable)).ok());
  EXPECT_TRUE(allocator_.Allocate(Order(0), own_only).ok());
  EXPECT_TRUE(allocator_.Allocate(Order(0), own_only, *lists).ok());
}

// A zone of a terabyte has 32 MiB of block records; a process that uses little of it must not pay.
TEST_F(PageAllocatorTest, ALargeZoneTouchesOnlyTheRecordsOfTheBlocksInIt) {
  constexpr std::size_t kBytes = FrameTable::kMaxBlocks * sizeof(BlockRecord);
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::span records(static_cast<BlockRecord*>(memory), FrameTable::kMaxBlocks);
  {
    testing_support::FakeLeafSource leaves;
    testing_support::FakeConverter converter(1);
    PageAllocator allocator(records, {leaves, converter, nullptr});
    allocator.set_walk_interval(0);
    allocator.AddBlocks(BlockRange{BlockNumber(FrameTable::kMaxBlocks - 64), 64});
    const Result<FrameNumber> frame = allocator.Allocate(Order(0), kMovable);
    ASSERT_TRUE(frame.ok());
    EXPECT_EQ(frame->block(), BlockNumber(FrameTable::kMaxBlocks - 64));
    std::vector<unsigned char> resident(kBytes / kFrameBytes);
    ASSERT_EQ(mincore(memory, kBytes, resident.data()), 0);
    std::size_t pages = 0;
    for (const unsigned char page : resident) {
      pages += page & 1u;
    }
    EXPECT_LE(pages, 2u);
    // The very last frame has a number, too.
    allocator.Free(*frame, Order(0));
    EXPECT_TRUE(allocator.IsFree(FrameNumber((1u << 28) - 1)));
    EXPECT_EQ(allocator.AllocateRun(FrameCount(64 * 512), Order(0), kMovable)->end().value,
              1u << 28);
  }
  munmap(memory, kBytes);
}

// Spec: T9
TEST_F(PageAllocatorTest, FramesOfAnIsolatedBlockAreNotHandedOut) {
  for (std::uint32_t block = 1; block < kBlocks; ++block) {
    ASSERT_TRUE(allocator_.Isolate(BlockNumber(block)).ok());
  }
  EXPECT_EQ(Allocate(9, kMovable).block(), BlockNumber(0));
  EXPECT_EQ(allocator_.Allocate(Order(0), kMovable).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.Allocate(Order(0), Request::Unmapped()).error(), Error::kNoFrames);
  EXPECT_EQ(allocator_.counters().isolated_frames, FrameCount((kBlocks - 1) * 512));
  ASSERT_TRUE(allocator_.Unisolate(BlockNumber(5)).ok());
  EXPECT_EQ(Allocate(9, kMovable).block(), BlockNumber(5));
}

// Spec: T9
TEST_F(PageAllocatorTest, IsolationRestoresFreetypeAndFlagsOfHiddenBlocks) {
  const FrameNumber frame = Allocate(0, Request::Unmapped());
  allocator_.Skip(frame.block());
  const BlockFlags before = allocator_.FlagsOf(frame.block());
  ASSERT_EQ(before.freetype(), Freetype::Unmapped());
  ASSERT_TRUE(allocator_.Isolate(frame.block()).ok());
  EXPECT_EQ(allocator_.FlagsOf(frame.block()).freetype(), Freetype::Unmapped());
  ASSERT_TRUE(allocator_.Unisolate(frame.block()).ok());
  EXPECT_EQ(allocator_.FlagsOf(frame.block()), before);
  allocator_.Unskip(frame.block());
  EXPECT_EQ(allocator_.FlagsOf(frame.block()), before.WithSkipped(false));
  allocator_.Free(frame, Order(0));
}

TEST_F(PageAllocatorTest, ALeafGoesBackOnlyWhenItIsTrimmedAndIdle) {
  const FrameNumber frame = Allocate(0, kMovable);
  EXPECT_FALSE(allocator_.TrimLeaf(frame.block())) << "in use";
  allocator_.Free(frame, Order(0));
  EXPECT_EQ(zone_.leaves().outside(), 1u) << "kept for the next time";
  allocator_.Free(Allocate(0, kMovable), Order(0));
  EXPECT_EQ(zone_.leaves().requests(), 1u);
  EXPECT_TRUE(allocator_.TrimLeaf(frame.block()));
  EXPECT_EQ(zone_.leaves().outside(), 0u);
  EXPECT_FALSE(allocator_.TrimLeaf(frame.block())) << "gone already";
  EXPECT_FALSE(allocator_.TrimLeaf(BlockNumber(kBlocks))) << "no such block";
  allocator_.Free(Allocate(0, kMovable), Order(0));
  EXPECT_EQ(zone_.leaves().requests(), 2u);
}

TEST_F(PageAllocatorTest, DescribesWhatAFrameIs) {
  const FrameNumber frame = Allocate(2, kUnmovable);
  const auto live = allocator_.Describe(frame + FrameCount(3));
  ASSERT_TRUE(live.has_value());
  EXPECT_EQ(live->state, FrameState::kRun);
  EXPECT_EQ(live->piece, (FrameRange{frame, FrameCount(4)}));
  EXPECT_EQ(live->freetype, Freetype::Mapped(Mobility::kUnmovable));
  EXPECT_FALSE(live->is_isolated);
  EXPECT_FALSE(allocator_.IsFree(frame));
  EXPECT_TRUE(allocator_.IsFree(frame + FrameCount(4)));
  EXPECT_EQ(allocator_.RunContaining(frame + FrameCount(4)), std::nullopt);
  EXPECT_EQ(allocator_.Describe(FrameNumber(kBlocks * 512)), std::nullopt);
  EXPECT_FALSE(allocator_.IsFree(FrameNumber(kBlocks * 512)));
  allocator_.Free(frame, Order(2));
}

TEST_F(PageAllocatorTest, AForkChildFindsTheLockFree) {
  zone_.WhileLocked([&] {
    EXPECT_EQ(allocator_.Allocate(Order(0), kMovable.With(RequestFlag::kTryLockOnly)).error(),
              Error::kWouldBlock);
  });
  const auto frame = allocator_.Allocate(Order(0), kMovable.With(RequestFlag::kTryLockOnly));
  ASSERT_TRUE(frame.ok());
  allocator_.Free(*frame, Order(0));
}

}  // namespace
}  // namespace pageward::frame
