// Conversion of pageblocks by the page allocator over every platform: the model in memory, and real
// memory whose pages are touched one by one. The allocator itself and the order of its steps are
// tested in tests/unit/frame; here is what can be seen from outside.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/fake_leaf_source.h"
#include "tests/support/space/conversion_platform.h"

namespace pageward::frame {
namespace {

using testing_support::ConversionPlatform;
using testing_support::MakePlatform;

constexpr std::uint32_t kBlocks = 8;
constexpr std::uint32_t kFrames = kBlocks * kPageblockFrames;
constexpr Order kOrder0{0};
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);
constexpr Request kUnmapped = Request::Unmapped();

struct Kind {
  const char* name;
  MakePlatform make;
};

constexpr Kind kKinds[] = {
    {"Model", testing_support::MakeFakePlatform},
    {"Shared", testing_support::MakeSharedPlatform},
    {"Secret", testing_support::MakeSecretPlatform},
};

class ConversionConformanceTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    platform_ = GetParam().make(kBlocks);
    if (platform_ == nullptr) {
      GTEST_SKIP() << "this system grants no such memory (memfd_secret, RLIMIT_MEMLOCK)";
    }
    allocator_.emplace(records_, PageAllocator::Seams{leaves_, platform_->converter(), nullptr});
    // Walks are linear in the zone, and the tests of the allocator walk after each step.
    allocator_->set_walk_interval(64);
    allocator_->AddBlocks(BlockRange{BlockNumber(0), kBlocks});
  }
  void TearDown() override {
    if (allocator_) {
      platform_->set_observer(nullptr);
      allocator_->CheckInvariantsAtRest();
    }
  }

  FrameNumber Allocate(unsigned order, const Request& request) {
    const Result<FrameNumber> frame = allocator_->Allocate(Order(order), request);
    EXPECT_TRUE(frame.ok());
    return *frame;
  }
  std::vector<FrameNumber> AllocateMany(std::uint32_t count, const Request& request) {
    std::vector<FrameNumber> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      frames.push_back(Allocate(0, request));
    }
    return frames;
  }
  // Makes every pageblock unmapped and free.
  void HideAll() { allocator_->Free(Allocate(12, kUnmapped), Order(12)); }

  bool IsPresent(FrameNumber frame) {
    const bool is_readable = platform_->IsReadable(frame);
    EXPECT_EQ(platform_->IsWritable(frame), is_readable) << frame.value;
    return is_readable;
  }
  std::uint32_t CountPresent(FrameRange range) {
    std::uint32_t present = 0;
    for (FrameNumber frame = range.begin; frame < range.end(); frame = frame + FrameCount(1)) {
      present += IsPresent(frame) ? 1u : 0u;
    }
    return present;
  }
  std::uint32_t CountPresent() {
    return CountPresent(FrameRange{FrameNumber(0), FrameCount(kFrames)});
  }
  // Every frame can be reached exactly if the freetype of its pageblock says so.
  void ExpectPresenceIsRight() {
    for (FrameNumber frame; frame.value < kFrames; frame = frame + FrameCount(1)) {
      ASSERT_EQ(IsPresent(frame), allocator_->FlagsOf(frame.block()).freetype().IsMapped())
          << frame.value;
    }
  }

  std::vector<BlockRecord> records_ = std::vector<BlockRecord>(kBlocks);
  testing_support::FakeLeafSource leaves_;
  std::unique_ptr<ConversionPlatform> platform_;
  std::optional<PageAllocator> allocator_;
};

INSTANTIATE_TEST_SUITE_P(Platforms, ConversionConformanceTest, testing::ValuesIn(kKinds),
                         [](const auto& kind) { return kind.param.name; });

