// Table pages under the three policies. The reserve by itself is shown in tests/unit/ptable; here
// it does its job on a direct map that its own refills split.
#include "runtime/sim/ptp_pool.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using frame::Mobility;
using frame::Request;
using ptable::SetDirectMapTo;
using testing_support::ConfigOf;
using testing_support::TestKernel;

constexpr std::uint32_t kFramesPerGiB = 1u << 18;
constexpr AccountId kProcess{kFirstProcessAccount};

class PtpPoolTest : public testing::Test {
 protected:
  PtpPool& pool() { return kernel_->tables(); }
  void TearDown() override { kernel_->CheckInvariants(); }

  // Takes pages until exactly `frames` are cached.
  void LeaveCached(std::size_t frames) {
    while (pool().cached() > frames) {
      taken_.push_back(*pool().Allocate(kProcess));
    }
    ASSERT_EQ(pool().cached(), frames);
  }
  void GiveBackAll() {
    for (const FrameNumber frame : taken_) {
      pool().Free(frame);
    }
    taken_.clear();
  }

  // Takes every block of at least `order` out of the page allocator.
  std::vector<FrameNumber> TakeAllFrom(Order order) {
    std::vector<FrameNumber> taken;
    const Request request = Request::Mapped(Mobility::kUnmovable);
    for (unsigned value = kMaxOrder.value() + 1; value-- > order.value();) {
      for (;;) {
        const auto frame = kernel_->frames().Allocate(Order(value), request);
        if (!frame.ok()) {
          break;
        }
        taken.push_back(*frame);
      }
    }
    return taken;
  }

  TestKernel kernel_{ConfigOf(PtpPolicy::kReserve)};
  std::vector<FrameNumber> taken_;
};

// Spec: T82
TEST_F(PtpPoolTest, AfterTheStartAtLeastFourPagesAreSetAsideAndProtected) {
  EXPECT_GE(pool().cached(), 4u);
  pool().CheckInvariants();
  EXPECT_TRUE(pool().IsReady());
}

// Spec: T90
TEST_F(PtpPoolTest, APageIsZeroAndProtectedWhateverItHeldBefore) {
  const FrameNumber frame = *pool().Allocate(kProcess);
  EXPECT_TRUE(pool().IsProtected(frame));
  kernel_->memory().Store(kernel_->ram().AddressOf(frame) + 8, 77);
  pool().Free(frame);
  const FrameNumber again = *pool().Allocate(kProcess);
  ASSERT_EQ(again, frame);
  EXPECT_TRUE(kernel_->ram().IsZero(again));
  EXPECT_FALSE(kernel_.cpu().Write(kernel_->direct_map().AddressOf(again), 1).ok());
  pool().Free(again);
}

// Spec: T91
TEST_F(PtpPoolTest, TheLastPageInIsTheFirstOneOut) {
  const FrameNumber one = *pool().Allocate(kProcess);
  const FrameNumber two = *pool().Allocate(kProcess);
  pool().Free(one);
  pool().Free(two);
  EXPECT_EQ(*pool().Allocate(kProcess), two);
  EXPECT_EQ(*pool().Allocate(kProcess), one);
  pool().Free(one);
  pool().Free(two);
}

// Spec: T83
TEST_F(PtpPoolTest, OrdinaryRequestsRefillAndLeaveFour) {
  LeaveCached(4);
  const FrameNumber frame = *pool().Allocate(kProcess);
  EXPECT_GE(pool().cached(), 4u);
  EXPECT_EQ(pool().counters().refills[0], 1u);
  // By conversion of a whole pageblock, which is the pool's from then on.
  EXPECT_EQ(kernel_->frames().FlagsOf(frame.block()).freetype(),
            frame::Freetype::Keyed(kTableOwner));
  pool().Free(frame);
  GiveBackAll();
}

