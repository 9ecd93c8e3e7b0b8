// The rules of ephemeral views, for every implementation: a header, so that each implementation's
// program brings its own factories.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "tests/support/space/mermap_subject.h"

namespace pageward::testing_support {

class MermapConformanceTest : public testing::TestWithParam<MermapSubjectFactory> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(subject_->Prepare().ok());
    ASSERT_GE(region().pages(), 16u);
  }
  void TearDown() override {
    region().CheckInvariants();
    EXPECT_EQ(subject_->pins(), region().live_count()) << "a pin for each view and no more";
  }

  space::MermapRegion& region() { return subject_->region(); }
  std::uint32_t usable() { return region().pages() - 1; }
  FrameNumber frame(std::uint32_t index) { return subject_->frame(index); }
  VirtAddr base() { return region().range().begin; }

  space::ViewRequest RequestFor(std::uint32_t first, std::uint32_t pages = 1) {
    return space::ViewRequest{.first = frame(first), .bytes = pages * kFrameBytes};
  }
  space::ViewHandle Get(std::uint32_t first, std::uint32_t pages = 1) {
    const auto view = region().Get(RequestFor(first, pages));
    EXPECT_TRUE(view.ok());
    return view.ok() ? *view : space::ViewHandle();
  }
  void Put(const space::ViewHandle& view) { EXPECT_TRUE(region().Put(view).ok()); }
  void GetAndPut(std::uint32_t first, std::uint32_t pages = 1) { Put(Get(first, pages)); }

  std::unique_ptr<MermapSubject> subject_{GetParam()()};
};

// --- Preparation ---------------------------------------------------------------------------------

// Spec: T44
TEST_P(MermapConformanceTest, PreparingTwiceIsPreparingOnce) {
  EXPECT_TRUE(subject_->Prepare().ok());
  EXPECT_EQ(subject_->preparations(), 1u);
}

// Spec: T44
TEST_P(MermapConformanceTest, ThreadsThatPrepareTogetherMakeOneSetOfTables) {
  const auto subject = GetParam()();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(subject->Prepare().ok()); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(subject->preparations(), 1u);
}

// Spec: T44, T45
TEST_P(MermapConformanceTest, APreparationThatFailedLeavesNothingReadyAndIsTriedAgain) {
  const auto subject = GetParam()();
  const space::ViewRequest request{.first = subject->frame(0)};
  EXPECT_EQ(subject->region().Get(request).error(), Error::kInvalid);
  subject->FailNextPreparation();
  EXPECT_EQ(subject->Prepare().error(), Error::kNoMemory);
  EXPECT_EQ(subject->region().Get(request).error(), Error::kInvalid);
  EXPECT_EQ(subject->region().complaints(space::ViewComplaint::kNotPrepared), 2u);
  ASSERT_TRUE(subject->Prepare().ok());
  const auto view = subject->region().Get(request);
  ASSERT_TRUE(view.ok());
  EXPECT_TRUE(subject->region().Put(*view).ok());
}

// --- Addresses and flushes -----------------------------------------------------------------------

// Spec: T46
TEST_P(MermapConformanceTest, AllPagesButTheLastCanBeOneView) {
  const std::uint64_t flushes = subject_->flushes();
  EXPECT_EQ(region().Get(RequestFor(0, usable() + 1)).error(), Error::kNoAddressSpace);
  EXPECT_EQ(region().live_count(), 0u);
  EXPECT_EQ(subject_->flushes(), flushes) << "nothing has changed";
  const auto view = Get(0, usable());
  EXPECT_EQ(view.range().begin, base());
  EXPECT_EQ(view.range().bytes, usable() * kFrameBytes);
  Put(view);
}