// Spec: T19
TEST_P(ConversionConformanceTest, TheFirstUnmappedRequestTakesOnePageblockOutOfReach) {
  EXPECT_EQ(CountPresent(), kFrames);
  const FrameNumber frame = Allocate(0, kUnmapped);
  EXPECT_EQ(CountPresent(), kFrames - kPageblockFrames);
  EXPECT_EQ(CountPresent(BlockRange{frame.block(), 1}.frames()), 0u);
  EXPECT_EQ(allocator_->counters().free_frames[Visibility::kUnmapped], FrameCount(511));
  EXPECT_EQ(platform_->changes(), 1u);
}

// Spec: T20
TEST_P(ConversionConformanceTest, AllFramesOfAPageblockCostOneChange) {
  std::vector<FrameNumber> frames = AllocateMany(kPageblockFrames, kUnmapped);
  EXPECT_EQ(platform_->changes(), 1u);
  EXPECT_EQ(allocator_->counters().flushes, 1u);
  for (const FrameNumber frame : frames) {
    EXPECT_FALSE(IsPresent(frame));
  }
  Allocate(0, kUnmapped);
  EXPECT_EQ(platform_->changes(), 2u);
}

// Spec: T21, T27
TEST_P(ConversionConformanceTest, ALargeRequestIsOneChangeAndOneFlushAndTheWayBackFlushesNothing) {
  const FrameNumber frame = Allocate(11, kUnmapped);
  EXPECT_EQ(platform_->changes(), 1u);
  EXPECT_EQ(allocator_->counters().flushes, 1u);
  EXPECT_EQ(CountPresent(FrameRange{frame, FrameCount(2048)}), 0u);
  EXPECT_EQ(CountPresent(), kFrames - 2048);
  allocator_->Free(frame, Order(11));
  EXPECT_EQ(allocator_->ReturnFreeBlocks(kUnmapped), 4u);
  EXPECT_EQ(allocator_->counters().flushes, 1u);
  EXPECT_EQ(CountPresent(), kFrames);
}

// Spec: T28
TEST_P(ConversionConformanceTest, FromAPageblockOnThereIsNoRemainder) {
  Allocate(9, kUnmapped);
  EXPECT_EQ(CountPresent(), kFrames - kPageblockFrames);
  EXPECT_EQ(allocator_->counters().free_frames[Visibility::kUnmapped], FrameCount(0));
}

// Spec: T23
TEST_P(ConversionConformanceTest, FlagsChangeOnlyAfterThePagesAreOutOfReach) {
  std::uint32_t seen = 0;
  platform_->set_observer([&] {
    ++seen;
    for (BlockNumber block; block.value < kBlocks; ++block.value) {
      const BlockFlags flags = allocator_->FlagsOf(block);
      EXPECT_TRUE(flags.freetype().IsMapped());
      if (flags.is_converting()) {
        EXPECT_EQ(allocator_->Describe(FirstFrameOf(block))->state, FrameState::kConverting);
      }
    }
  });
  const FrameNumber frame = Allocate(0, kUnmapped);
  EXPECT_EQ(seen, 1u);
  EXPECT_EQ(allocator_->FlagsOf(frame.block()).freetype(), Freetype::Unmapped());
}

// Spec: T24, T25
TEST_P(ConversionConformanceTest, RequestsThatMayNotBlockChangeNoMapping) {
  for (const RequestFlag flag : {RequestFlag::kMayNotBlock, RequestFlag::kTryLockOnly}) {
    EXPECT_EQ(allocator_->Allocate(kOrder0, kUnmapped.With(flag)).error(), Error::kWouldBlock);
  }
  EXPECT_EQ(platform_->changes(), 0u);
  EXPECT_EQ(CountPresent(), kFrames);
  Allocate(0, kUnmapped);
  const Result<FrameNumber> listed =
      allocator_->Allocate(kOrder0, kUnmapped.With(RequestFlag::kMayNotBlock));
  ASSERT_TRUE(listed.ok());
  EXPECT_FALSE(IsPresent(*listed));
  EXPECT_EQ(platform_->changes(), 1u);
}