// Spec: T118
TEST_F(PtpPoolTest, PagesAreChargedToWhoCausedThem) {
  const std::uint32_t pooled = kernel_->accounts().charges(kPoolAccount);
  const FrameNumber frame = *pool().Allocate(kProcess);
  EXPECT_EQ(kernel_->accounts().charges(kProcess), 1u);
  EXPECT_EQ(kernel_->accounts().charges(kPoolAccount), pooled - 1);
  const std::uint32_t kernel_charges = kernel_->accounts().charges(kKernelAccount);
  ASSERT_TRUE(kernel_->direct_map()
                  .Change(FrameRange{FrameNumber(2 * kFramesPerGiB), FrameCount(512)},
                          SetDirectMapTo::kInvalid, FlushWhen::kNow)
                  .ok());
  EXPECT_EQ(kernel_->accounts().charges(kKernelAccount), kernel_charges + 1);
  pool().Free(frame);
  EXPECT_EQ(kernel_->accounts().charges(kProcess), 0u);
}

// Spec: T38, T84
TEST_F(PtpPoolTest, ARefillWhoseBlockHasToBeSplitOutNestsOnceAndNoDeeper) {
  LeaveCached(4);
  // Nothing is left in the gigabytes that have been split, so the next block is in a whole one.
  std::vector<FrameNumber> rest;
  const Request request = Request::Mapped(Mobility::kUnmovable);
  for (const unsigned order : {18u}) {
    for (;;) {
      const auto frame = kernel_->frames().Allocate(Order(order), request);
      if (!frame.ok()) {
        break;
      }
      rest.push_back(*frame);
    }
  }
  ASSERT_FALSE(rest.empty());
  const auto small = TakeAllFrom(kPageblockOrder);
  kernel_->frames().Free(rest.front(), Order(18));
  kernel_.events().Clear();
  const std::uint64_t splits = kernel_->direct_map().splits();
  taken_.push_back(*pool().Allocate(kProcess));
  EXPECT_EQ(kernel_->direct_map().splits(), splits + 1);
  // As events tell it: a refill, in it a conversion, in that the split, for which nobody refills.
  int refills = 0;
  for (const Event& event : kernel_.events().all()) {
    switch (event.kind) {
      case EventKind::kRefillBegun:
        EXPECT_EQ(event.depth, 0u);
        ++refills;
        break;
      case EventKind::kRefillEnded:
        EXPECT_EQ(event.depth, 0u);
        EXPECT_EQ(event.a, 9u) << "the order that it got";
        break;
      case EventKind::kConversionBegun:
        EXPECT_EQ(event.depth, 1u);
        break;
      case EventKind::kSplit:
        EXPECT_EQ(event.depth, 2u);
        break;
      default:
        break;
    }
  }
  EXPECT_EQ(refills, 1);
  EXPECT_EQ(kernel_.events().CountOf(EventKind::kSplit), 1u);
  EXPECT_EQ(pool().deepest(), 1u);
  GiveBackAll();
}

// Spec: T86
TEST_F(PtpPoolTest, WithoutWholePageblocksARefillTakesSixteenPagesAndThenFour) {
  LeaveCached(4);
  const auto blocks = TakeAllFrom(kPageblockOrder);
  ASSERT_TRUE(pool().Allocate(kProcess).ok() == false) << "not even small pieces are left";
  // A pageblock in pieces of 16: ordinary memory, of which the pool protects a part.
  for (std::uint32_t piece = 0; piece < 32; piece += 2) {
    const FrameRange run = BlockRange{blocks.back().block(), 1}.frames();
    if (piece == 0) {
      kernel_->frames().Free(run.begin, kPageblockOrder);
      for (std::uint32_t i = 0; i < 32; ++i) {
        ASSERT_TRUE(
            kernel_->frames().Allocate(Order(4), Request::Mapped(Mobility::kUnmovable)).ok());
      }
    }
    kernel_->frames().Free(run.begin + FrameCount(16 * piece), Order(4));
  }
  taken_.push_back(*pool().Allocate(kProcess));
  EXPECT_EQ(pool().counters().refills[1], 1u);
  EXPECT_EQ(kernel_->direct_map().LeafLevelOf(taken_.back()), 0u);
  EXPECT_EQ(kernel_->frames().FlagsOf(taken_.back().block()).freetype().visibility,
            frame::Visibility::kMapped);
  // Now only pieces of four.
  const auto sixteens = TakeAllFrom(Order(4));
  ASSERT_FALSE(sixteens.empty());
  ASSERT_TRUE(kernel_->frames().SplitRun({sixteens[0], FrameCount(16)}, FrameCount(4)).ok());
  kernel_->frames().Free(sixteens[0], Order(2));
  LeaveCached(4);
  taken_.push_back(*pool().Allocate(kProcess));
  EXPECT_EQ(pool().counters().refills[2], 1u);
  // And nothing at all: a clean error, and everything is as it was.
  LeaveCached(4);
  EXPECT_EQ(pool().Allocate(kProcess).error(), Error::kNoFrames);
  EXPECT_EQ(pool().cached(), 4u);
  kernel_->CheckInvariants();
}

