// On the real system: runs of a real zone are recorded and mirrored at once.
#include "runtime/trace/run_tap.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>
#include <vector>

#include "runtime/trace/trace_reader.h"
#include "tests/support/extent/run_zone.h"
#include "tests/support/trace/test_mirror.h"
#include "tests/support/trace/traffic.h"

namespace pageward::trace {
namespace {

using extent::RunAllocator;
using testing_support::FaultyOs;
using testing_support::MemorySink;
using testing_support::MirrorOf;
using testing_support::RunZone;
using testing_support::TestMirror;

constexpr std::uint64_t kZoneFrames = RunZone::kBytes / kFrameBytes;

class RunTapTest : public testing::Test {
 protected:
  void Open() {
    ASSERT_TRUE(writer_.Begin(sink_, testing_support::FactsOf(kZoneFrames)).ok());
    tap_.Open(os_, &writer_, &*live_);
    zone_.runs().Observe(tap_);
  }
  // Some of everything that runs can do.
  static void Use(RunAllocator& runs, std::uint32_t seed, int rounds) {
    std::mt19937 random(seed);
    std::vector<VirtRange> held;
    for (int i = 0; i < rounds; ++i) {
      const std::uint64_t bytes = (1 + random() % 20) * kFrameBytes;
      held.push_back(*runs.Allocate(bytes, kFrameBytes << random() % 4));
      if (i % 5 == 0) {
        static_cast<void>(runs.TryAllocateAt(held.back().end(), kFrameBytes) &&
                          runs.TryMerge(held.back(), VirtRange{held.back().end(), kFrameBytes}) &&
                          (held.back().bytes += kFrameBytes) != 0);
      }
      if (i % 7 == 0) {
        runs.Decommit(held.back());
        EXPECT_TRUE(runs.Commit(held.back()).ok());
      }
      if (i % 3 == 2) {
        std::swap(held.back(), held[random() % held.size()]);
        runs.Free(held.back());
        held.pop_back();
      }
    }
    for (const VirtRange run : held) {
      runs.Free(run);
    }
  }
  // What was recorded, replayed into a mirror of its own.
  void ExpectReplayEqualsLive() {
    const std::vector<std::byte> bytes = sink_.bytes();
    TraceReader reader;
    ASSERT_EQ(reader.Open(bytes), TraceFault::kNone);
    TestMirror replayed(MirrorOf(reader.facts().zone_frames));
    reader.ForEach([&](const TraceEvent& event) { replayed->Apply(event); });
    EXPECT_EQ(replayed->figures(), live_->figures());
    EXPECT_EQ(replayed->counts(), live_->counts());
    EXPECT_GT(live_->figures().all_events(), 0u);
    live_->CheckInvariants();
  }

  FaultyOs os_;
  RunTap tap_;
  RunZone zone_{os_, {}};
  TraceWriter writer_;
  MemorySink sink_;
  TestMirror live_{MirrorOf(kZoneFrames)};
};

// Spec: U43
TEST_F(RunTapTest, LiveCountsAreThoseOfTheRecordedRunReplayed) {
  Open();
  Use(zone_.runs(), 1, 500);
  ASSERT_TRUE(tap_.Close().ok());
  ExpectReplayEqualsLive();
  EXPECT_EQ(live_->figures().threads, 1u);
}

// Spec: U43
TEST_F(RunTapTest, WithThreadsTooSinceBothAreToldInOneOrder) {
  Open();
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] { Use(zone_.runs(), i, 100); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  ASSERT_TRUE(tap_.Close().ok());
  ExpectReplayEqualsLive();
  EXPECT_EQ(live_->figures().threads, 4u);
  EXPECT_EQ(live_->figures().frames, 0u) << "no free was told before its allocation";
}

TEST_F(RunTapTest, AfterTheEndNothingIsToldAnyMore) {
  Open();
  Use(zone_.runs(), 1, 10);
  ASSERT_TRUE(tap_.Close().ok());
  const MirrorFigures figures = live_->figures();
  const std::vector<std::byte> bytes = sink_.bytes();
  Use(zone_.runs(), 2, 10);
  EXPECT_TRUE(tap_.Close().ok());
  EXPECT_EQ(live_->figures(), figures);
  EXPECT_EQ(sink_.bytes(), bytes);
}

TEST_F(RunTapTest, ASinkThatFailsEndsTheTraceAndNotTheMirror) {
  Open();
  sink_.FailAfter(2);
  Use(zone_.runs(), 1, 200);
  EXPECT_EQ(tap_.Close().error(), Error::kLimit);
  EXPECT_GT(live_->figures().all_events() * kRecordBytes, 2 * MemorySink::kRoomBytes);
  const std::vector<std::byte> bytes = sink_.bytes();
  TraceReader reader;
  EXPECT_EQ(reader.Open(bytes), TraceFault::kUnfinished);
}

TEST_F(RunTapTest, ACopyOfTheProcessIsNotTold) {
  Open();
  tap_.LockForFork();
  const pid_t child = fork();
  if (child == 0) {
    tap_.UnlockInChild();
    Use(zone_.runs(), 1, 10);
    _exit(tap_.IsOpen() || live_->figures().all_events() != 0 ? 1 : 0);
  }
  tap_.UnlockInParent();
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  Use(zone_.runs(), 2, 10);
  ASSERT_TRUE(tap_.Close().ok());
  ExpectReplayEqualsLive();
}

TEST_F(RunTapTest, EachOfBothMayBeAbsent) {
  tap_.Open(os_, nullptr, nullptr);
  zone_.runs().Observe(tap_);
  Use(zone_.runs(), 1, 10);
  EXPECT_TRUE(tap_.Close().ok());
}

}  // namespace
}  // namespace pageward::trace