// Spec: T29
TEST_P(ConversionConformanceTest, AFailedChangeLeavesEveryPageReachable) {
  const Counters before = allocator_->counters();
  platform_->FailChange();
  EXPECT_EQ(allocator_->Allocate(kOrder0, kUnmapped).error(), Error::kTooManyMappings);
  EXPECT_EQ(CountPresent(), kFrames);
  const Counters after = allocator_->counters();
  EXPECT_EQ(after.free_frames, before.free_frames);
  EXPECT_EQ(after.conversion_failures, 1u);
  // The lock is free and the blocks are where they were.
  EXPECT_EQ(Allocate(12, kMovable), FrameNumber(0));
}

// Spec: T29
TEST_P(ConversionConformanceTest, AFailedWayBackLeavesThePageblockOutOfReach) {
  HideAll();
  platform_->FailChange();
  EXPECT_EQ(allocator_->Allocate(kOrder0, kMovable).error(), Error::kTooManyMappings);
  EXPECT_EQ(CountPresent(), 0u);
  ExpectPresenceIsRight();
}

// Spec: T30
TEST_P(ConversionConformanceTest, AChangeThatStopsHalfwayIsUndone) {
  platform_->FailChangeHalfway();
  EXPECT_EQ(allocator_->Allocate(Order(10), kUnmapped).error(), Error::kTooManyMappings);
  EXPECT_EQ(CountPresent(), kFrames);
  ExpectPresenceIsRight();
  EXPECT_TRUE(allocator_->Allocate(Order(10), kUnmapped).ok());
}

// Spec: T31
TEST_P(ConversionConformanceTest, WhatBecomesMappedIsZeroIncludingWhatNobodyAskedFor) {
  const FrameNumber hidden = Allocate(12, kUnmapped);
  for (std::uint32_t i = 0; i < kFrames; i += 37) {
    platform_->WriteHidden(hidden + FrameCount(i), 's');
  }
  allocator_->Free(hidden, Order(12));
  const FrameNumber mapped = Allocate(0, kMovable);
  const FrameRange exposed = BlockRange{mapped.block(), 1}.frames();
  for (FrameNumber frame = exposed.begin; frame < exposed.end(); frame = frame + FrameCount(1)) {
    ASSERT_EQ(platform_->ReadHome(frame), 0) << frame.value;
  }
  // Nobody needed the others, and their contents are still there for views.
  for (std::uint32_t i = 0; i < kFrames; i += 37) {
    const FrameNumber frame = hidden + FrameCount(i);
    if (!exposed.Contains(frame)) {
      ASSERT_EQ(platform_->ReadHidden(frame), 's') << frame.value;
    }
  }
}

// Spec: T32
TEST_P(ConversionConformanceTest, AFreedFrameIsNeitherWrittenNorWritable) {
  const FrameNumber frame = Allocate(0, kUnmapped);
  platform_->WriteHidden(frame, 's');
  allocator_->Free(frame, kOrder0);
  EXPECT_FALSE(platform_->IsWritable(frame));
  EXPECT_FALSE(platform_->IsReadable(frame));
  EXPECT_EQ(platform_->ReadHidden(frame), 's');
}

// Spec: T33
TEST_P(ConversionConformanceTest, EveryConvertedBlockHasAFreetypeWithLists) {
  Allocate(9, Request::Mapped(Mobility::kReclaimable));
  Allocate(9, kMovable);
  for (std::uint32_t i = 0; i < kBlocks - 2; ++i) {
    const FrameNumber frame = Allocate(9, kUnmapped);
    EXPECT_EQ(allocator_->FlagsOf(frame.block()).freetype(), Freetype::Unmapped());
  }
  ExpectPresenceIsRight();
}

// Spec: T34
TEST_P(ConversionConformanceTest, MappedRequestsTakeFreeUnmappedBlocksBackWhenNothingElseIsLeft) {
  HideAll();
  for (const Request& request : {kMovable, kUnmovable}) {
    const FrameNumber frame = Allocate(3, request);
    EXPECT_TRUE(IsPresent(frame));
    EXPECT_EQ(platform_->ReadHome(frame), 0);
  }
  ExpectPresenceIsRight();
}

