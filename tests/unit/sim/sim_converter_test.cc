// Conversion on simulated memory, by the page allocator, with every answer taken from a walk of the
// real tables by a real processor.
#include "runtime/sim/sim_converter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

using frame::Freetype;
using frame::Mobility;
using frame::Request;
using frame::RequestFlag;
using frame::Visibility;
using testing_support::ConfigOf;
using testing_support::TestKernel;

constexpr std::uint64_t kMiB = TestKernel::kMiB;
constexpr Order kOne{0};
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);

class SimConverterTest : public testing::Test {
 protected:
  void TearDown() override { kernel_->CheckInvariants(); }

  frame::PageAllocator& frames() { return kernel_->frames(); }
  std::uint64_t Conversions(Visibility to) { return frames().counters().conversions[to]; }

  bool IsPresent(FrameNumber frame) { return kernel_.IsReachable(frame, 1); }
  std::uint32_t PresentIn(FrameRange range) {
    kernel_.cpu(1).ForgetAll();
    std::uint32_t present = 0;
    for (FrameNumber frame = range.begin; frame < range.end(); ++frame.value) {
      present += kernel_.ReadHome(frame, 1).has_value() ? 1u : 0u;
    }
    return present;
  }
  static FrameRange BlockOf(FrameNumber frame) { return BlockRange{frame.block(), 1}.frames(); }

  // Allocates unmapped frames until there are no free mapped pageblocks any more.
  std::vector<FrameNumber> HideEverything() {
    std::vector<FrameNumber> hidden;
    for (;;) {
      const auto frame = frames().Allocate(kPageblockOrder, Request::Unmapped());
      if (!frame.ok()) {
        return hidden;
      }
      hidden.push_back(*frame);
    }
  }

  TestKernel kernel_{ConfigOf(128 * kMiB)};
};

// Spec: T19
TEST_F(SimConverterTest, TheFirstUnmappedFrameTakesOnePageblockOutOfTheDirectMap) {
  const FrameNumber frame = *frames().Allocate(kOne, Request::Unmapped());
  EXPECT_EQ(PresentIn(BlockOf(frame)), 0u);
  EXPECT_EQ(frames().counters().free_frames[Visibility::kUnmapped], FrameCount(511));
  EXPECT_EQ(Conversions(Visibility::kUnmapped), 1u);
  EXPECT_TRUE(IsPresent(BlockOf(frame).begin - FrameCount(1)));
}

// Spec: T20
TEST_F(SimConverterTest, TheNext511FramesChangeNothing) {
  ASSERT_TRUE(frames().Allocate(kOne, Request::Unmapped()).ok());
  kernel_.TakeCounts();
  for (int i = 0; i < 511; ++i) {
    ASSERT_TRUE(frames().Allocate(kOne, Request::Unmapped()).ok());
  }
  const Counts counts = kernel_.TakeCounts();
  EXPECT_EQ(counts[Tally::kPresenceChange], 0u);
  EXPECT_EQ(counts[Tally::kFlushEvent], 0u);
  EXPECT_EQ(Conversions(Visibility::kUnmapped), 1u);
}

// Spec: T21
TEST_F(SimConverterTest, UnmappingIsOneFlushAndMappingIsNone) {
  kernel_.TakeCounts();
  const FrameNumber frame = *frames().Allocate(Order(11), Request::Unmapped());
  EXPECT_EQ(kernel_.TakeCounts()[Tally::kFlushEvent], 1u);
  frames().Free(frame, Order(11));
  kernel_.TakeCounts();
  EXPECT_EQ(frames().ReturnFreeBlocks(Request::Unmapped()), 4u);
  EXPECT_EQ(kernel_.TakeCounts()[Tally::kFlushEvent], 0u);
  EXPECT_EQ(PresentIn(FrameRange{frame, FrameCount(2048)}), 2048u);
}

// Spec: T23
TEST_F(SimConverterTest, TheFreetypeChangesAfterTheTablesAndAfterTheFlush) {
  std::vector<EventKind> order;
  BlockNumber block;
  kernel_.events().set_observer([&](const Event& event) {
    if (event.kind == EventKind::kConversionBegun) {
      block = BlockNumber(static_cast<std::uint32_t>(event.a));
    }
    if (event.kind == EventKind::kDirectMapChanged || event.kind == EventKind::kFlushed) {
      order.push_back(event.kind);
      EXPECT_TRUE(frames().FlagsOf(block).freetype().IsMapped()) << "not recorded yet";
      EXPECT_TRUE(frames().FlagsOf(block).is_converting());
    }
  });
  ASSERT_TRUE(frames().Allocate(kOne, Request::Unmapped()).ok());
  kernel_.events().set_observer(nullptr);
  EXPECT_EQ(order, (std::vector<EventKind>{EventKind::kDirectMapChanged, EventKind::kFlushed}));
  EXPECT_EQ(frames().FlagsOf(block).freetype(), Freetype::Unmapped());
}