// Spec: T85, T99
TEST_F(PtpPoolTest, UnderPressureARefillInProgressFinishesAndLaterOnesFailCleanly) {
  LeaveCached(4);
  const auto blocks = TakeAllFrom(kPageblockOrder);
  // Four frames in a leaf of a gigabyte: the refill's own split takes two tables.
  const FrameNumber lonely = blocks.front();
  ASSERT_EQ(kernel_->direct_map().LeafLevelOf(lonely), 2u);
  ASSERT_TRUE(kernel_->frames().SplitRun({lonely, FrameCount(1u << 18)}, FrameCount(4)).ok());
  kernel_->frames().Free(lonely, Order(2));
  kernel_.TakeCounts();
  taken_.push_back(*pool().Allocate(kProcess));
  EXPECT_EQ(kernel_.TakeCounts()[Tally::kSplit], 2u);
  EXPECT_EQ(pool().cached(), 5u) << "2 less for the split, 4 more, 1 handed out";
  LeaveCached(4);
  EXPECT_EQ(pool().Allocate(kProcess).error(), Error::kNoFrames);
  // Two more for anybody's split, and then splits are refused as well.
  const FrameRange part{blocks[1] + FrameCount(512 * 7 + 1), FrameCount(1)};
  ASSERT_EQ(kernel_->direct_map().LeafLevelOf(part.begin), 2u);
  EXPECT_TRUE(kernel_->direct_map().Change(part, SetDirectMapTo::kInvalid, FlushWhen::kNow).ok());
  EXPECT_EQ(pool().cached(), 2u);
  const FrameRange other{blocks[1] + FrameCount(512 * 9 + 1), FrameCount(1)};
  EXPECT_EQ(kernel_->direct_map().Change(other, SetDirectMapTo::kInvalid, FlushWhen::kNow).error(),
            Error::kNoFrames);
  EXPECT_TRUE(kernel_->direct_map().IsPresent(other.begin));
}

// Spec: T89
TEST_F(PtpPoolTest, ABlockThatCannotBeProtectedGoesBackAndNothingEntersTheCache) {
  LeaveCached(4);
  const auto before = kernel_->frames().counters();
  kernel_.faults().FailAfter(FaultPoint::kBlockProtected, 0);
  // The next smaller order takes its place.
  taken_.push_back(*pool().Allocate(kProcess));
  EXPECT_EQ(pool().counters().refills[0], 0u);
  EXPECT_EQ(pool().counters().refills[1], 1u);
  GiveBackAll();
  LeaveCached(4);
  const auto pieces_gone = kernel_->frames().counters();
  kernel_.faults().FailAfter(FaultPoint::kBlockProtected, 0);
  const auto blocks = TakeAllFrom(kPageblockOrder);
  EXPECT_EQ(pool().Allocate(kProcess).error(), Error::kNoMemory);
  EXPECT_EQ(pool().cached(), 4u);
  for (const FrameNumber block : blocks) {
    kernel_->frames().FreeRun(*kernel_->frames().RunContaining(block));
  }
  EXPECT_EQ(kernel_->frames().counters().live_frames, pieces_gone.live_frames);
  EXPECT_EQ(before.conversions, kernel_->frames().counters().conversions);
  GiveBackAll();
}

