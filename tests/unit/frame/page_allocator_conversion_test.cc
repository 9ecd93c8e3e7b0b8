// Conversion: when it happens, what it does in which order, and what a failure leaves behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::FakeConverter;
using testing_support::TestZone;
using Kind = FakeConverter::Kind;
using Steps = std::vector<FakeConverter::Step>;

constexpr std::uint32_t kBlocks = 8;
constexpr Order kOrder0{0};
constexpr Request kMovable = Request::Mapped(Mobility::kMovable);
constexpr Request kUnmovable = Request::Mapped(Mobility::kUnmovable);
constexpr Request kReclaimable = Request::Mapped(Mobility::kReclaimable);
constexpr Request kUnmapped = Request::Unmapped();

class ConversionTest : public testing::Test {
 protected:
  ConversionTest() { allocator_.RegisterOwner(owner_); }
  ~ConversionTest() override {
    allocator_.CheckInvariantsAtRest();
    converter_.StopFailing();
    converter_.set_can_convert(true);
    converter_.set_observer(nullptr);
    zone_.FreeAllRuns();
    if (owner_.IsRegistered()) {
      allocator_.ReturnFreeBlocks(keyed_);
      EXPECT_TRUE(allocator_.UnregisterOwner(owner_).ok());
    }
  }

  FrameNumber Allocate(unsigned order, const Request& request) {
    const Result<FrameNumber> frame = allocator_.Allocate(Order(order), request);
    EXPECT_TRUE(frame.ok());
    return *frame;
  }
  // Makes every pageblock unmapped and free.
  void HideAll() {
    allocator_.Free(Allocate(12, kUnmapped), Order(12));
    converter_.ForgetSteps();
  }
  std::vector<FrameNumber> AllocateAll(unsigned order, const Request& request,
                                       std::uint32_t count) {
    std::vector<FrameNumber> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      frames.push_back(Allocate(order, request));
    }
    return frames;
  }
  void FreeAll(const std::vector<FrameNumber>& frames, unsigned order) {
    for (const FrameNumber frame : frames) {
      allocator_.Free(frame, Order(order));
    }
  }
  // Every pageblock is set as its freetype says.
  void ExpectVisibilitiesAgree() {
    for (std::uint32_t block = 0; block < kBlocks; ++block) {
      const Freetype type = allocator_.FlagsOf(BlockNumber(block)).freetype();
      EXPECT_TRUE(HasLists(type));
      EXPECT_TRUE(CanMerge(converter_.SettingOf(BlockNumber(block)), type)) << block;
      EXPECT_EQ(converter_.IsPresent(FirstFrameOf(BlockNumber(block))), type.IsMapped()) << block;
    }
  }

  OwnerLists owner_{OwnerId(7)};
  const Request keyed_ = Request::Keyed(owner_);
  TestZone zone_{kBlocks};
  PageAllocator& allocator_ = zone_.allocator();
  FakeConverter& converter_ = zone_.converter();
};

// Spec: T19
TEST_F(ConversionTest, TheFirstUnmappedRequestConvertsExactlyOnePageblock) {
  const FrameNumber frame = Allocate(0, kUnmapped);
  EXPECT_EQ(converter_.PresentFrames(), (kBlocks - 1) * 512);
  EXPECT_FALSE(converter_.IsPresent(frame));
  const Counters counters = allocator_.counters();
  EXPECT_EQ(counters.converted_blocks, 1u);
  EXPECT_EQ(counters.conversions[Visibility::kUnmapped], 1u);
  EXPECT_EQ(counters.live_frames, FrameCount(1));
  EXPECT_EQ(counters.free_frames[Visibility::kUnmapped], FrameCount(511));
  EXPECT_EQ(counters.free_frames[Visibility::kMapped], FrameCount((kBlocks - 1) * 512));
}

// Spec: T20
TEST_F(ConversionTest, TheOther511FramesCostNoFurtherStep) {
  Allocate(0, kUnmapped);
  converter_.ForgetSteps();
  const auto frames = AllocateAll(0, kUnmapped, 511);
  EXPECT_TRUE(converter_.steps().empty());
  EXPECT_EQ(frames.front().block(), frames.back().block());
  Allocate(0, kUnmapped);
  EXPECT_EQ(converter_.CountOf(Kind::kSet), 1u) << "the pageblock was used up";
}

