// Views of several threads: each at work without a lock, and visits by others.
#include "runtime/engine/thread_views.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/space/host_mermap_subject.h"

namespace pageward::engine {
namespace {

using space::ViewReuse;
using testing_support::FaultyOs;
using testing_support::HostMermapSubject;
using Kind = FaultyOs::Kind;

class ViewRegistryTest : public testing::Test {
 protected:
  void SetUp() override { registry_.Start(); }

  ThreadViews& Add() {
    const Result<ThreadViews*> views = registry_.Add(world_.commons(), ViewReuse::kWhileStale);
    EXPECT_TRUE(views.ok());
    return **views;
  }
  void GetAndPut(ThreadViews& views, std::uint32_t frame, const void* site = nullptr) {
    ViewsAtWork work(registry_, views);
    ASSERT_TRUE(work.HasEntered());
    const auto view = work.region().Get({.first = FrameNumber(frame), .site = site});
    ASSERT_TRUE(view.ok());
    EXPECT_TRUE(work.region().Put(*view).ok());
  }

  HostMermapSubject world_{ViewReuse::kWhileStale};
  ViewRegistry registry_{world_.os()};
};

TEST_F(ViewRegistryTest, AThreadIsAtWorkOnceAtATime) {
  ThreadViews& views = Add();
  {
    ViewsAtWork outer(registry_, views);
    EXPECT_TRUE(outer.HasEntered());
    ViewsAtWork inner(registry_, views);
    EXPECT_FALSE(inner.HasEntered()) << "as in a signal handler in between";
  }
  ViewsAtWork next(registry_, views);
  EXPECT_TRUE(next.HasEntered());
}

TEST_F(ViewRegistryTest, StaleViewsOfOthersAreFlushedAndOnesOwnAreTold) {
  ThreadViews& own = Add();
  ThreadViews& other = Add();
  GetAndPut(own, 5);
  std::thread([&] { GetAndPut(other, 5); }).join();
  EXPECT_EQ(world_.budget().used(), 2u);
  auto sight = registry_.FlushUnlessLive({FrameNumber(5), FrameCount(1)}, own);
  ASSERT_TRUE(sight.ok());
  EXPECT_TRUE(sight->is_stale);
  EXPECT_FALSE(sight->is_live);
  EXPECT_EQ(world_.budget().used(), 1u);
  sight = registry_.FlushUnlessLive({FrameNumber(6), FrameCount(1)}, own);
  EXPECT_FALSE(sight->is_stale) << "nobody has looked there";
  EXPECT_EQ(registry_.Remove(own), 0u);
  EXPECT_EQ(registry_.Remove(other), 0u);
  EXPECT_EQ(world_.budget().used(), 0u);
}

TEST_F(ViewRegistryTest, NothingIsFlushedWhileAViewIsLive) {
  ThreadViews& own = Add();
  ThreadViews& other = Add();
  GetAndPut(other, 5);
  space::ViewHandle live;
  {
    ViewsAtWork work(registry_, own);
    live = *work.region().Get({.first = FrameNumber(5)});
  }
  const auto sight = registry_.FlushUnlessLive({FrameNumber(4), FrameCount(2)}, own);
  ASSERT_TRUE(sight.ok());
  EXPECT_TRUE(sight->is_live);
  EXPECT_EQ(world_.budget().used(), 2u);
  ViewsAtWork work(registry_, own);
  EXPECT_TRUE(work.region().Put(live).ok());
}

TEST_F(ViewRegistryTest, WhoGotAViewIsKnown) {
  static constexpr char kHere = 0;
  ThreadViews& own = Add();
  ThreadViews& other = Add();
  GetAndPut(other, 8, &kHere);
  EXPECT_EQ(registry_.FlushUnlessLive({FrameNumber(9), FrameCount(1)}, own)->site, nullptr);
  EXPECT_EQ(registry_.FlushUnlessLive({FrameNumber(7), FrameCount(2)}, own)->site, &kHere);
}

// Spec: T62
TEST_F(ViewRegistryTest, ViewsThatAreOpenAtTheEndAreReported) {
  ThreadViews& views = Add();
  {
    ViewsAtWork work(registry_, views);
    ASSERT_TRUE(work.region().Get({.first = FrameNumber(1)}).ok());
    ASSERT_TRUE(work.region().GetReserved({.first = FrameNumber(2)}).ok());
  }
  EXPECT_EQ(registry_.Remove(views), 2u);
  EXPECT_EQ(registry_.count(), 0u);
  EXPECT_FALSE(world_.stale().IsAnyShown({FrameNumber(0), FrameCount(4)}));
  EXPECT_FALSE(world_.IsAnythingOpen());
}

TEST_F(ViewRegistryTest, AThreadThatCannotBeAddedLeavesNothing) {
  for (std::uint32_t step = 0; step < 2; ++step) {
    world_.os().faults().FailNthCall(step, Error::kNoMemory);
    EXPECT_FALSE(registry_.Add(world_.commons(), ViewReuse::kWhileStale).ok()) << step;
    EXPECT_EQ(registry_.count(), 0u);
  }
  registry_.Remove(Add());
}

TEST_F(ViewRegistryTest, IfThreadsCannotBeReachedNothingIsFlushed) {
  ThreadViews& own = Add();
  ThreadViews& other = Add();
  GetAndPut(other, 5);
  world_.os().faults().FailAfter(Kind::kSynchronize, 0, Error::kNotPermitted);
  EXPECT_EQ(registry_.FlushUnlessLive({FrameNumber(5), FrameCount(1)}, own).error(),
            Error::kNotPermitted);
  world_.os().faults().StopFailing();
  EXPECT_EQ(world_.budget().used(), 1u);
  GetAndPut(other, 5);
}

// Where the system has no barrier for others, the owner's store is one.
TEST(ViewRegistryBarrierTest, WorksWithoutBarriersOfTheSystem) {
  HostMermapSubject world(ViewReuse::kWhileStale);
  ViewRegistry registry(world.os());
  world.os().faults().FailAfter(Kind::kSynchronize, 0, Error::kUnsupported);
  registry.Start();
  ThreadViews& own = **registry.Add(world.commons(), ViewReuse::kWhileStale);
  ThreadViews& other = **registry.Add(world.commons(), ViewReuse::kWhileStale);
  {
    ViewsAtWork work(registry, other);
    EXPECT_TRUE(work.region().Put(*work.region().Get({.first = FrameNumber(5)})).ok());
  }
  EXPECT_TRUE(registry.FlushUnlessLive({FrameNumber(5), FrameCount(1)}, own).ok());
  EXPECT_EQ(world.budget().used(), 0u);
}

TEST_F(ViewRegistryTest, OwnersAtWorkAndVisitorsExcludeEachOther) {
  constexpr int kRounds = 300;
  std::atomic<bool> is_over{false};
  std::vector<std::thread> owners;
  for (int i = 0; i < 2; ++i) {
    owners.emplace_back([&, i] {
      ThreadViews& views = Add();
      while (!is_over.load()) {
        ViewsAtWork work(registry_, views);
        const auto frame = FrameNumber(static_cast<std::uint32_t>(i));
        const auto view = work.region().Get({.first = frame});
        ASSERT_TRUE(view.ok());
        ASSERT_EQ(*view->range().begin.AsPointer<volatile std::uint64_t>(),
                  world_.ContentOf(frame));
        ASSERT_TRUE(work.region().Put(*view).ok());
      }
      registry_.Remove(views);
    });
  }
  ThreadViews& own = Add();
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(registry_.FlushUnlessLive({FrameNumber(0), FrameCount(2)}, own).ok());
  }
  is_over.store(true);
  for (std::thread& owner : owners) {
    owner.join();
  }
  registry_.Remove(own);
}

}  // namespace
}  // namespace pageward::engine
