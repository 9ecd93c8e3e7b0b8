// What an observer is told: each request that an allocator of runs gets, with its outcome.
#include "runtime/extent/run_observer.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/extent/run_zone.h"

namespace pageward::extent {
namespace {

using testing_support::FaultyOs;
using testing_support::RunZone;

constexpr std::uint64_t kPage = kFrameBytes;

class Notes final : public RunObserver {
 public:
  void Note(const RunEvent& event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  /// What was noted since the last call.
  std::vector<RunEvent> Take() { return std::exchange(events_, {}); }

 private:
  std::mutex mutex_;
  std::vector<RunEvent> events_;
};

class RunObserverTest : public testing::Test {
 protected:
  RunObserverTest() { zone_.runs().Observe(notes_); }

  FrameRange FramesOf(VirtRange run) {
    const std::uint64_t first = (run.begin - zone_.zone().range().begin) / kPage;
    return FrameRange{FrameNumber(static_cast<std::uint32_t>(first)), FramesFor(run.bytes)};
  }
  RunEvent Done(RunEventKind kind, VirtRange run, std::uint32_t lower = 0) {
    return RunEvent{kind, RunOutcome::kDone, Order(), FramesOf(run), FrameCount(lower)};
  }
  // What was noted, which must be one event.
  RunEvent TakeOnly() {
    const std::vector<RunEvent> events = notes_.Take();
    EXPECT_EQ(events.size(), 1u);
    return events.empty() ? RunEvent{} : events.front();
  }