// Spec: T14
TEST_F(SimConverterTest, ARequestThatMayNotConvertDoesNotCrossVisibilities) {
  const auto hidden = HideEverything();
  ASSERT_FALSE(hidden.empty());
  for (const FrameNumber frame : hidden) {
    frames().Free(frame, kPageblockOrder);
  }
  EXPECT_EQ(frames().Allocate(kPageblockOrder, kMovable.With(RequestFlag::kMayNotBlock)).error(),
            Error::kWouldBlock);
  EXPECT_EQ(frames().counters().free_blocks[Visibility::kUnmapped], hidden.size());
  // And the other way round, on a fresh machine.
  TestKernel fresh(ConfigOf(64 * kMiB));
  EXPECT_EQ(
      fresh->frames().Allocate(kOne, Request::Unmapped().With(RequestFlag::kMayNotBlock)).error(),
      Error::kWouldBlock);
}

// Spec: T24, T25
TEST_F(SimConverterTest, WhoMayNotBlockIsServedFromListsThatAreThereOrNotAtAll) {
  for (const RequestFlag flag : {RequestFlag::kMayNotBlock, RequestFlag::kTryLockOnly}) {
    EXPECT_FALSE(frames().Allocate(kOne, Request::Unmapped().With(flag)).ok());
  }
  EXPECT_EQ(Conversions(Visibility::kUnmapped), 0u);
  ASSERT_TRUE(frames().Allocate(kOne, Request::Unmapped()).ok());
  for (const RequestFlag flag : {RequestFlag::kMayNotBlock, RequestFlag::kTryLockOnly}) {
    EXPECT_TRUE(frames().Allocate(kOne, Request::Unmapped().With(flag)).ok());
  }
  EXPECT_EQ(Conversions(Visibility::kUnmapped), 1u);
}

// Spec: T26
TEST_F(SimConverterTest, ADirectMapThatCannotChangeGivesNoMemoryOfTheWrongKind) {
  KernelConfig config = ConfigOf(64 * kMiB);
  config.tables.policy = PtpPolicy::kNone;
  config.direct_map.can_change = false;
  TestKernel fixed(config);
  EXPECT_EQ(fixed->frames().Allocate(kOne, Request::Unmapped()).error(), Error::kNoMemory);
  EXPECT_EQ(fixed->frames().counters().live_frames, FrameCount(0));
}

// Spec: T27, T28
TEST_F(SimConverterTest, ALargeRequestConvertsAsManyPageblocksInOneRange) {
  kernel_.TakeCounts();
  const FrameNumber frame = *frames().Allocate(Order(12), Request::Unmapped());
  EXPECT_EQ(kernel_.TakeCounts()[Tally::kFlushEvent], 1u);
  EXPECT_EQ(frames().counters().free_frames[Visibility::kUnmapped], FrameCount(0)) << "no rest";
  for (std::uint32_t block = 0; block < 8; ++block) {
    EXPECT_EQ(frames().FlagsOf(frame.block() + block).freetype(), Freetype::Unmapped());
  }
  EXPECT_EQ(PresentIn(FrameRange{frame, FrameCount(4096)}), 0u);
}

// Spec: T29, T30
TEST_F(SimConverterTest, AFailureAtAnyBlockPutsAllOfThemBack) {
  for (std::uint32_t failing = 0; failing < 4; ++failing) {
    const auto before = frames().counters();
    kernel_.faults().FailAfter(FaultPoint::kBlockProtected, failing);
    const auto frame = frames().Allocate(Order(11), Request::Unmapped());
    ASSERT_FALSE(frame.ok());
    EXPECT_EQ(frame.error(), Error::kNoMemory);
    const auto after = frames().counters();
    EXPECT_EQ(after.free_frames, before.free_frames);
    EXPECT_EQ(after.free_blocks, before.free_blocks);
    EXPECT_EQ(after.converting_frames, FrameCount(0));
    EXPECT_EQ(after.conversion_failures, before.conversion_failures + 1);
    const FrameRange managed{FrameNumber(kPageblockFrames), FrameCount(63 * kPageblockFrames)};
    EXPECT_EQ(PresentIn(managed), managed.count.value);
    kernel_->CheckInvariants();
  }
  // No lock is held: the same request goes through.
  EXPECT_TRUE(frames().Allocate(Order(11), Request::Unmapped()).ok());
}