// Spec: T21
TEST_F(ConversionTest, UnmappingFlushesTheWholeRangeOnceAndMappingNever) {
  const FrameNumber frame = Allocate(11, kUnmapped);
  const BlockRange blocks{frame.block(), 4};
  EXPECT_EQ(converter_.steps(),
            (Steps{{Kind::kSet, blocks, Freetype::Unmapped()}, {Kind::kFlush, blocks, {}}}));
  EXPECT_EQ(allocator_.counters().flushes, 1u);
  allocator_.Free(frame, Order(11));
  converter_.ForgetSteps();
  EXPECT_EQ(allocator_.ReturnFreeBlocks(kUnmapped), 4u);
  EXPECT_EQ(converter_.CountOf(Kind::kFlush), 0u);
  EXPECT_EQ(allocator_.counters().flushes, 1u);
  EXPECT_EQ(allocator_.counters().scrubs, 1u);
}

// Spec: T22, T23
TEST_F(ConversionTest, FlagsChangeAfterTheFlushAndTheBlockIsOnNoListUntilThen) {
  std::vector<Kind> seen;
  converter_.set_observer([&](const FakeConverter::Step& step) {
    seen.push_back(step.kind);
    const FrameNumber frame = FirstFrameOf(step.blocks.begin);
    EXPECT_EQ(zone_.TypeOf(frame), kMovable.freetype());
    EXPECT_TRUE(allocator_.FlagsOf(step.blocks.begin).is_converting());
    EXPECT_EQ(allocator_.Describe(frame)->state, FrameState::kConverting);
    EXPECT_EQ(allocator_.counters().free_frames[Visibility::kMapped],
              FrameCount((kBlocks - 1) * 512));
    EXPECT_EQ(allocator_.counters().free_frames[Visibility::kUnmapped], FrameCount(0));
  });
  const FrameNumber frame = Allocate(0, kUnmapped);
  EXPECT_EQ(seen, (std::vector{Kind::kSet, Kind::kFlush}));
  EXPECT_EQ(zone_.TypeOf(frame), Freetype::Unmapped());
  EXPECT_FALSE(allocator_.FlagsOf(frame.block()).is_converting());
}

// Spec: T23
TEST_F(ConversionTest, FlagsChangeAfterTheMappingOnTheWayBackToo) {
  HideAll();
  std::vector<Kind> seen;
  converter_.set_observer([&](const FakeConverter::Step& step) {
    seen.push_back(step.kind);
    EXPECT_EQ(allocator_.FlagsOf(step.blocks.begin).freetype(), Freetype::Unmapped());
  });
  EXPECT_EQ(zone_.TypeOf(Allocate(0, kMovable)), kMovable.freetype());
  EXPECT_EQ(seen, (std::vector{Kind::kScrub, Kind::kSet}));
}

// Spec: T24
TEST_F(ConversionTest, RequestsThatMayNotBlockNeverConvert) {
  const Request request = kUnmapped.With(RequestFlag::kMayNotBlock);
  EXPECT_EQ(allocator_.Allocate(kOrder0, request).error(), Error::kWouldBlock);
  EXPECT_EQ(allocator_.AllocateRun(FrameCount(3), kOrder0, request).error(), Error::kWouldBlock);
  EXPECT_TRUE(converter_.steps().empty());
  EXPECT_TRUE(zone_.compactor().orders().empty());
  Allocate(0, kUnmapped);
  converter_.ForgetSteps();
  EXPECT_TRUE(allocator_.Allocate(kOrder0, request).ok()) << "there is something on the lists";
  EXPECT_TRUE(converter_.steps().empty());
}

// Spec: T25
TEST_F(ConversionTest, RequestsThatOnlyTryTheLockNeverConvertAndTryOnce) {
  const Request request = kUnmapped.With(RequestFlag::kTryLockOnly);
  EXPECT_EQ(allocator_.Allocate(kOrder0, request).error(), Error::kWouldBlock);
  EXPECT_TRUE(converter_.steps().empty());
  Allocate(0, kUnmapped);
  EXPECT_TRUE(allocator_.Allocate(kOrder0, request).ok());
  zone_.WhileLocked(
      [&] { EXPECT_EQ(allocator_.Allocate(kOrder0, request).error(), Error::kWouldBlock); });
}

// Spec: T26
TEST_F(ConversionTest, WithoutAWayToChangeMappingsThereIsNoMemory) {
  converter_.set_can_convert(false);
  EXPECT_EQ(allocator_.Allocate(kOrder0, kUnmapped).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.Allocate(kOrder0, keyed_).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.ReturnFreeBlocks(kUnmapped), 0u);
  EXPECT_TRUE(converter_.steps().empty());
  EXPECT_EQ(allocator_.counters().live_frames, FrameCount(0));
}