// Spec: T94
TEST_F(PtpPoolTest, ASplitThatFindsNothingFailsAndWaitsForNobody) {
  KernelConfig config = ConfigOf(PtpPolicy::kReserve);
  config.tables.shape.for_refill = 0;
  config.tables.shape.for_others = 0;
  TestKernel bare(config);
  while (bare->tables().cached() > 0) {
    ASSERT_TRUE(bare->tables().Allocate(kProcess).ok());
  }
  const FrameRange part{FrameNumber(2 * kFramesPerGiB), FrameCount(1)};
  EXPECT_EQ(bare->direct_map().Change(part, SetDirectMapTo::kInvalid, FlushWhen::kNow).error(),
            Error::kNoMemory);
  EXPECT_TRUE(bare->direct_map().IsPresent(part.begin));
}

// Spec: T92, T95
TEST_F(PtpPoolTest, ShrinkingGivesWholePageblocksBackByOneChangeOfTheirKey) {
  LeaveCached(4);
  for (int i = 0; i < 1100; ++i) {
    taken_.push_back(*pool().Allocate(kProcess));
  }
  const std::uint64_t keyed = kernel_->frames().counters().conversions[frame::Visibility::kKeyed];
  ASSERT_EQ(keyed, 3u);
  GiveBackAll();
  const std::size_t cached = pool().cached();
  kernel_.TakeCounts();
  EXPECT_EQ(pool().Shrink(1), 512u) << "a whole one, although one page was wanted";
  EXPECT_EQ(kernel_.TakeCounts()[Tally::kKeyChange], 1u);
  EXPECT_EQ(pool().Shrink(4096), 1024u) << "and then no more: the early region is nobody else's";
  EXPECT_EQ(pool().cached(), cached - 3 * 512);
  EXPECT_GE(pool().cached(), PtpPool::kUnshrinkable);
  EXPECT_EQ(kernel_->frames().counters().returned_blocks, 3u);
}

// Spec: T92
TEST_F(PtpPoolTest, ShrinkingLeavesPageblocksThatAreInUseAndThoseOfWhichOnlyAPartMayGo) {
  LeaveCached(4);
  const FrameNumber in_use = *pool().Allocate(kProcess);
  EXPECT_EQ(pool().Shrink(512), 0u) << "one page of it is in use";
  pool().Free(in_use);
  // All of it is free, but then fewer than what is kept would stay.
  ASSERT_EQ(pool().cached(), 4u + 512u);
  EXPECT_EQ(pool().Shrink(512), 0u);
  EXPECT_EQ(pool().cached(), 516u);
  GiveBackAll();
  EXPECT_EQ(pool().Shrink(512), 512u);
}

// Spec: T92, T93
TEST_F(PtpPoolTest, SinglePagesGoBackOneByOneAndAFailureLosesNone) {
  LeaveCached(4);
  kernel_.faults().FailAfter(FaultPoint::kBlockProtected, 0);
  taken_.push_back(*pool().Allocate(kProcess));  // From 16 pages, page by page.
  GiveBackAll();
  const std::size_t cached = pool().cached();
  const auto live = kernel_->frames().counters().live_frames;
  kernel_.faults().FailAfter(FaultPoint::kBlockProtected, 3);
  EXPECT_EQ(pool().Shrink(16), 3u);
  EXPECT_EQ(pool().cached(), cached - 3) << "the fourth is cached again";
  EXPECT_EQ(kernel_->frames().counters().live_frames, live - FrameCount(3));
  kernel_->CheckInvariants();
  EXPECT_EQ(pool().Shrink(100), 13u);
  EXPECT_EQ(kernel_->frames().counters().live_frames, live - FrameCount(16));
}

// Spec: T93
TEST_F(PtpPoolTest, AWholePageblockThatCannotBeChangedBackStaysThePools) {
  LeaveCached(4);
  taken_.push_back(*pool().Allocate(kProcess));
  GiveBackAll();
  kernel_.faults().FailAfter(FaultPoint::kBlockProtected, 0);
  EXPECT_EQ(pool().Shrink(512), 512u);
  const auto counters = kernel_->frames().counters();
  EXPECT_EQ(counters.free_blocks[frame::Visibility::kKeyed], 1u) << "free, and still keyed";
  EXPECT_EQ(counters.returned_blocks, 0u);
  kernel_->CheckInvariants();
  // The next refill takes it without any change of a mapping.
  LeaveCached(4);
  kernel_.TakeCounts();
  taken_.push_back(*pool().Allocate(kProcess));
  EXPECT_EQ(kernel_.TakeCounts()[Tally::kKeyChange], 0u);
  GiveBackAll();
}

