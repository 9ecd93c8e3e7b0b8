// The simulation below is taken for granted.
#include "runtime/trace/run_mirror.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/trace/test_mirror.h"
#include "tests/support/trace/traffic.h"

namespace pageward::trace {
namespace {

using extent::RunEvent;
using extent::RunEventKind;
using extent::RunOutcome;
using sim::Primitive;
using sim::Tally;
using testing_support::MirrorOf;
using testing_support::RandomTraffic;
using testing_support::TestMirror;

TraceEvent Event(RunEventKind kind, std::uint32_t first, std::uint32_t count,
                 std::uint32_t thread = 0) {
  return TraceEvent{0, thread,
                    RunEvent{kind, RunOutcome::kDone, Order(),
                             FrameRange{FrameNumber(first), FrameCount(count)}, FrameCount(0)}};
}

TEST(RunMirrorTest, ARunIsHiddenMemoryOfTheProcessUntilItIsFreed) {
  TestMirror mirror;
  ASSERT_EQ(mirror->Apply(Event(RunEventKind::kAllocated, 100, 5)), RunOutcome::kDone);
  EXPECT_EQ(mirror->figures().frames, 5u);
  EXPECT_EQ(mirror->counts()[Primitive::kFault], 5u);
  EXPECT_GE(mirror->counts()[Primitive::kFrameCleared], 5u);
  mirror->CheckInvariants();
  ASSERT_EQ(mirror->Apply(Event(RunEventKind::kFreed, 100, 5)), RunOutcome::kDone);
  EXPECT_EQ(mirror->figures().frames, 0u);
  EXPECT_EQ(mirror->figures().frames_most, 5u);
  EXPECT_EQ(mirror->counts()[Primitive::kSystemCall], 1u);
  mirror->CheckInvariants();
}

TEST(RunMirrorTest, APartThatGoesAndComesBackIsFaultedInAgain) {
  TestMirror mirror;
  mirror->Apply(Event(RunEventKind::kAllocated, 0, 8));
  mirror->Apply(Event(RunEventKind::kMadeGone, 2, 3));
  EXPECT_EQ(mirror->figures().frames, 5u);
  mirror->Apply(Event(RunEventKind::kMadeUsable, 2, 3));
  EXPECT_EQ(mirror->figures().frames, 8u);
  EXPECT_EQ(mirror->counts()[Primitive::kFault], 11u);
}

TEST(RunMirrorTest, CuttingAndJoiningChangeNothing) {
  TestMirror mirror;
  mirror->Apply(Event(RunEventKind::kAllocated, 0, 8));
  const sim::Counts before = mirror->counts();
  TraceEvent cut = Event(RunEventKind::kSplit, 0, 8);
  cut.run.lower = FrameCount(3);
  EXPECT_EQ(mirror->Apply(cut), RunOutcome::kDone);
  cut.run.kind = RunEventKind::kMerged;
  EXPECT_EQ(mirror->Apply(cut), RunOutcome::kDone);
  EXPECT_EQ(mirror->counts(), before);
  EXPECT_EQ(mirror->figures().all_events(), 3u);
}

TEST(RunMirrorTest, WhatWasRefusedIsRefusedAgain) {
  TestMirror mirror;
  TraceEvent refused = Event(RunEventKind::kAllocated, 0, 8);
  refused.run.outcome = RunOutcome::kRefused;
  EXPECT_EQ(mirror->Apply(refused), RunOutcome::kRefused);
  EXPECT_EQ(mirror->figures().refused, 1u);
  EXPECT_EQ(mirror->figures().frames, 0u);
}

TEST(RunMirrorTest, TheLimitRefusesWholeRequests) {
  TestMirror mirror;
  const std::uint32_t limit = mirror->limit().value;
  EXPECT_EQ(mirror->Apply(Event(RunEventKind::kAllocated, 0, limit + 1)), RunOutcome::kRefused);
  EXPECT_EQ(mirror->figures().frames, 0u);
  EXPECT_EQ(mirror->Apply(Event(RunEventKind::kAllocated, 0, limit)), RunOutcome::kDone);
  EXPECT_EQ(mirror->Apply(Event(RunEventKind::kAllocated, limit, 1)), RunOutcome::kRefused);
  EXPECT_EQ(mirror->Apply(Event(RunEventKind::kFreed, limit, 1)), RunOutcome::kDone)
      << "the program frees what it has; here there is nothing";
  mirror->Apply(Event(RunEventKind::kFreed, 0, limit));
  EXPECT_EQ(mirror->Apply(Event(RunEventKind::kAllocated, limit, 1)), RunOutcome::kDone);
  EXPECT_EQ(mirror->figures().over_limit, 2u);
  EXPECT_EQ(mirror->figures().broken, 0u);
}

TEST(RunMirrorTest, ThreadsRunOnProcessorsOfTheirOwn) {
  TestMirror mirror;
  for (std::uint32_t thread = 0; thread < 6; ++thread) {
    mirror->Apply(Event(RunEventKind::kAllocated, thread, 1, thread));
  }
  EXPECT_EQ(mirror->figures().threads, 6u);
  const std::uint64_t before = mirror->counts()[Primitive::kInterrupt];
  mirror->Apply(Event(RunEventKind::kFreed, 0, 1, 0));
  EXPECT_GT(mirror->counts()[Primitive::kInterrupt], before) << "others ran the process, too";
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    EXPECT_GT(mirror->simulation().machine().cpu(cpu).meter().Read()[Primitive::kFault], 0u) << cpu;
  }
}

TEST(RunMirrorTest, AKernelThatFailsIsToldFromALimit) {
  TestMirror mirror;
  mirror.faults().FailAfter(sim::FaultPoint::kCacheInsert, 2);
  EXPECT_EQ(mirror->Apply(Event(RunEventKind::kAllocated, 0, 8)), RunOutcome::kRefused);
  mirror.faults().Stop();
  EXPECT_EQ(mirror->figures().broken, 1u);
  EXPECT_EQ(mirror->figures().frames, 0u);
  mirror->CheckInvariants();
  EXPECT_EQ(mirror->Apply(Event(RunEventKind::kAllocated, 0, 8)), RunOutcome::kDone);
}

TEST(RunMirrorTest, WhatNoAllocatorSaysDoesNoHarm) {
  TestMirror mirror;
  mirror->Apply(Event(RunEventKind::kAllocated, 0, 8));
  mirror->Apply(Event(RunEventKind::kAllocated, 4, 8));
  EXPECT_EQ(mirror->figures().frames, 12u);
  mirror->Apply(Event(RunEventKind::kFreed, 2, 40));
  mirror->Apply(Event(RunEventKind::kFreed, 2, 40));
  EXPECT_EQ(mirror->figures().frames, 2u);
  mirror->CheckInvariants();
}

TEST(RunMirrorTest, NonsenseDoesNotStart) {
  MirrorConfig config = MirrorOf();
  for (const std::uint64_t frames : {std::uint64_t{0}, kMostFrames + 1}) {
    config.zone_frames = frames;
    EXPECT_EQ(RunMirror::Start(VirtRange{VirtAddr(0x1000), 4096}, config).error(), Error::kInvalid);
  }
}

// --- The same under every policy -----------------------------------------------------------------

struct Policies {
  sim::ConversionPolicy conversion = sim::ConversionPolicy::kGrouped;
  sim::PtpPolicy tables = sim::PtpPolicy::kReserve;
  sim::WindowPolicy window = sim::WindowPolicy::kMermap;
};

std::vector<Policies> EveryPolicy() {
  std::vector<Policies> all;
  for (const auto conversion : {sim::ConversionPolicy::kGrouped, sim::ConversionPolicy::kAdhoc,
                                sim::ConversionPolicy::kSkipFlush}) {
    for (const auto tables :
         {sim::PtpPolicy::kReserve, sim::PtpPolicy::kPerPage, sim::PtpPolicy::kNone}) {
      for (const auto window : {sim::WindowPolicy::kMermap, sim::WindowPolicy::kKmapLocal}) {
        all.push_back(Policies{conversion, tables, window});
      }
    }
  }
  return all;
}

struct Replay {
  std::vector<RunOutcome> outcomes;
  MirrorFigures figures;
  sim::Counts counts;
};

Replay ReplayUnder(const Policies& policies, const std::vector<TraceEvent>& events) {
  MirrorConfig config = MirrorOf();
  config.simulation.kernel.ram_bytes = std::uint64_t{64} << 20;  // 8192 frames for the program.
  config.simulation.kernel.conversion = policies.conversion;
  config.simulation.kernel.tables.policy = policies.tables;
  config.simulation.window = policies.window;
  TestMirror mirror(config);
  Replay replay;
  for (const TraceEvent& event : events) {
    replay.outcomes.push_back(mirror->Apply(event));
  }
  replay.figures = mirror->figures();
  replay.counts = mirror->counts();
  return replay;
}

// Spec: T128
TEST(ReplayTest, EveryPolicySucceedsAndFailsAtTheSameEvents) {
  // One run that leaves little of the limit, and others beside it: some of them are refused.
  std::vector<TraceEvent> events = RandomTraffic(1, 500, 4096, 3);
  events.insert(events.begin(), Event(RunEventKind::kAllocated, 8192, 8100));
  const std::vector<Policies> policies = EveryPolicy();
  const Replay first = ReplayUnder(policies.front(), events);
  EXPECT_GT(first.figures.over_limit, 0u);
  EXPECT_GT(first.figures.refused, 0u);
  for (const Policies& other : policies) {
    const Replay replay = ReplayUnder(other, events);
    EXPECT_EQ(replay.outcomes, first.outcomes);
    EXPECT_EQ(replay.figures, first.figures);
    EXPECT_EQ(replay.figures.broken, 0u);
  }
}

TEST(ReplayTest, PoliciesDifferInWhatTheyCost) {
  const std::vector<TraceEvent> events = RandomTraffic(2, 2000, 4096, 3);
  const Replay grouped = ReplayUnder({}, events);
  const Replay adhoc = ReplayUnder({.conversion = sim::ConversionPolicy::kAdhoc}, events);
  const Replay open = ReplayUnder({.tables = sim::PtpPolicy::kNone}, events);
  EXPECT_LT(10 * grouped.counts[Tally::kPresenceChange], adhoc.counts[Tally::kPresenceChange]);
  EXPECT_LT(grouped.counts[Primitive::kPageFlush], adhoc.counts[Primitive::kPageFlush]);
  EXPECT_GT(grouped.counts[Primitive::kKeyRegisterWrite],
            open.counts[Primitive::kKeyRegisterWrite]);
}

TEST(ReplayTest, TheSameEventsMakeTheSameCounts) {
  const std::vector<TraceEvent> events = RandomTraffic(3, 2000, 4096, 3);
  EXPECT_EQ(ReplayUnder({}, events).counts, ReplayUnder({}, events).counts);
}

}  // namespace
}  // namespace pageward::trace