// Spec: T47, T48
TEST_P(MermapConformanceTest, SinglePagesFlushOnceARound) {
  const std::uint64_t flushes = subject_->flushes();
  for (std::uint32_t i = 0; i < usable(); ++i) {
    const auto view = Get(i);
    ASSERT_EQ(view.range().begin, base() + i * kFrameBytes);
    Put(view);
  }
  EXPECT_EQ(subject_->flushes(), flushes);
  const auto first_again = Get(0);
  EXPECT_EQ(first_again.range().begin, base());
  EXPECT_EQ(subject_->flushes(), flushes + 1);
  Put(first_again);
}

// Spec: T48
TEST_P(MermapConformanceTest, FlushesAreAsManyAsWraps) {
  const std::uint64_t flushes = subject_->flushes();
  std::uint64_t wraps = 0;
  VirtAddr last = base();
  for (std::uint32_t i = 0; i < 4 * usable(); ++i) {
    const auto view = Get(i % 7, 1 + i % 5);
    wraps += view.range().begin < last ? 1u : 0u;
    last = view.range().begin;
    Put(view);
  }
  EXPECT_GT(wraps, 4u);
  EXPECT_EQ(subject_->flushes() - flushes, wraps);
  EXPECT_EQ(region().counters().wraps, wraps);
}

// Spec: T49
TEST_P(MermapConformanceTest, SpaceBelowALiveViewIsNotUsedAgain) {
  const auto low = Get(0, 4);
  const auto high = Get(4, 4);
  Put(low);
  GetAndPut(0, usable() - 8);
  // It does not fit behind what is left, so addresses begin anew, behind the highest live view.
  const auto next = Get(1, 4);
  EXPECT_EQ(next.range().begin, high.range().end());
  Put(next);
  Put(high);
  GetAndPut(0, usable() - 12);
  const auto first = Get(2, 2);
  EXPECT_EQ(first.range().begin, base()) << "nothing lives any more";
  Put(first);
}

// Spec: T50
TEST_P(MermapConformanceTest, WhatWouldNotFitAfterAFlushDoesNotFlush) {
  const auto live = Get(0, usable() - 2);
  const std::uint64_t flushes = subject_->flushes();
  EXPECT_EQ(region().Get(RequestFor(0, 3)).error(), Error::kNoAddressSpace);
  EXPECT_EQ(subject_->flushes(), flushes);
  const auto rest = Get(0, 2);
  EXPECT_EQ(rest.range().begin, live.range().end()) << "and the place is where it was";
  Put(rest);
  Put(live);
}

// --- Slots and the reserve -----------------------------------------------------------------------

// Spec: T51, T52
TEST_P(MermapConformanceTest, ThreeViewsTakeAllSlotsAndTheReserveStillServes) {
  std::vector<space::ViewHandle> views;
  for (std::uint32_t i = 0; i < 3; ++i) {
    views.push_back(Get(i));
  }
  EXPECT_EQ(region().Get(RequestFor(3)).error(), Error::kInUse);
  const auto reserved = region().GetReserved(RequestFor(3));
  ASSERT_TRUE(reserved.ok());
  EXPECT_EQ(subject_->Read(reserved->range().begin), subject_->ContentOf(frame(3)));
  Put(*reserved);
  for (const auto& view : views) {
    Put(view);
  }
}

// Spec: T52
TEST_P(MermapConformanceTest, TheReserveServesOnePageWhenTheRegionIsFull) {
  const auto all = Get(0, usable());
  EXPECT_EQ(region().GetReserved(RequestFor(0, 2)).error(), Error::kInvalid);
  EXPECT_EQ(region().complaints(space::ViewComplaint::kReserveSize), 1u);
  const auto reserved = region().GetReserved(RequestFor(5));
  ASSERT_TRUE(reserved.ok());
  EXPECT_EQ(reserved->range(), (VirtRange{base() + usable() * kFrameBytes, kFrameBytes}));
  Put(*reserved);
  Put(all);
}

