#include "tools/pageward/sim/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tools/pageward/command/failure.h"
#include "tools/pageward/sim/axes.h"

namespace pageward::tool {
namespace {

Settings SmallSettings(std::string_view ram = "64M") {
  return PointsOf({{"ram", std::string(ram)}, {"cpus", "2"}})[0];
}

std::uint64_t CountOf(const Run& run, std::string_view name) {
  for (const Count& count : run.counts) {
    if (count.name == name) {
      return count.times;
    }
  }
  ADD_FAILURE() << name;
  return 0;
}

class Watcher final : public Progress {
 public:
  void Tell(std::string_view, std::uint64_t done, std::uint64_t total) override {
    done_ = done;
    total_ = total;
  }
  std::uint64_t done() const { return done_; }
  std::uint64_t total() const { return total_; }

 private:
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

TEST(SessionTest, OnlyWhatHappensAfterTheBeginningCounts) {
  Session session(SmallSettings(), Watch{});
  session.Need(session.kernel().AllocateHidden(), "a frame");
  session.Begin();
  session.Need(session.kernel().AllocateHidden(), "a frame");
  session.Step();
  const sim::CostModel costs;
  const FinishedRun finished = session.Finish(costs);
  EXPECT_EQ(CountOf(finished.run, "frame-allocated"), 1u);
  EXPECT_EQ(CountOf(finished.run, "conversions"), 0u) << "the pageblock was there";
  EXPECT_EQ(finished.counts[sim::Primitive::kFrameAllocated], 1u);
  EXPECT_DOUBLE_EQ(finished.run.cycles.nominal, costs.Cycles(finished.counts));
  EXPECT_LT(finished.run.cycles.low, finished.run.cycles.nominal);
  EXPECT_GT(finished.run.cycles.high, finished.run.cycles.nominal);
  double shared = 0;
  for (const CostShare& share : finished.run.shares) {
    shared += static_cast<double>(share.times * share.cycles);
  }
  EXPECT_DOUBLE_EQ(shared, finished.run.cycles.nominal) << "shares are all of it";
}

TEST(SessionTest, EverySampleHasAllPageblocksAndThereAreSomeDozens) {
  Session session(SmallSettings(), Watch{});
  session.Begin();
  for (int i = 0; i < 5000; ++i) {
    session.Need(session.kernel().AllocateHidden(), "a frame");
    session.Step();
  }
  const tool::Run run = session.Finish(sim::CostModel()).run;
  EXPECT_GE(run.blocks.size(), 64u);
  EXPECT_LE(run.blocks.size(), 130u);
  EXPECT_EQ(run.blocks.front().step, 0u);
  EXPECT_EQ(run.blocks.back().step, 5000u);
  EXPECT_TRUE(
      std::is_sorted(run.blocks.begin(), run.blocks.end(),
                     [](const BlockSample& a, const BlockSample& b) { return a.step < b.step; }));
  for (const BlockSample& sample : run.blocks) {
    ASSERT_EQ(sample.blocks.size(), run.freetypes.size());
    EXPECT_EQ(std::accumulate(sample.blocks.begin(), sample.blocks.end(), std::uint64_t{0}), 32u);
  }
  EXPECT_EQ(run.freetypes[3], "unmapped");
  EXPECT_EQ(run.blocks.front().blocks[3], 0u);
  EXPECT_EQ(run.blocks.back().blocks[3], 10u) << "of 512 frames each";
}

TEST(SessionTest, WhoSaysHowManyStepsThereAreGetsSamplesAtEqualDistances) {
  Session session(SmallSettings(), Watch{.steps = 960});
  session.Begin();
  for (int i = 0; i < 960; ++i) {
    session.Step();
  }
  const tool::Run run = session.Finish(sim::CostModel()).run;
  ASSERT_EQ(run.blocks.size(), 97u);
  for (std::size_t i = 0; i < run.blocks.size(); ++i) {
    EXPECT_EQ(run.blocks[i].step, 10 * i);
  }
}

TEST(SessionTest, AnErrorIsAFailureThatSaysWhatToChange) {
  Session session(SmallSettings(), Watch{});
  session.Need(Status(), "nothing");
  try {
    session.Need(Status(Error::kNoFrames), "writing the guest");
    ADD_FAILURE();
  } catch (const Failure& failure) {
    EXPECT_EQ(std::string(failure.what()),
              "writing the guest: no frames; --ram 64M or --reserve 2+2 is too small for this");
  }
}

TEST(SessionTest, ProgressIsTold) {
  Watcher watcher;
  Session session(SmallSettings(), Watch{.steps = 5000, .progress = &watcher});
  session.Begin();
  for (int i = 0; i < 3000; ++i) {
    session.Step();
  }
  EXPECT_EQ(watcher.done(), 2048u);
  EXPECT_EQ(watcher.total(), 5000u);
}

TEST(SessionTest, EventsBeyondTheirNumberAreRemarkedOn) {
  Session session(SmallSettings(), Watch{.events = 2});
  session.Begin();
  session.Need(session.kernel().AllocateHidden(), "a frame");
  const tool::Run run = session.Finish(sim::CostModel()).run;
  EXPECT_EQ(run.messages.size(), 2u);
  ASSERT_EQ(run.remarks.size(), 1u);
  EXPECT_NE(run.remarks[0].find("2 events are kept"), std::string::npos);
}

}  // namespace
}  // namespace pageward::tool
