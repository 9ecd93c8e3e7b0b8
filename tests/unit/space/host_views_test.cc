// What the views of a thread do beyond the rules that all views keep: stale ones that are shown
// again, mappings and their budget, keys in rotation, handlers, and failures of the system.
#include "runtime/space/host_views.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <functional>
#include <thread>

#include "tests/support/space/host_mermap_subject.h"

namespace pageward::space {
namespace {

using testing_support::Access;
using testing_support::FaultInjector;
using testing_support::FaultyOs;
using testing_support::HostMermapSubject;
using testing_support::TryRead;
using Kind = FaultyOs::Kind;

class HostViewsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(subject_.Prepare().ok()); }
  void TearDown() override { region().CheckInvariants(); }

  MermapRegion& region() { return subject_.region(); }
  FaultInjector& faults() { return subject_.os().faults(); }

  ViewRequest RequestFor(std::uint32_t first, std::uint32_t pages = 1) {
    return ViewRequest{.first = subject_.frame(first), .bytes = pages * kFrameBytes};
  }
  ViewHandle Get(std::uint32_t first, std::uint32_t pages = 1) {
    const auto view = region().Get(RequestFor(first, pages));
    EXPECT_TRUE(view.ok());
    return view.ok() ? *view : ViewHandle();
  }
  void Put(const ViewHandle& view) { EXPECT_TRUE(region().Put(view).ok()); }
  void GetAndPut(std::uint32_t first, std::uint32_t pages = 1) { Put(Get(first, pages)); }
  std::uint32_t Calls() { return faults().all_calls(); }
  std::uint64_t WordAt(VirtAddr at) { return *at.AsPointer<volatile std::uint64_t>(); }

  HostMermapSubject subject_{ViewReuse::kWhileStale};
};

using HostViewsDeathTest = HostViewsTest;

// --- System calls --------------------------------------------------------------------------------

TEST_F(HostViewsTest, AFirstViewTakesTwoSystemCallsWhateverItsLength) {
  for (const std::uint32_t pages : {1u, kPageblockFrames}) {
    const std::uint32_t before = Calls();
    const ViewHandle view = Get(pages == 1 ? 1500 : 0, pages);
    EXPECT_EQ(Calls() - before, 2u) << pages;
    Put(view);
  }
}

TEST_F(HostViewsTest, AViewIsFoundAgainWhileItHasNotBeenFlushed) {
  const ViewHandle first = Get(7);
  Put(first);
  const std::uint32_t before = Calls();
  const ViewHandle again = Get(7);
  EXPECT_EQ(again.range(), first.range());
  EXPECT_EQ(WordAt(again.range().begin), subject_.ContentOf(FrameNumber(7)));
  Put(again);
  // Without keys it is closed while it is put, and opened again.
  EXPECT_EQ(Calls() - before, subject_.HasPrivateViews() ? 0u : 2u);
  EXPECT_EQ(region().counters().found_again, 1u);
  region().FlushStale();
  GetAndPut(7);
  EXPECT_EQ(region().counters().found_again, 1u);
}

TEST_F(HostViewsTest, PartsOfAViewAreFoundAgainToo) {
  const ViewHandle whole = Get(100, 16);
  Put(whole);
  const ViewHandle part = Get(104, 4);
  EXPECT_EQ(part.range().begin, whole.range().begin + 4 * kFrameBytes);
  const ViewHandle more = Get(114, 4);
  EXPECT_NE(more.range().begin, whole.range().begin + 14 * kFrameBytes) << "not all of it is there";
  EXPECT_EQ(WordAt(more.range().begin + 3 * kFrameBytes), subject_.ContentOf(FrameNumber(117)));
  Put(part);
  Put(more);
}

TEST_F(HostViewsTest, AViewWithOtherRightsIsAnother) {
  GetAndPut(3);
  ViewRequest request = RequestFor(3);
  request.access = ViewAccess::kReadOnly;
  const auto view = region().Get(request);
  ASSERT_TRUE(view.ok());
  EXPECT_FALSE(subject_.Write(view->range().begin, subject_.ContentOf(FrameNumber(3))));
  Put(*view);
  EXPECT_EQ(region().counters().found_again, 0u);
}