// Spec: T53
TEST_P(MermapConformanceTest, AfterTheReserveOrdinaryViewsStayBelowTheLastPage) {
  const VirtAddr last_page = base() + usable() * kFrameBytes;
  for (std::uint32_t i = 0; i < 2 * usable(); ++i) {
    const auto reserved = region().GetReserved(RequestFor(i % 9));
    ASSERT_TRUE(reserved.ok());
    Put(*reserved);
    const auto view = Get(i % 9, 1 + i % 3);
    ASSERT_LE(view.range().end(), last_page);
    Put(view);
  }
}

// Spec: T54
TEST_P(MermapConformanceTest, ASecondReserveViewIsRefused) {
  const auto first = region().GetReserved(RequestFor(0));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(region().GetReserved(RequestFor(1)).error(), Error::kInUse);
  EXPECT_EQ(region().complaints(space::ViewComplaint::kReserveInUse), 1u);
  EXPECT_EQ(subject_->Read(first->range().begin), subject_->ContentOf(frame(0)));
  Put(*first);
}

// --- What views show -----------------------------------------------------------------------------

// Spec: T55
TEST_P(MermapConformanceTest, EachViewShowsItsOwnFrames) {
  const auto one = Get(7);
  const auto two = Get(2, 2);
  const auto three = Get(9);
  EXPECT_EQ(subject_->Read(one.range().begin), subject_->ContentOf(frame(7)));
  EXPECT_EQ(subject_->Read(two.range().begin), subject_->ContentOf(frame(2)));
  EXPECT_EQ(subject_->Read(two.range().begin + kFrameBytes), subject_->ContentOf(frame(3)));
  EXPECT_EQ(subject_->Read(three.range().begin), subject_->ContentOf(frame(9)));
  for (const auto& view : {one, two, three}) {
    Put(view);
  }
}

TEST_P(MermapConformanceTest, AReadOnlyViewRefusesWrites) {
  space::ViewRequest request = RequestFor(0);
  const auto writable = region().Get(request);
  request.access = space::ViewAccess::kReadOnly;
  const auto read_only = region().Get(request);
  ASSERT_TRUE(writable.ok() && read_only.ok());
  const std::uint64_t content = subject_->ContentOf(frame(0));
  EXPECT_TRUE(subject_->Write(writable->range().begin, content));
  EXPECT_FALSE(subject_->Write(read_only->range().begin, content));
  EXPECT_EQ(subject_->Read(read_only->range().begin), content);
  Put(*writable);
  Put(*read_only);
}

// Spec: T56
TEST_P(MermapConformanceTest, AfterPutOnlyAProbeReachesTheAddressAndAfterTheFlushNobody) {
  const auto view = Get(3);
  const VirtAddr at = view.range().begin;
  ASSERT_EQ(subject_->Read(at), subject_->ContentOf(frame(3)));
  Put(view);
  EXPECT_EQ(subject_->Probe(at), subject_->ContentOf(frame(3))) << "the stale window";
  EXPECT_EQ(subject_->Read(at), std::nullopt);
}

// Spec: T56
TEST_P(MermapConformanceTest, AfterTheFlushNoProbeReachesTheAddress) {
  const auto view = Get(3);
  const VirtAddr at = view.range().begin;
  ASSERT_EQ(subject_->Read(at), subject_->ContentOf(frame(3)));
  Put(view);
  region().FlushStale();
  EXPECT_EQ(subject_->Probe(at), std::nullopt);
  EXPECT_FALSE(region().HasStale());
}

// Spec: T57
TEST_P(MermapConformanceTest, AStaleTranslationNeverShowsTheNextFrame) {
  // Every address is read, so every translation is cached when its address is used again.
  for (std::uint32_t i = 0; i < 3 * usable(); ++i) {
    const auto view = Get(i % 100);
    ASSERT_EQ(subject_->Read(view.range().begin), subject_->ContentOf(frame(i % 100)));
    Put(view);
  }
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto reserved = region().GetReserved(RequestFor(i));
    ASSERT_TRUE(reserved.ok());
    ASSERT_EQ(subject_->Read(reserved->range().begin), subject_->ContentOf(frame(i)));
    Put(*reserved);
  }
}