// Spec: T35
TEST_P(ConversionConformanceTest, AnEmptyThreadListIsFilledByOneConversion) {
  ThreadLists lists;
  allocator_->Attach(lists);
  std::vector<FrameNumber> frames;
  for (std::uint32_t i = 0; i < 100; ++i) {
    frames.push_back(*allocator_->Allocate(kOrder0, kUnmapped, lists));
  }
  EXPECT_EQ(platform_->changes(), 1u);
  for (const FrameNumber frame : frames) {
    EXPECT_FALSE(IsPresent(frame));
    allocator_->Free(frame, kOrder0, lists);
  }
  EXPECT_EQ(platform_->changes(), 1u);
  allocator_->Detach(lists);
}

// Spec: T36
TEST_P(ConversionConformanceTest, MoreThanHalfTheZoneCanBeUnmappedAndMappedAgain) {
  constexpr std::uint32_t kCount = kFrames / 2 + 1;
  const std::vector<FrameNumber> hidden = AllocateMany(kCount, kUnmapped);
  for (const FrameNumber frame : hidden) {
    ASSERT_FALSE(IsPresent(frame));
  }
  for (const FrameNumber frame : hidden) {
    allocator_->Free(frame, kOrder0);
  }
  for (const FrameNumber frame : AllocateMany(kCount, kMovable)) {
    ASSERT_TRUE(IsPresent(frame));
  }
  ExpectPresenceIsRight();
}

// Threads that allocate, free and convert at once; each marks what it holds.
// Spec: T22
TEST_P(ConversionConformanceTest, NobodyGetsAPageOfABlockUnderConversion) {
  platform_->set_observer([] { std::this_thread::yield(); });
  std::array<std::atomic<bool>, kFrames> taken{};
  std::atomic<std::uint32_t> wrong{0};
  const auto work = [&](std::uint64_t seed) {
    for (int step = 0; step < 400; ++step) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      const bool is_hidden = (seed >> 40) % 2 == 0;
      const Order order((seed >> 33) % 4 == 0 ? 9 : 0);
      const auto frame = allocator_->Allocate(order, is_hidden ? kUnmapped : kMovable);
      if (!frame.ok()) {
        continue;
      }
      wrong += taken[frame->value].exchange(true) ? 1u : 0u;
      wrong += platform_->IsReadable(*frame) == is_hidden ? 1u : 0u;
      wrong += allocator_->FlagsOf(frame->block()).is_converting() ? 1u : 0u;
      std::this_thread::yield();
      wrong += platform_->IsReadable(*frame) == is_hidden ? 1u : 0u;
      taken[frame->value] = false;
      allocator_->Free(*frame, order);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back(work, 31 + thread);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(allocator_->counters().converted_blocks, 0u);
  ExpectPresenceIsRight();
}

// Spec: T26
TEST(ConversionWithoutPlatformTest, WithoutAWayToChangeMappingsThereIsNoUnmappedMemory) {
  class Fixed final : public PageblockConverter {
   public:
    bool CanConvert() const override { return false; }
    Status Scrub(BlockRange) override { return Error::kUnsupported; }
    Status SetVisibility(BlockRange, Freetype) override { return Error::kUnsupported; }
    void RestoreVisibility(BlockRange, Freetype) override {}
    void Flush(BlockRange) override {}
  };
  Fixed fixed;
  testing_support::FakeLeafSource leaves;
  std::vector<BlockRecord> records(kBlocks);
  PageAllocator allocator(records, {leaves, fixed, nullptr});
  allocator.AddBlocks(BlockRange{BlockNumber(0), kBlocks});
  for (unsigned order = 0; order <= 12; ++order) {
    EXPECT_EQ(allocator.Allocate(Order(order), kUnmapped).error(), Error::kNoMemory);
  }
  EXPECT_EQ(allocator.counters().live_frames, FrameCount(0));
}

}  // namespace
}  // namespace pageward::frame