// Spec: T27
TEST_F(ConversionTest, LargerRequestsConvertAllTheirPageblocksInOneRange) {
  for (const unsigned order : {10u, 11u}) {
    converter_.ForgetSteps();
    const FrameNumber frame = Allocate(order, kUnmapped);
    const BlockRange blocks{frame.block(), 1u << (order - 9)};
    EXPECT_EQ(converter_.steps(),
              (Steps{{Kind::kSet, blocks, Freetype::Unmapped()}, {Kind::kFlush, blocks, {}}}));
    for (BlockNumber block = blocks.begin; block < blocks.end(); ++block.value) {
      EXPECT_EQ(allocator_.FlagsOf(block).freetype(), Freetype::Unmapped());
    }
  }
}

// Spec: T28
TEST_F(ConversionTest, FromAPageblockOnThereIsNoRemainder) {
  for (const unsigned order : {9u, 10u}) {
    Allocate(order, kUnmapped);
    EXPECT_EQ(allocator_.counters().free_frames[Visibility::kUnmapped], FrameCount(0));
  }
}

// What must be as before after a failure.
struct Before {
  explicit Before(TestZone& zone)
      : counters(zone.allocator().counters()), present(zone.converter().PresentFrames()) {
    for (std::uint32_t block = 0; block < kBlocks; ++block) {
      flags.push_back(zone.allocator().FlagsOf(BlockNumber(block)));
    }
  }

  Counters counters;
  std::uint32_t present;
  std::vector<BlockFlags> flags;
};

void ExpectUnchanged(const Before& before, TestZone& zone) {
  Before after(zone);
  // What happened is counted, where frames are is not changed.
  EXPECT_EQ(after.counters.conversion_failures, before.counters.conversion_failures + 1);
  after.counters.conversion_failures = before.counters.conversion_failures;
  after.counters.flushes = before.counters.flushes;
  after.counters.scrubs = before.counters.scrubs;
  // A leaf that was made for it stays for the next time.
  after.counters.leaves = before.counters.leaves;
  EXPECT_EQ(after.counters, before.counters);
  EXPECT_EQ(after.present, before.present);
  EXPECT_EQ(after.flags, before.flags);
  // The lock is free.
  EXPECT_NE(zone.allocator().Allocate(kOrder0, kMovable.With(RequestFlag::kTryLockOnly)).ok(),
            before.counters.free_frames[Visibility::kMapped] == FrameCount(0));
}

// Spec: T29
TEST_F(ConversionTest, AFailureToUnmapLeavesEverythingAsItWas) {
  // What is taken for it is not of its mobility, and must not be afterwards.
  Allocate(0, kReclaimable);
  const Before before(zone_);
  converter_.FailAfter(0, Error::kTooManyMappings);
  EXPECT_EQ(allocator_.Allocate(kOrder0, kUnmapped).error(), Error::kTooManyMappings);
  EXPECT_EQ(converter_.steps().back().kind, Kind::kRestore);
  ExpectUnchanged(before, zone_);
}

// Spec: T29
TEST_F(ConversionTest, AFailureAtAnyStepOfTheWayBackLeavesTheBlockUnmapped) {
  HideAll();
  for (std::uint32_t step = 0; step < 2; ++step) {
    const Before before(zone_);
    converter_.FailAfter(step, Error::kNoMemory);
    EXPECT_EQ(allocator_.Allocate(kOrder0, kMovable).error(), Error::kNoMemory);
    ExpectUnchanged(before, zone_);
    EXPECT_EQ(before.present, 0u);
  }
}

// Spec: T29
TEST_F(ConversionTest, AFailureToKeyLeavesTheOwnerWithoutBlocks) {
  const Before before(zone_);
  converter_.FailAfter(0, Error::kNoKeys);
  EXPECT_EQ(allocator_.Allocate(kOrder0, keyed_).error(), Error::kNoKeys);
  ExpectUnchanged(before, zone_);
  EXPECT_EQ(owner_.block_count(), 0u);
}