// Spec: T29
TEST_F(SimConverterTest, ASplitWithoutTablePagesFailsTheConversionAndNothingElse) {
  TestKernel large(ConfigOf(2 * TestKernel::kGiB));
  // All but the second gigabyte, which is one leaf, so that the conversion has to split it.
  for (unsigned order = kPageblockOrder.value(); order < kMaxOrder.value(); ++order) {
    ASSERT_TRUE(large->frames().Allocate(Order(order), kUnmovable).ok());
  }
  const auto before = large->frames().counters();
  ASSERT_EQ(before.free_frames[Visibility::kMapped], kMaxOrder.frames());
  large.faults().FailAfter(FaultPoint::kTablePage, 0);
  EXPECT_EQ(large->frames().Allocate(kOne, Request::Unmapped()).error(), Error::kNoMemory);
  EXPECT_EQ(large->frames().counters().free_frames, before.free_frames);
  large->CheckInvariants();
  EXPECT_TRUE(large->frames().Allocate(kOne, Request::Unmapped()).ok());
  EXPECT_EQ(large->direct_map().splits(), 1u);
}

// Spec: T31
TEST_F(SimConverterTest, WhatBecomesMappedIsZeroInEveryPage) {
  TestKernel other(ConfigOf(64 * kMiB));
  std::vector<FrameNumber> hidden;
  for (;;) {
    const auto next = other->frames().Allocate(kPageblockOrder, Request::Unmapped());
    if (!next.ok()) {
      break;
    }
    for (std::uint32_t i = 0; i < kPageblockFrames; ++i) {
      other->ram().Fill(*next + FrameCount(i), FillTag{99});
    }
    hidden.push_back(*next);
  }
  other->frames().Free(hidden.front(), kPageblockOrder);
  const auto mapped = other->frames().Allocate(kOne, kUnmovable);
  ASSERT_TRUE(mapped.ok());
  const FrameRange opened = BlockOf(*mapped);
  EXPECT_EQ(opened, BlockOf(hidden.front()));
  for (FrameNumber each = opened.begin; each < opened.end(); ++each.value) {
    ASSERT_TRUE(other->ram().IsZero(each)) << each.value;
    ASSERT_EQ(other.ReadHome(each), 0u);
  }
  EXPECT_EQ(other->counts()[Tally::kFrameScrubbed], kPageblockFrames);
}

// Spec: T31
TEST_F(SimConverterTest, AScrubThatFailsLeavesThePageblockHidden) {
  const auto hidden = HideEverything();
  frames().Free(hidden.front(), kPageblockOrder);
  kernel_.faults().FailAfter(FaultPoint::kScrub, 0);
  EXPECT_EQ(frames().Allocate(kOne, kUnmovable).error(), Error::kNoMemory);
  EXPECT_EQ(PresentIn(BlockOf(hidden.front())), 0u);
  EXPECT_EQ(frames().counters().free_blocks[Visibility::kUnmapped], 1u);
}

// Spec: T32
TEST_F(SimConverterTest, AFrameFreedIntoAnUnmappedBlockStaysHiddenAndIsNotWritten) {
  const FrameNumber frame = *frames().Allocate(kOne, Request::Unmapped());
  kernel_->ram().Fill(frame, FillTag{7});
  frames().Free(frame, kOne);
  EXPECT_EQ(kernel_->ram().Load(kernel_->ram().AddressOf(frame)), SimRam::PatternOf(FillTag{7}));
  EXPECT_FALSE(IsPresent(frame));
  EXPECT_FALSE(kernel_.cpu().Write(kernel_->direct_map().AddressOf(frame), 0).ok());
}

// Spec: T33
TEST_F(SimConverterTest, ABlockOfTheSameMobilityIsConvertedFirstAndTheResultAlwaysHasLists) {
  // One unmovable pageblock that is whole and free, among movable ones.
  const FrameNumber unmovable = *frames().Allocate(kPageblockOrder, kUnmovable);
  frames().Free(unmovable, kPageblockOrder);
  ASSERT_EQ(frames().FlagsOf(unmovable.block()).freetype(), Freetype::Mapped(Mobility::kUnmovable));
  const FrameNumber first = *frames().Allocate(kPageblockOrder, Request::Unmapped());
  EXPECT_EQ(first.block(), unmovable.block());
  const FrameNumber second = *frames().Allocate(kPageblockOrder, Request::Unmapped());
  for (const FrameNumber frame : {first, second}) {
    EXPECT_TRUE(frame::HasLists(frames().FlagsOf(frame.block()).freetype()));
    EXPECT_EQ(frames().FlagsOf(frame.block()).freetype(), Freetype::Unmapped());
  }
}