TEST_F(HostViewsTest, AFrameCanBeSeenTwiceAtOnce) {
  const ViewHandle one = Get(5);
  const ViewHandle two = Get(5);
  EXPECT_NE(one.range().begin, two.range().begin);
  Put(one);
  EXPECT_EQ(WordAt(two.range().begin), subject_.ContentOf(FrameNumber(5)));
  Put(two);
}

TEST_F(HostViewsTest, TheReservePageIsFoundAgainForTheSameFrameOnly) {
  const auto first = region().GetReserved(RequestFor(9));
  ASSERT_TRUE(first.ok());
  Put(*first);
  const auto again = region().GetReserved(RequestFor(9));
  ASSERT_TRUE(again.ok());
  Put(*again);
  EXPECT_EQ(region().counters().found_again, 1u);
  const auto other = region().GetReserved(RequestFor(10));
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(WordAt(other->range().begin), subject_.ContentOf(FrameNumber(10)));
  const ViewHandle ordinary = Get(10);
  EXPECT_NE(ordinary.range().begin, other->range().begin);
  Put(ordinary);
  Put(*other);
}

// Spec: T47, T48
TEST_F(HostViewsTest, DifferentFramesFlushOnceARoundAlthoughStaleOnesAreFound) {
  const std::uint32_t usable = region().pages() - 1;
  for (std::uint32_t i = 0; i < usable; ++i) {
    GetAndPut(i);
    GetAndPut(i);
  }
  EXPECT_EQ(subject_.flushes(), 0u);
  const ViewHandle next = Get(usable);
  EXPECT_EQ(next.range().begin, region().range().begin);
  EXPECT_EQ(subject_.flushes(), 1u);
  Put(next);
}

// --- What a view shows ---------------------------------------------------------------------------

// Spec: U28
TEST_F(HostViewsTest, ThePagesBeforeAndAfterAViewFault) {
  GetAndPut(50);
  const ViewHandle view = Get(20, 3);
  EXPECT_EQ(TryRead(view.range().begin), Access::kOk);
  EXPECT_EQ(TryRead(view.range().end() - 1), Access::kOk);
  EXPECT_NE(TryRead(view.range().end()), Access::kOk);
  Put(view);
  EXPECT_NE(TryRead(view.range().begin), Access::kOk);
  const ViewHandle first = [&] {
    region().FlushStale();
    return Get(30);
  }();
  EXPECT_NE(TryRead(first.range().begin - 1), Access::kOk);
  Put(first);
}

// Spec: U27
TEST_F(HostViewsTest, TheHomeFaultsAlsoWhileViewsAreOpen) {
  const ViewHandle one = Get(0, 4);
  const ViewHandle two = Get(2);
  for (std::uint32_t frame = 0; frame < HostMermapSubject::kFrames; ++frame) {
    ASSERT_NE(TryRead(subject_.zone().AddressOf(FrameNumber(frame))), Access::kOk) << frame;
  }
  Put(one);
  Put(two);
}

TEST_F(HostViewsTest, AFlushLeavesLiveViewsAlone) {
  const ViewHandle stale_below = Get(1);
  const ViewHandle live = Get(2);
  const ViewHandle stale_above = Get(3);
  Put(stale_below);
  Put(stale_above);
  region().FlushStale();
  EXPECT_EQ(WordAt(live.range().begin), subject_.ContentOf(FrameNumber(2)));
  EXPECT_EQ(subject_.Probe(stale_below.range().begin), std::nullopt);
  EXPECT_EQ(subject_.Probe(stale_above.range().begin), std::nullopt);
  Put(live);
}