// Spec: T87
TEST_F(PtpPoolTest, ManyThreadsThatPrepareAndSplitAllGetThrough) {
  LeaveCached(4);
  std::vector<std::thread> threads;
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    threads.emplace_back([&, cpu] {
      const OnCpu on_cpu(kernel_.cpu(cpu));
      for (std::uint32_t i = 0; i < 200; ++i) {
        // A pageblock of its own each time, which takes a table.
        const std::uint32_t block = 600 + 4 * i + cpu;
        const FrameRange part{FirstFrameOf(BlockNumber(block)) + FrameCount(3), FrameCount(1)};
        ASSERT_TRUE(kernel_->direct_map()
                        .Change(part, ptable::SetMemoryTo::kReadOnly, FlushWhen::kNow)
                        .ok());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(pool().deepest(), 1u) << "no refill inside of a refill";
  GiveBackAll();
}

// Spec: T88
TEST_F(PtpPoolTest, NoTableIsEverUnprotectedAtAnyTransition) {
  // At each event of every thread, the page that it is about carries the key.
  std::atomic<std::uint64_t> looked{0};
  kernel_.events().set_observer([&](const Event& event) {
    if (event.kind == EventKind::kTableTaken) {
      ++looked;
      EXPECT_TRUE(pool().IsProtected(FrameNumber(static_cast<std::uint32_t>(event.a))));
    }
  });
  LeaveCached(4);
  std::vector<std::thread> threads;
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    threads.emplace_back([&, cpu] {
      const OnCpu on_cpu(kernel_.cpu(cpu));
      std::vector<FrameNumber> mine;
      for (std::uint32_t i = 0; i < 300; ++i) {
        mine.push_back(*pool().Allocate(AccountId{static_cast<std::uint16_t>(10 + cpu)}));
        const FrameRange part{FirstFrameOf(BlockNumber(600 + 4 * i + cpu)), FrameCount(1)};
        ASSERT_TRUE(kernel_->direct_map()
                        .Change(part, ptable::SetMemoryTo::kReadOnly, FlushWhen::kNow)
                        .ok());
      }
      for (const FrameNumber frame : mine) {
        pool().Free(frame);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  kernel_.events().set_observer(nullptr);
  EXPECT_GT(looked, 1200u);
  GiveBackAll();
}

// A planted defect: the key is set and nobody is told. A processor that has the page cached as it
// was can write a live table.
TEST_F(PtpPoolTest, AProtectionWithoutItsFlushShowsAsAWriteThatGoesThrough) {
  LeaveCached(4);
  const FrameNumber next =
      *kernel_->frames().Allocate(kPageblockOrder, Request::Mapped(Mobility::kUnmovable));
  kernel_->frames().Free(next, kPageblockOrder);
  const OnCpu other(kernel_.cpu(1));
  ASSERT_TRUE(kernel_.cpu(1).Write(kernel_->direct_map().AddressOf(next), 1).ok());
  const OnCpu back(kernel_.cpu(0));
  kernel_.faults().FailAfter(FaultPoint::kFlush, 0);
  const FrameNumber table = *pool().Allocate(kProcess);
  ASSERT_EQ(table, next);
  EXPECT_TRUE(pool().IsProtected(table)) << "by the tables it is";
  EXPECT_TRUE(kernel_.cpu(1).Write(kernel_->direct_map().AddressOf(table), 1).ok());
  EXPECT_FALSE(kernel_.cpu(2).Write(kernel_->direct_map().AddressOf(table), 1).ok());
  kernel_.cpu(1).ForgetAll();
  EXPECT_FALSE(kernel_.cpu(1).Write(kernel_->direct_map().AddressOf(table), 1).ok());
  pool().Free(table);
  GiveBackAll();
}

}  // namespace
}  // namespace pageward::sim