// Spec: T34
TEST_F(SimConverterTest, MovableRequestsTakeFreeUnmappedBlocksBackWhenNothingElseIsLeft) {
  auto hidden = HideEverything();
  frames().Free(hidden.back(), kPageblockOrder);
  const auto frame = frames().Allocate(kOne, kMovable);
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(BlockOf(*frame), BlockOf(hidden.back()));
  EXPECT_TRUE(IsPresent(*frame));
  EXPECT_EQ(frames().counters().reclaimed_blocks, 1u);
  EXPECT_EQ(frames().FlagsOf(frame->block()).freetype(), Freetype::Mapped(Mobility::kMovable));
}

// Spec: T35
TEST_F(SimConverterTest, AnEmptyCacheOverEmptyListsConvertsOnce) {
  const FrameNumber frame = *kernel_->AllocateFrame(kOne, Request::Unmapped());
  EXPECT_EQ(Conversions(Visibility::kUnmapped), 1u);
  EXPECT_FALSE(IsPresent(frame));
  kernel_.TakeCounts();
  for (int i = 0; i < 511; ++i) {
    ASSERT_TRUE(kernel_->AllocateFrame(kOne, Request::Unmapped()).ok());
  }
  EXPECT_EQ(Conversions(Visibility::kUnmapped), 1u);
  EXPECT_EQ(kernel_.TakeCounts()[Tally::kFlushEvent], 0u);
}

// Spec: T36
TEST_F(SimConverterTest, HalfOfAllFramesAndOneMoreGoOutAndComeBack) {
  const std::uint32_t half = frames().counters().managed_frames.value / 2 + 1;
  std::vector<FrameNumber> taken;
  for (std::uint32_t i = 0; i < half; ++i) {
    taken.push_back(*frames().Allocate(kOne, Request::Unmapped()));
  }
  kernel_.cpu(1).ForgetAll();
  for (const FrameNumber frame : taken) {
    ASSERT_FALSE(kernel_.ReadHome(frame, 1).has_value());
    ASSERT_EQ(frames().FlagsOf(frame.block()).freetype(), Freetype::Unmapped());
  }
  for (const FrameNumber frame : taken) {
    frames().Free(frame, kOne);
  }
  taken.clear();
  for (std::uint32_t i = 0; i < half; ++i) {
    taken.push_back(*frames().Allocate(kOne, kUnmovable));
  }
  kernel_.cpu(1).ForgetAll();
  for (const FrameNumber frame : taken) {
    ASSERT_TRUE(kernel_.ReadHome(frame, 1).has_value());
  }
}

// Spec: T37
TEST_F(SimConverterTest, UnmappedAndZeroedIsRefusedByTheAllocator) {
  EXPECT_EQ(frames().Allocate(kOne, Request::Unmapped().With(RequestFlag::kZeroed)).error(),
            Error::kInvalid);
  EXPECT_EQ(Conversions(Visibility::kUnmapped), 0u);
}

// Spec: T41
TEST_F(SimConverterTest, TheCountersOfFreeBlocksAreWhatCountingGives) {
  std::vector<FrameNumber> taken;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const Request request = i % 3 == 0 ? Request::Unmapped() : kUnmovable;
    const Order order(i % 4 == 0 ? 9u : i % 3);
    if (const auto frame = frames().Allocate(order, request); frame.ok()) {
      taken.push_back(*frame);
    }
    if (i % 5 == 4) {
      frames().FreeRun(*frames().RunContaining(taken.front()));
      taken.erase(taken.begin());
    }
    std::uint32_t mapped = 0;
    std::uint32_t unmapped = 0;
    for (std::uint32_t block = 0; block < 64; ++block) {
      const auto report = frames().Describe(FirstFrameOf(BlockNumber(block)));
      const bool is_free = report && report->state == frame::FrameState::kFree &&
                           report->piece.count.value >= kPageblockFrames;
      mapped += is_free && report->freetype.IsMapped() ? 1u : 0u;
      unmapped += is_free && report->freetype == Freetype::Unmapped() ? 1u : 0u;
    }
    ASSERT_EQ(frames().counters().free_blocks[Visibility::kMapped], mapped);
    ASSERT_EQ(frames().counters().free_blocks[Visibility::kUnmapped], unmapped);
  }
}