TEST_F(HostViewsTest, StaleViewsOfSomeFramesAreFlushedByThemselves) {
  GetAndPut(10, 8);
  GetAndPut(40);
  ASSERT_TRUE(region().FlushStale(FrameRange{FrameNumber(12), FrameCount(2)}));
  EXPECT_FALSE(region().FlushStale(FrameRange{FrameNumber(12), FrameCount(2)}));
  EXPECT_FALSE(region().ShowsStale({FrameNumber(12), FrameCount(2)}));
  EXPECT_TRUE(region().ShowsStale({FrameNumber(14), FrameCount(1)}));
  EXPECT_FALSE(subject_.stale().IsShown(FrameNumber(12)));
  EXPECT_TRUE(subject_.stale().IsShown(FrameNumber(14))) << "until it is flushed";
  const VirtAddr base = region().range().begin;
  EXPECT_EQ(subject_.Probe(base + 2 * kFrameBytes), std::nullopt);
  EXPECT_EQ(subject_.Probe(base + 4 * kFrameBytes), subject_.ContentOf(FrameNumber(14)));
  const ViewHandle rest = Get(14, 4);
  EXPECT_EQ(rest.range().begin, base + 4 * kFrameBytes) << "the others are still found";
  Put(rest);
  const ViewHandle gone = Get(12, 2);
  EXPECT_EQ(WordAt(gone.range().begin), subject_.ContentOf(FrameNumber(12)));
  Put(gone);
}

// --- The budget ----------------------------------------------------------------------------------

TEST_F(HostViewsTest, EachViewIsAMappingOfTheBudgetUntilItIsFlushed) {
  GetAndPut(0, 16);
  GetAndPut(100);
  EXPECT_EQ(subject_.budget().used(), 2u);
  region().FlushStale(FrameRange{FrameNumber(4), FrameCount(2)});
  EXPECT_EQ(subject_.budget().used(), 3u) << "what is cut is two";
  region().FlushStale();
  EXPECT_EQ(subject_.budget().used(), 0u);
}

// Spec: U29
TEST(HostViewsLimitTest, MoreMappingsThanTheBudgetAreRefusedAndNothingIsLeft) {
  HostMermapSubject subject(ViewReuse::kWhileStale, os::SharedMemory::kOrdinary, 2);
  ASSERT_TRUE(subject.Prepare().ok());
  MermapRegion& region = subject.region();
  const auto one = region.Get({.first = FrameNumber(0)});
  const auto two = region.Get({.first = FrameNumber(9)});
  ASSERT_TRUE(one.ok() && two.ok());
  const std::uint32_t calls = subject.os().faults().all_calls();
  EXPECT_EQ(region.Get({.first = FrameNumber(5)}).error(), Error::kTooManyMappings);
  EXPECT_EQ(subject.os().faults().all_calls(), calls) << "the system is not asked";
  EXPECT_EQ(subject.pins(), 2u);
  EXPECT_TRUE(region.Put(*one).ok());
  EXPECT_TRUE(region.Put(*two).ok());
}

// --- Failures ------------------------------------------------------------------------------------

// Spec: U38
TEST_F(HostViewsTest, AViewThatCannotBeMadeLeavesNoMappingAndNoPin) {
  for (std::uint32_t step = 0; step < 2; ++step) {
    faults().FailNthCall(step, Error::kNoMemory);
    EXPECT_EQ(region().Get(RequestFor(0, 3)).error(), Error::kNoMemory);
    EXPECT_EQ(subject_.pins(), 0u);
    EXPECT_EQ(subject_.budget().used(), 0u);
    EXPECT_FALSE(subject_.IsAnythingOpen());
    EXPECT_FALSE(subject_.stale().IsAnyShown({FrameNumber(0), FrameCount(3)}));
  }
  GetAndPut(0, 3);
  EXPECT_EQ(region().counters().found_again, 0u) << "a view that failed is not shown again";
}