// Spec: T58, T59
TEST_P(MermapConformanceTest, NobodyElseReadsAView) {
  if (!subject_->HasPrivateViews()) {
    GTEST_SKIP() << "no protection keys on this machine: views are open to the whole process";
  }
  const auto view = Get(4);
  const VirtAddr at = view.range().begin;
  ASSERT_EQ(subject_->Read(at), subject_->ContentOf(frame(4)));
  EXPECT_EQ(subject_->ReadElsewhere(at), std::nullopt);
  EXPECT_EQ(subject_->ReadInAnotherSpace(at), std::nullopt);
  EXPECT_EQ(subject_->Read(at), subject_->ContentOf(frame(4))) << "and its owner still does";
  Put(view);
  EXPECT_EQ(subject_->ReadElsewhere(at), std::nullopt);
  EXPECT_EQ(subject_->ReadInAnotherSpace(at), std::nullopt);
}

// --- Pins, failures, misuse ----------------------------------------------------------------------

// Spec: T60
TEST_P(MermapConformanceTest, AViewPinsUntilItIsPut) {
  const auto one = Get(0);
  const auto two = Get(1);
  EXPECT_EQ(subject_->pins(), 2u);
  Put(one);
  EXPECT_EQ(subject_->pins(), 1u);
  Put(two);
  EXPECT_EQ(subject_->pins(), 0u);
  EXPECT_FALSE(region().Get(RequestFor(0, usable() + 1)).ok());
  EXPECT_FALSE(region().Put(two).ok());
  EXPECT_EQ(subject_->pins(), 0u) << "nor does any error change it";
}

// Spec: T60, T61
TEST_P(MermapConformanceTest, AMappingThatFailsAtAnyPageLeavesNothing) {
  for (std::uint32_t pages = 0; pages < 4; ++pages) {
    subject_->FailNextMapping(pages);
    const auto failed = region().Get(RequestFor(0, 4));
    ASSERT_FALSE(failed.ok()) << pages;
    EXPECT_EQ(subject_->pins(), 0u);
    EXPECT_EQ(region().live_count(), 0u);
    for (std::uint64_t offset = 0; offset < region().range().bytes; offset += kFrameBytes) {
      ASSERT_EQ(subject_->Probe(base() + offset), std::nullopt) << "half a mapping";
    }
    region().CheckInvariants();
  }
  EXPECT_EQ(region().complaints(space::ViewComplaint::kMappingFailed), 4u);
  GetAndPut(0, 4);
}

// Spec: T62
TEST_P(MermapConformanceTest, TearingDownReportsEachViewThatIsLive) {
  const auto one = Get(0);
  const auto two = region().GetReserved(RequestFor(1));
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(region().live_count(), 2u);
  Put(one);
  Put(*two);
  EXPECT_EQ(region().TearDown(), 0u);
  EXPECT_EQ(region().complaints(space::ViewComplaint::kLiveAtTeardown), 0u);
}

// Spec: T63
TEST_P(MermapConformanceTest, NoBytesAreRefusedAndOddBytesAreRoundedUpFirst) {
  EXPECT_EQ(region().Get({.first = frame(0), .bytes = 0}).error(), Error::kInvalid);
  EXPECT_EQ(region().complaints(space::ViewComplaint::kEmpty), 1u);
  const auto odd = region().Get({.first = frame(0), .bytes = kFrameBytes + 1});
  ASSERT_TRUE(odd.ok());
  EXPECT_EQ(odd->range().bytes, 2 * kFrameBytes);
  Put(*odd);
  const std::uint64_t most = usable() * kFrameBytes;
  EXPECT_EQ(region().Get({.first = frame(0), .bytes = most + 1}).error(), Error::kNoAddressSpace);
  EXPECT_EQ(region().Get({.first = frame(0), .bytes = ~std::uint64_t{0}}).error(),
            Error::kNoAddressSpace);
}