// Spec: T22, T43
TEST_F(SimConverterTest, UnderLoadNobodyGetsAFrameOfAConvertingBlockAndNoTwoTheSame) {
  kernel_->frames().set_walk_interval(0);
  std::vector<std::atomic<std::uint8_t>> owned(64 * kPageblockFrames);
  std::atomic<std::uint64_t> failures{0};
  std::vector<std::thread> threads;
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    threads.emplace_back([&, cpu] {
      const OnCpu on_cpu(kernel_.cpu(cpu));
      std::vector<FrameRange> mine;
      std::uint32_t seed = cpu * 7919 + 1;
      for (int i = 0; i < 1500; ++i) {
        seed = seed * 1664525 + 1013904223;
        const Order order((seed >> 8) % 5);
        const bool is_hidden = (seed >> 16) % 2 == 0;
        const auto frame = frames().Allocate(order, is_hidden ? Request::Unmapped() : kUnmovable);
        if (!frame.ok()) {
          ++failures;
        } else {
          const FrameRange run{*frame, order.frames()};
          for (FrameNumber each = run.begin; each < run.end(); ++each.value) {
            ASSERT_EQ(owned[each.value].exchange(1), 0u) << "handed out twice: " << each.value;
          }
          ASSERT_FALSE(frames().FlagsOf(run.begin.block()).is_converting());
          ASSERT_EQ(kernel_->direct_map().IsPresent(run.begin), !is_hidden);
          mine.push_back(run);
        }
        if (mine.size() > 40 || !frame.ok()) {
          if (!mine.empty()) {
            const FrameRange run = mine.front();
            mine.erase(mine.begin());
            for (FrameNumber each = run.begin; each < run.end(); ++each.value) {
              owned[each.value] = 0;
            }
            frames().FreeRun(run);
          }
          if (i % 64 == 0) {
            frames().ReturnFreeBlocks(Request::Unmapped());
          }
        }
      }
      for (const FrameRange run : mine) {
        for (FrameNumber each = run.begin; each < run.end(); ++each.value) {
          owned[each.value] = 0;
        }
        frames().FreeRun(run);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const auto counters = frames().counters();
  EXPECT_EQ(counters.live_frames, FrameCount(0));
  EXPECT_GT(counters.conversions[Visibility::kUnmapped], 0u);
}

// Spec: T78
TEST_F(SimConverterTest, AnOwnerWithoutAKeyGetsNoMemoryAndNeverMemoryWithoutProtection) {
  frame::OwnerLists owner{frame::OwnerId(77)};
  frames().RegisterOwner(owner);
  EXPECT_EQ(frames().Allocate(kPageblockOrder, Request::Keyed(owner)).error(), Error::kNoKeys);
  const arch::Pkey key = *kernel_->keys().Assign(owner.id());
  const FrameNumber frame = *frames().Allocate(kPageblockOrder, Request::Keyed(owner));
  EXPECT_EQ(kernel_->direct_map().PermissionsOf(frame).key, key);
  EXPECT_FALSE(IsPresent(frame)) << "closed by its key";
  frames().Free(frame, kPageblockOrder);
  EXPECT_EQ(frames().ReturnFreeBlocks(Request::Keyed(owner)), 1u);
  EXPECT_TRUE(IsPresent(frame));
  ASSERT_TRUE(frames().UnregisterOwner(owner).ok());
  kernel_->keys().Release(owner.id());
}

// Spec: T78
TEST(OwnerKeysTest, WhenAllKeysAreTakenTheNextOwnerHasNone) {
  OwnerKeys keys;
  for (std::uint16_t owner = 1; owner <= arch::Pkey::kCount - kFirstDomainKey; ++owner) {
    ASSERT_TRUE(keys.Assign(frame::OwnerId(owner)).ok()) << owner;
  }
  EXPECT_EQ(keys.Assign(frame::OwnerId(99)).error(), Error::kNoKeys);
  EXPECT_EQ(keys.KeyOf(frame::OwnerId(99)).error(), Error::kNoKeys);
  keys.Release(frame::OwnerId(3));
  EXPECT_TRUE(keys.Assign(frame::OwnerId(99)).ok());
}

}  // namespace
}  // namespace pageward::sim