TEST_F(HostViewsTest, WhatCannotBeUnmappedIsClosedAndNeverShownAgain) {
  const ViewHandle view = Get(4);
  Put(view);
  faults().FailAfter(Kind::kShared, 0, Error::kNoMemory);
  region().FlushStale();
  faults().StopFailing();
  EXPECT_EQ(subject_.views().flushes_by_closing(), 1u);
  EXPECT_NE(TryRead(view.range().begin), Access::kOk);
  GetAndPut(4);
  EXPECT_EQ(region().counters().found_again, 0u);
}

// Views that are closed by their protection, also where there are keys.
class KeylessViewsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(subject_.Prepare().ok()); }

  ViewHandle Get(std::uint32_t frame) { return *region_.Get({.first = FrameNumber(frame)}); }

  HostMermapSubject subject_{ViewReuse::kWhileStale, os::SharedMemory::kOrdinary, 4096,
                             keys::KeyUse::kNever};
  MermapRegion& region_ = subject_.region();
};

TEST_F(KeylessViewsTest, PuttingAndFindingAgainAreACallEach) {
  ASSERT_TRUE(region_.Put(Get(4)).ok());
  const std::uint32_t before = subject_.os().faults().all_calls();
  const ViewHandle view = Get(4);
  EXPECT_EQ(TryRead(view.range().begin), Access::kOk);
  ASSERT_TRUE(region_.Put(view).ok());
  EXPECT_EQ(TryRead(view.range().begin), Access::kNotAllowed) << "for every thread";
  EXPECT_EQ(subject_.os().faults().all_calls() - before, 2u);
  EXPECT_EQ(region_.counters().found_again, 1u);
}

TEST_F(KeylessViewsTest, AStaleViewThatCannotBeOpenedIsMadeAnew) {
  ASSERT_TRUE(region_.Put(Get(4)).ok());
  subject_.os().faults().FailNthCall(0, Error::kNoMemory);
  const ViewHandle view = Get(4);
  EXPECT_EQ(subject_.Read(view.range().begin), subject_.ContentOf(FrameNumber(4)));
  EXPECT_TRUE(region_.Put(view).ok());
}

TEST_F(KeylessViewsTest, APutThatCannotCloseAViewUnmapsIt) {
  const ViewHandle view = Get(4);
  subject_.os().faults().FailAfter(Kind::kProtect, 0, Error::kTooManyMappings, 1);
  EXPECT_TRUE(region_.Put(view).ok());
  EXPECT_EQ(subject_.Probe(view.range().begin), std::nullopt);
  EXPECT_TRUE(region_.Put(Get(4)).ok());
}

TEST_F(HostViewsDeathTest, AViewThatCanNeitherBeUnmappedNorClosedIsADeath) {
  // Made in the child: shared memory does not survive fork(2).
  EXPECT_DEATH(
      {
        HostMermapSubject subject(ViewReuse::kWhileStale);
        static_cast<void>(subject.Prepare());
        static_cast<void>(subject.region().Put(*subject.region().Get({.first = FrameNumber(0)})));
        subject.os().faults().FailAfter(Kind::kShared, 0, Error::kNoMemory);
        subject.os().faults().FailAfter(Kind::kProtect, 0, Error::kNoMemory);
        subject.region().FlushStale();
      },
      "protection does not act: 0x");
}

// Spec: T44
TEST(HostViewsPrepareTest, APreparationThatFailedAtAnyStepIsTriedAgain) {
  HostMermapSubject subject(ViewReuse::kWhileStale);
  subject.FailNextPreparation();
  EXPECT_EQ(subject.Prepare().error(), Error::kNoMemory);
  EXPECT_FALSE(subject.views().IsPrepared());
  ASSERT_TRUE(subject.Prepare().ok());
  EXPECT_TRUE(subject.region().Put(*subject.region().Get({.first = FrameNumber(0)})).ok());
}

// --- Signal handlers -----------------------------------------------------------------------------

HostMermapSubject* g_subject = nullptr;
bool g_announces_handlers = false;
Status g_got_in_handler;