// Spec: T30
TEST_F(ConversionTest, APartialFailureRestoresEveryPageblock) {
  for (const std::uint32_t changed : {0u, 1u, 3u}) {
    TestZone zone(kBlocks);
    const Before before(zone);
    zone.converter().FailSetAfterBlocks(changed, Error::kNoMemory);
    EXPECT_EQ(zone.allocator().Allocate(Order(11), kUnmapped).error(), Error::kNoMemory);
    EXPECT_EQ(zone.converter().PresentFrames(), kBlocks * 512);
    ExpectUnchanged(before, zone);
  }
}

// Spec: T31
TEST_F(ConversionTest, WhatBecomesMappedIsZeroIncludingWhatNobodyAskedFor) {
  const FrameNumber hidden = Allocate(12, kUnmapped);
  for (std::uint32_t frame = 0; frame < kBlocks * 512; ++frame) {
    converter_.Write(FrameNumber(frame));
  }
  allocator_.Free(hidden, Order(12));
  const FrameNumber mapped = Allocate(0, kMovable);
  for (std::uint32_t frame = 0; frame < kBlocks * 512; ++frame) {
    const bool is_exposed = FrameNumber(frame).block() == mapped.block();
    EXPECT_EQ(converter_.IsZero(FrameNumber(frame)), is_exposed) << frame;
  }
  EXPECT_EQ(allocator_.counters().scrubs, 1u);
}

TEST_F(ConversionTest, FramesReachAnotherOwnerScrubbed) {
  OwnerLists other(OwnerId(8));
  allocator_.RegisterOwner(other);
  const FrameNumber frame = Allocate(12, keyed_);
  converter_.Write(frame);
  allocator_.Free(frame, Order(12));
  EXPECT_EQ(allocator_.Allocate(kOrder0, Request::Keyed(other)).error(), Error::kNoFrames)
      << "an owner keeps its blocks";
  EXPECT_EQ(allocator_.ReturnFreeBlocks(keyed_), kBlocks);
  EXPECT_EQ(owner_.block_count(), 0u);
  EXPECT_TRUE(allocator_.UnregisterOwner(owner_).ok());
  EXPECT_EQ(Allocate(12, Request::Keyed(other)), frame);
  EXPECT_TRUE(converter_.IsZero(frame));
  allocator_.Free(frame, Order(12));
  EXPECT_EQ(allocator_.UnregisterOwner(other).error(), Error::kInUse);
  EXPECT_EQ(allocator_.ReturnFreeBlocks(Request::Keyed(other)), kBlocks);
  EXPECT_TRUE(allocator_.UnregisterOwner(other).ok());
}

TEST_F(ConversionTest, KeyedMemoryHasItsOwnersFreetypeAndLists) {
  const FrameNumber frame = Allocate(0, keyed_);
  EXPECT_EQ(zone_.TypeOf(frame), Freetype::Keyed(OwnerId(7)));
  EXPECT_EQ(converter_.SettingOf(frame.block()), Freetype::Keyed(OwnerId(7)));
  EXPECT_EQ(owner_.free_frames(), FrameCount(511));
  EXPECT_EQ(owner_.block_count(), 1u);
  EXPECT_EQ(Allocate(0, keyed_).block(), frame.block());
  EXPECT_EQ(allocator_.counters().conversions[Visibility::kKeyed], 1u);
}

TEST_F(ConversionTest, UnmappedBlocksServeAnOwnerWhenNoMappedOneIsLeft) {
  HideAll();
  const FrameNumber frame = Allocate(0, keyed_);
  EXPECT_EQ(converter_.steps(), (Steps{{Kind::kScrub, {frame.block(), 1}, {}},
                                       {Kind::kSet, {frame.block(), 1}, keyed_.freetype()},
                                       {Kind::kFlush, {frame.block(), 1}, {}}}));
  EXPECT_EQ(allocator_.counters().reclaimed_blocks, 1u);
  ExpectVisibilitiesAgree();
}

// Spec: T32
TEST_F(ConversionTest, AFreedFrameStaysUnmappedAndIsNotWritten) {
  const FrameNumber frame = Allocate(0, kUnmapped);
  converter_.Write(frame);
  converter_.ForgetSteps();
  allocator_.Free(frame, kOrder0);
  EXPECT_TRUE(converter_.steps().empty());
  EXPECT_FALSE(converter_.IsPresent(frame));
  EXPECT_FALSE(converter_.IsZero(frame));
  EXPECT_EQ(zone_.TypeOf(frame), Freetype::Unmapped());
}