  FaultyOs os_;
  RunZone zone_{os_, {}};
  RunAllocator& runs_ = zone_.runs();
  Notes notes_;
};

TEST_F(RunObserverTest, AnAllocationIsToldWithItsPlaceAndAlignment) {
  const VirtRange run = *runs_.Allocate(5 * kPage, 4 * kPage);
  RunEvent expected = Done(RunEventKind::kAllocated, run);
  expected.alignment = Order(2);
  EXPECT_EQ(TakeOnly(), expected);
}

TEST_F(RunObserverTest, AnAllocationThatIsRefusedIsToldWithItsSize) {
  ASSERT_FALSE(runs_.Allocate(16 * RunZone::kBytes, kPage).ok());
  const RunEvent whole = TakeOnly();
  EXPECT_EQ(whole.outcome, RunOutcome::kRefused);
  EXPECT_EQ(whole.frames, (FrameRange{FrameNumber(0), FramesFor(16 * RunZone::kBytes)}));
  ASSERT_FALSE(runs_.Allocate(std::uint64_t{1} << 62, std::uint64_t{1} << 40).ok());
  EXPECT_EQ(TakeOnly().alignment, kMaxOrder);
  zone_.leaves().FailAfter(0);
  ASSERT_FALSE(runs_.Allocate(3 * kPage, kPage).ok());
  const RunEvent small = TakeOnly();
  EXPECT_EQ(small.outcome, RunOutcome::kRefused);
  EXPECT_EQ(small.frames, (FrameRange{FrameNumber(0), FrameCount(3)}));
}

TEST_F(RunObserverTest, GrowingInPlaceIsToldBothWays) {
  const VirtRange run = *runs_.Allocate(4 * kPage, 16 * kPage);
  notes_.Take();
  const VirtRange more{run.end(), 2 * kPage};
  ASSERT_TRUE(runs_.TryAllocateAt(more.begin, more.bytes));
  EXPECT_EQ(TakeOnly(), Done(RunEventKind::kGrown, more));
  ASSERT_FALSE(runs_.TryAllocateAt(more.begin, kPage));
  RunEvent refused = Done(RunEventKind::kGrown, VirtRange{more.begin, kPage});
  refused.outcome = RunOutcome::kRefused;
  EXPECT_EQ(TakeOnly(), refused);
}

TEST_F(RunObserverTest, CuttingAndJoiningTellWhereTheCutIs) {
  const VirtRange run = *runs_.Allocate(8 * kPage, kPage);
  notes_.Take();
  ASSERT_TRUE(runs_.TrySplit(run, 3 * kPage));
  EXPECT_EQ(TakeOnly(), Done(RunEventKind::kSplit, run, 3));
  ASSERT_TRUE(
      runs_.TryMerge(VirtRange{run.begin, 3 * kPage}, VirtRange{run.begin + 3 * kPage, 5 * kPage}));
  EXPECT_EQ(TakeOnly(), Done(RunEventKind::kMerged, run, 3));
}

TEST_F(RunObserverTest, ACutThatIsRefusedIsTold) {
  zone_.leaves().FailAfter(0);
  const VirtRange blocks = *runs_.Allocate(2 * kPageblockBytes, kPage);
  notes_.Take();
  ASSERT_FALSE(runs_.TrySplit(blocks, kPage));
  RunEvent refused = Done(RunEventKind::kSplit, blocks, 1);
  refused.outcome = RunOutcome::kRefused;
  EXPECT_EQ(TakeOnly(), refused);
}

TEST_F(RunObserverTest, PartsThatGoAndComeBackAreTold) {
  const VirtRange run = *runs_.Allocate(8 * kPage, kPage);
  const VirtRange part{run.begin + 2 * kPage, 3 * kPage};
  notes_.Take();
  runs_.Decommit(part);
  EXPECT_EQ(TakeOnly(), Done(RunEventKind::kMadeGone, part));
  ASSERT_TRUE(runs_.Commit(part).ok());
  EXPECT_EQ(TakeOnly(), Done(RunEventKind::kMadeUsable, part));
  runs_.Free(run);
  EXPECT_EQ(TakeOnly(), Done(RunEventKind::kFreed, run));
}

TEST_F(RunObserverTest, EveryRunThatIsCountedIsTold) {
  std::vector<VirtRange> runs;
  for (std::uint64_t i = 0; i < 200; ++i) {
    runs.push_back(*runs_.Allocate((1 + i % 20) * kPage, kPage));
    if (i % 3 == 2) {
      runs_.Free(runs[i - 1]);
      runs[i - 1] = *runs_.Allocate(runs[i - 1].bytes, kPage);
    }
  }
  std::array<std::uint64_t, kRunEventKindCount> told{};
  for (const RunEvent& event : notes_.Take()) {
    ++told[static_cast<std::size_t>(event.kind)];
  }
  EXPECT_EQ(told[static_cast<std::size_t>(RunEventKind::kAllocated)],
            runs_.counters().allocated_runs);
  EXPECT_EQ(told[static_cast<std::size_t>(RunEventKind::kFreed)], runs_.counters().freed_runs);
}

TEST(ReusedRunsTest, ARunThatIsUsedAgainBeforeItWentIsToldAsFreedAndAllocated) {
  FaultyOs os;
  RunZone zone(os, {.closes_in_batches = true});
  Notes notes;
  zone.runs().Observe(notes);
  const VirtRange run = *zone.runs().Allocate(4 * kPage, 2 * kPage);
  const RunEvent allocated = notes.Take().front();
  zone.runs().Free(run);
  ASSERT_EQ(zone.runs().TryReuse(4 * kPage, 2 * kPage), run);
  const std::vector<RunEvent> events = notes.Take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, RunEventKind::kFreed);
  EXPECT_EQ(events[0].frames, allocated.frames);
  EXPECT_EQ(events[1], allocated);
  EXPECT_FALSE(zone.runs().TryReuse(4 * kPage, 2 * kPage).has_value());
  EXPECT_TRUE(notes.Take().empty()) << "a question, and no request yet";
  zone.runs().Free(run);
  zone.runs().CloseFreedRuns();
}

// Keeps which runs are in use, by what it is told.
class Ownership final : public RunObserver {
 public:
  void Note(const RunEvent& event) override {
    const std::lock_guard lock(mutex_);
    const std::uint32_t first = event.frames.begin.value;
    if (event.kind == RunEventKind::kAllocated) {
      is_right_ = is_right_ && used_.emplace(first, event.frames.count.value).second;
    } else if (event.kind == RunEventKind::kFreed) {
      is_right_ = is_right_ && used_.erase(first) == 1;
    }
  }
  bool is_right() const { return is_right_; }

 private:
  std::mutex mutex_;
  std::map<std::uint32_t, std::uint32_t> used_;
  bool is_right_ = true;
};

TEST(RunObserverOrderTest, NoFrameIsAllocatedByOneThreadBeforeAnotherIsToldToHaveFreedIt) {
  FaultyOs os;
  RunZone zone(os, {});
  Ownership ownership;
  zone.runs().Observe(ownership);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&zone] {
      for (int round = 0; round < 100; ++round) {
        zone.runs().Free(*zone.runs().Allocate(3 * kPage, kPage));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(ownership.is_right());
}

}  // namespace
}  // namespace pageward::extent