void GetInHandler(int) {
  const auto get = [] {
    const auto view = g_subject->region().Get({.first = FrameNumber(0)});
    g_got_in_handler = view.ok() ? Status() : Status(view.error());
  };
  if (g_announces_handlers) {
    const keys::HandlerScope scope;
    get();
  } else {
    get();
  }
}

Status GetFromSignal(HostMermapSubject& subject) {
  g_subject = &subject;
  signal(SIGUSR1, &GetInHandler);
  raise(SIGUSR1);
  return g_got_in_handler;
}

// Spec: T67
TEST_F(HostViewsTest, AHandlerThatIsAnnouncedGetsNoView) {
  g_announces_handlers = true;
  EXPECT_EQ(GetFromSignal(subject_).error(), Error::kNotPermitted);
  EXPECT_EQ(region().complaints(ViewComplaint::kWrongContext), 1u);
  GetAndPut(0);
}

// Spec: T67
TEST_F(HostViewsTest, WithKeysEveryHandlerIsKnown) {
  if (!subject_.HasPrivateViews()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  g_announces_handlers = false;
  const ViewHandle view = Get(1);
  EXPECT_EQ(GetFromSignal(subject_).error(), Error::kNotPermitted);
  EXPECT_EQ(WordAt(view.range().begin), subject_.ContentOf(FrameNumber(1)))
      << "and the thread returns to its open view";
  Put(view);
}

// --- Keys in rotation ----------------------------------------------------------------------------

// Another thread of the process, with views of its own.
class Other {
 public:
  explicit Other(HostMermapSubject& subject) : views_(subject.commons(), ViewReuse::kWhileStale) {}

  HostViews& views() { return views_; }

  // Calls `act` on a thread with the rights of a new program, prepared for these views.
  void Run(const std::function<void()>& act) {
    std::thread([&] {
      arch::WritePkru(arch::kInitialPkru);
      EXPECT_TRUE(views_.Prepare().ok());
      act();
      views_.TearDown();
    }).join();
  }

 private:
  HostViews views_;
};

// Spec: T58, U28
TEST_F(HostViewsTest, AThreadWithAViewOfItsOwnReachesNoOtherWhileThereAreKeys) {
  if (!subject_.HasPrivateViews()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  const ViewHandle mine = Get(0);
  Other other(subject_);
  other.Run([&] {
    const auto own = other.views().region().Get({.first = FrameNumber(1)});
    ASSERT_TRUE(own.ok());
    EXPECT_EQ(TryRead(own->range().begin), Access::kOk);
    EXPECT_EQ(TryRead(mine.range().begin), Access::kKeyDenied);
    EXPECT_TRUE(other.views().region().Put(*own).ok());
  });
  EXPECT_EQ(subject_.windows().shared_openings(), 0u);
  Put(mine);
}

// Spec: U28
TEST_F(HostViewsTest, WithMoreThreadsThanKeysAThreadReachesTheViewsItSharesAKeyWith) {
  if (!subject_.HasPrivateViews()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  const ViewHandle mine = Get(0);
  // All other keys are open elsewhere.
  std::array<WindowKeys::Region, WindowKeys::kMost> others;
  for (WindowKeys::Region& region : others) {
    subject_.windows().Add(region);
  }
  for (unsigned i = 1; i < subject_.windows().count(); ++i) {
    subject_.windows().Open(others[i]);
  }
  Other other(subject_);
  other.Run([&] {
    const auto own = other.views().region().Get({.first = FrameNumber(1)});
    ASSERT_TRUE(own.ok());
    EXPECT_EQ(TryRead(mine.range().begin), Access::kOk) << "the stated limit";
    EXPECT_TRUE(other.views().region().Put(*own).ok());
    EXPECT_EQ(TryRead(mine.range().begin), Access::kKeyDenied) << "not without a view of its own";
  });
  EXPECT_EQ(subject_.windows().shared_openings(), 1u);
  Put(mine);
  for (WindowKeys::Region& region : others) {
    subject_.windows().Remove(region);
  }
}

}  // namespace
}  // namespace pageward::space