// Spec: T33
TEST_F(ConversionTest, AConversionTakesItsOwnMobilityFirstAndClaimsOthersAfterwards) {
  allocator_.Free(Allocate(9, kReclaimable), kPageblockOrder);
  const FrameNumber unmovable = Allocate(9, kUnmovable);
  const FrameNumber movable = Allocate(9, kMovable);
  allocator_.Free(unmovable, kPageblockOrder);
  const FrameNumber first = Allocate(9, kUnmapped);
  const FrameNumber second = Allocate(9, kUnmapped);
  EXPECT_EQ(first, unmovable);
  EXPECT_NE(second, movable);
  for (const FrameNumber frame : {first, second}) {
    EXPECT_EQ(zone_.TypeOf(frame), Freetype::Unmapped());
  }
  ExpectVisibilitiesAgree();
}

// The kernel lets unmovable requests only take unmapped blocks back. Nothing else ever would, so
// movable memory could run out beside any amount of free unmapped memory.
// Spec: T34
TEST_F(ConversionTest, EveryMobilityTakesFreeUnmappedBlocksBackWhenNothingElseIsLeft) {
  HideAll();
  for (const Request& request : {kMovable, kUnmovable, kReclaimable}) {
    const FrameNumber frame = Allocate(9, request);
    EXPECT_EQ(zone_.TypeOf(frame), request.freetype());
    EXPECT_TRUE(converter_.IsPresent(frame));
  }
  EXPECT_EQ(allocator_.counters().reclaimed_blocks, 3u);
  EXPECT_EQ(allocator_.counters().scrubs, 3u);
  ExpectVisibilitiesAgree();
}

// Spec: T34
TEST_F(ConversionTest, OnlyWholeFreeUnmappedBlocksAreTakenBackAndOnlyInNeed) {
  std::vector<FrameNumber> kept;
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    kept.push_back(Allocate(8, kUnmapped));
    kept.push_back(Allocate(8, kUnmapped));
  }
  EXPECT_EQ(allocator_.Allocate(kOrder0, kMovable).error(), Error::kNoFrames);
  allocator_.Free(kept[0], Order(8));
  EXPECT_EQ(allocator_.Allocate(kOrder0, kMovable).error(), Error::kNoFrames);
  allocator_.Free(kept[1], Order(8));
  const FrameNumber frame = Allocate(0, kMovable);
  EXPECT_EQ(frame.block(), kept[0].block());
  EXPECT_EQ(allocator_.counters().reclaimed_blocks, 1u);
  // Now there is mapped memory, and the next free unmapped block stays what it is.
  allocator_.Free(kept[2], Order(8));
  allocator_.Free(kept[3], Order(8));
  Allocate(0, kReclaimable);
  EXPECT_EQ(allocator_.counters().reclaimed_blocks, 1u);
}

// Spec: T36
TEST_F(ConversionTest, MoreThanHalfTheZoneCanBeUnmappedAndMappedAgain) {
  allocator_.set_walk_interval(64);
  const std::uint32_t count = kBlocks * 512 / 2 + 1;
  const auto hidden = AllocateAll(0, kUnmapped, count);
  for (const FrameNumber frame : hidden) {
    EXPECT_FALSE(converter_.IsPresent(frame));
    EXPECT_EQ(zone_.TypeOf(frame), Freetype::Unmapped());
  }
  FreeAll(hidden, 0);
  const auto mapped = AllocateAll(0, kMovable, count);
  for (const FrameNumber frame : mapped) {
    EXPECT_TRUE(converter_.IsPresent(frame));
    EXPECT_EQ(zone_.TypeOf(frame), kMovable.freetype());
  }
  ExpectVisibilitiesAgree();
}

// What the converter asks for while it works, as one that needs table pages would.
// Spec: T38
TEST_F(ConversionTest, TablePagesForAConversionComeFromMemoryThatIsThere) {
  std::uint32_t depth = 0;
  std::uint32_t deepest = 0;
  std::vector<FrameNumber> tables;
  std::optional<Error> nested_error;
  converter_.set_observer([&](const FakeConverter::Step& step) {
    if (step.kind != Kind::kSet) {
      return;
    }
    deepest = std::max(deepest, ++depth);
    tables.push_back(Allocate(0, kUnmovable));
    const Result<FrameNumber> unmapped = allocator_.Allocate(kOrder0, kUnmapped);
    nested_error = unmapped.ok() ? std::nullopt : std::optional(unmapped.error());
    --depth;
  });
  const FrameNumber frame = Allocate(0, kUnmapped);
  EXPECT_EQ(deepest, 1u);
  EXPECT_EQ(nested_error, Error::kWouldBlock);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_TRUE(converter_.IsPresent(tables[0]));
  EXPECT_NE(tables[0].block(), frame.block());
  EXPECT_EQ(allocator_.counters().converted_blocks, 1u);
}