// Spec: T64
TEST_P(MermapConformanceTest, PuttingTwiceAndPuttingStrangersIsReportedAndHarmless) {
  const auto view = Get(0);
  const auto other = Get(1);
  Put(view);
  EXPECT_EQ(region().Put(view).error(), Error::kInvalid);
  EXPECT_EQ(region().complaints(space::ViewComplaint::kDoublePut), 1u);
  const auto again = Get(2);
  EXPECT_EQ(region().Put(view).error(), Error::kInvalid) << "the slot is another view's by now";
  EXPECT_EQ(region().Put(space::ViewHandle()).error(), Error::kInvalid);
  EXPECT_EQ(region().complaints(space::ViewComplaint::kForeignHandle), 1u);
  EXPECT_EQ(subject_->Read(other.range().begin), subject_->ContentOf(frame(1)));
  EXPECT_EQ(subject_->Read(again.range().begin), subject_->ContentOf(frame(2)));
  Put(other);
  Put(again);
}

// Spec: T65
TEST_P(MermapConformanceTest, GettingAllocatesNothing) {
  const std::uint64_t allocations = subject_->allocations();
  for (std::uint32_t i = 0; i < usable() + 5; ++i) {
    GetAndPut(i % 50, 1 + i % 4);
  }
  const auto reserved = region().GetReserved(RequestFor(0));
  ASSERT_TRUE(reserved.ok());
  Put(*reserved);
  EXPECT_EQ(subject_->allocations(), allocations);
}

// Spec: T66
TEST_P(MermapConformanceTest, AViewForEverybodyIsRefused) {
  space::ViewRequest request = RequestFor(0);
  request.sharing = space::ViewSharing::kEverybody;
  EXPECT_EQ(region().Get(request).error(), Error::kInvalid);
  EXPECT_EQ(region().GetReserved(request).error(), Error::kInvalid);
  EXPECT_EQ(region().complaints(space::ViewComplaint::kShared), 2u);
}

// Spec: T67
TEST_P(MermapConformanceTest, InterruptsAndHandlersGetNoViews) {
  subject_->EnterInterrupt();
  EXPECT_EQ(region().Get(RequestFor(0)).error(), Error::kNotPermitted);
  EXPECT_EQ(region().GetReserved(RequestFor(0)).error(), Error::kNotPermitted);
  subject_->LeaveInterrupt();
  EXPECT_EQ(region().complaints(space::ViewComplaint::kWrongContext), 2u);
  GetAndPut(0);
}

// Spec: T68
TEST_P(MermapConformanceTest, AFrameThatAStaleViewShowsIsKnown) {
  EXPECT_FALSE(subject_->stale().Contains(frame(6)));
  const auto view = Get(6, 2);
  EXPECT_FALSE(subject_->stale().Contains(frame(6))) << "live is not stale";
  Put(view);
  EXPECT_TRUE(subject_->stale().Contains(frame(6)));
  EXPECT_TRUE(subject_->stale().Contains(frame(7)));
  EXPECT_FALSE(subject_->stale().Contains(frame(8)));
  EXPECT_TRUE(region().ShowsStale(FrameRange{frame(7), FrameCount(1)}));
  const std::uint64_t flushes = subject_->flushes();
  region().FlushStale();
  region().FlushStale();
  EXPECT_EQ(subject_->flushes(), flushes + 1) << "once";
  EXPECT_FALSE(subject_->stale().Contains(frame(6)));
  EXPECT_FALSE(region().ShowsStale(FrameRange{frame(7), FrameCount(1)}));
}

// Spec: T69
TEST_P(MermapConformanceTest, AfterTheLastPutNothingIsOpen) {
  const auto one = Get(0);
  const auto two = Get(1);
  EXPECT_TRUE(subject_->IsAnythingOpen());
  Put(one);
  Put(two);
  EXPECT_FALSE(subject_->IsAnythingOpen());
}

}  // namespace pageward::testing_support