// Spec: T38
TEST_F(ConversionTest, ANestedRequestDoesNotReclaimEither) {
  HideAll();
  std::vector<Error> errors;
  converter_.set_observer([&](const FakeConverter::Step&) {
    const Result<FrameNumber> table = allocator_.Allocate(kOrder0, kUnmovable);
    errors.push_back(table.ok() ? Error::kInvalid : table.error());
    EXPECT_EQ(allocator_.ReturnFreeBlocks(kUnmapped), 0u);
  });
  Allocate(0, kMovable);
  EXPECT_EQ(errors, (std::vector{Error::kWouldBlock, Error::kWouldBlock}));
}

// Spec: T39
TEST(LargeMappingTest, OnceSplitAMappingIsNeverAskedToBecomeLargeAgain) {
  constexpr std::uint32_t kGigabytes = 3;
  TestZone zone(kGigabytes * 512);
  PageAllocator& allocator = zone.allocator();
  allocator.set_walk_interval(0);
  EXPECT_EQ(zone.converter().LargeMappings(), kGigabytes);
  const FrameNumber whole = *allocator.Allocate(kMaxOrder, kUnmapped);
  EXPECT_EQ(zone.converter().LargeMappings(), kGigabytes) << "set in one go";
  std::uint32_t largest = kGigabytes;
  std::vector<FrameNumber> frames;
  for (std::uint32_t i = 0; i < 40; ++i) {
    frames.push_back(*allocator.Allocate(Order(9 + i % 4), kUnmapped));
    if (i % 3 == 2) {
      allocator.Free(frames[i - 1], Order(9 + (i - 1) % 4));
      allocator.ReturnFreeBlocks(kUnmapped);
    }
    EXPECT_LE(zone.converter().LargeMappings(), largest);
    largest = zone.converter().LargeMappings();
  }
  EXPECT_LT(largest, kGigabytes);
  allocator.Free(whole, kMaxOrder);
  allocator.ReturnFreeBlocks(kUnmapped);
  EXPECT_EQ(zone.converter().LargeMappings(), largest);
}

TEST_F(ConversionTest, BlocksThatAreReturnedBecomeMovableAndMergeAgain) {
  const FrameNumber first = Allocate(0, kUnmapped);
  const FrameNumber second = Allocate(10, keyed_);
  allocator_.Free(second, Order(10));
  EXPECT_EQ(allocator_.ReturnFreeBlocks(kUnmapped), 0u) << "in use";
  EXPECT_EQ(allocator_.ReturnFreeBlocks(keyed_), 2u);
  allocator_.Free(first, kOrder0);
  EXPECT_EQ(allocator_.ReturnFreeBlocks(kUnmapped), 1u);
  EXPECT_EQ(allocator_.counters().returned_blocks, 3u);
  EXPECT_EQ(allocator_.counters().free_blocks[Visibility::kMapped], kBlocks);
  EXPECT_EQ(Allocate(12, kMovable), FrameNumber(0));
}

TEST_F(ConversionTest, AFailureEndsTheReturnOfBlocks) {
  const auto frames = AllocateAll(9, kUnmapped, 3);
  allocator_.Free(frames[0], kPageblockOrder);
  allocator_.Free(frames[2], kPageblockOrder);
  converter_.FailAfter(3, Error::kNoMemory);  // Scrub and set, scrub, and then not set.
  EXPECT_EQ(allocator_.ReturnFreeBlocks(kUnmapped), 1u);
  EXPECT_EQ(allocator_.counters().conversion_failures, 1u);
  ExpectVisibilitiesAgree();
}

TEST_F(ConversionTest, TheLeafIsThereBeforeAnyMappingChanges) {
  zone_.leaves().FailAfter(0);
  EXPECT_EQ(allocator_.Allocate(kOrder0, kUnmapped).error(), Error::kNoMemory);
  EXPECT_EQ(allocator_.AllocateRun(FrameCount(513), kOrder0, kUnmapped).error(), Error::kNoMemory);
  EXPECT_TRUE(converter_.steps().empty());
  EXPECT_TRUE(allocator_.AllocateRun(FrameCount(1024), kOrder0, kUnmapped).ok());
}

}  // namespace
}  // namespace pageward::frame
