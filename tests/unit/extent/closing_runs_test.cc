#include "runtime/extent/closing_runs.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pageward::extent {
namespace {

FrameRange RunOf(std::uint32_t begin, std::uint32_t count) {
  return FrameRange{FrameNumber(begin), FrameCount(count)};
}

std::vector<FrameRange> ListOf(const ClosingRuns::Batch& batch) {
  return {batch.runs().begin(), batch.runs().end()};
}

class ClosingRunsTest : public testing::Test {
 protected:
  ~ClosingRunsTest() override { runs_.CheckInvariants(); }

  std::vector<FrameRange> Put(FrameRange run) { return ListOf(runs_.Put(run)); }

  ClosingRuns runs_;
};

TEST_F(ClosingRunsTest, WhatIsPutWaits) {
  EXPECT_TRUE(Put(RunOf(10, 3)).empty());
  EXPECT_TRUE(runs_.Contains(FrameNumber(12)));
  EXPECT_FALSE(runs_.Contains(FrameNumber(13)));
  EXPECT_EQ(runs_.held(), FrameCount(3));
}

TEST_F(ClosingRunsTest, TheOldestLeaveTogetherInOrderOfAddress) {
  for (std::uint32_t i = 0; i < ClosingRuns::kMost; ++i) {
    ASSERT_TRUE(Put(RunOf(1000 - 2 * i, 1)).empty());
  }
  std::vector<FrameRange> expected;
  for (std::uint32_t i = ClosingRuns::kBatch; i-- > 0;) {
    expected.push_back(RunOf(1000 - 2 * i, 1));
  }
  EXPECT_EQ(Put(RunOf(0, 1)), expected);
  EXPECT_FALSE(runs_.Contains(FrameNumber(1000)));
  EXPECT_TRUE(runs_.Contains(FrameNumber(0)));
}

TEST_F(ClosingRunsTest, TheNumberOfFramesIsBoundedToo) {
  ASSERT_TRUE(Put(RunOf(0, 40)).empty());
  EXPECT_EQ(Put(RunOf(100, 25)), std::vector{RunOf(0, 40)});
  EXPECT_EQ(Put(RunOf(200, 64)), std::vector{RunOf(100, 25)});
  EXPECT_EQ(runs_.held(), ClosingRuns::kMostFrames);
}

TEST_F(ClosingRunsTest, OnlyARunThatFitsExactlyIsTakenAndTheNewestFirst) {
  Put(RunOf(0, 2));
  Put(RunOf(10, 2));
  Put(RunOf(21, 2));
  EXPECT_EQ(runs_.Take(FrameCount(1), Order(0)), std::nullopt);
  EXPECT_EQ(runs_.Take(FrameCount(3), Order(0)), std::nullopt);
  EXPECT_EQ(runs_.Take(FrameCount(2), Order(1)), RunOf(10, 2));
  EXPECT_EQ(runs_.Take(FrameCount(2), Order(0)), RunOf(21, 2));
  EXPECT_EQ(runs_.Take(FrameCount(2), Order(0)), RunOf(0, 2));
  EXPECT_EQ(runs_.held(), FrameCount(0));
}

TEST_F(ClosingRunsTest, AllCanLeave) {
  Put(RunOf(20, 2));
  Put(RunOf(10, 1));
  EXPECT_EQ(ListOf(runs_.TakeAll()), (std::vector{RunOf(10, 1), RunOf(20, 2)}));
  EXPECT_TRUE(ListOf(runs_.TakeAll()).empty());
}

TEST_F(ClosingRunsTest, ThreadsLoseAndDuplicateNothing) {
  constexpr std::uint32_t kRuns = 5000;
  std::vector<std::atomic<int>> left(2 * kRuns);
  const auto work = [&](std::uint32_t base) {
    for (std::uint32_t i = 0; i < kRuns; ++i) {
      for (const FrameRange run : ListOf(runs_.Put(RunOf(base + i, 1)))) {
        ++left[run.begin.value];
      }
      if (i % 3 == 0) {
        if (const std::optional<FrameRange> run = runs_.Take(FrameCount(1), Order(0))) {
          ++left[run->begin.value];
        }
      }
    }
  };
  std::thread other(work, kRuns);
  work(0);
  other.join();
  for (const FrameRange run : ListOf(runs_.TakeAll())) {
    ++left[run.begin.value];
  }
  for (const std::atomic<int>& times : left) {
    EXPECT_EQ(times, 1);
  }
}

using ClosingRunsDeathTest = ClosingRunsTest;

TEST_F(ClosingRunsDeathTest, ARunTwiceIsFoundByTheWalk) {
  EXPECT_DEATH(
      {
        Put(RunOf(10, 2));
        Put(RunOf(11, 2));
        runs_.CheckInvariants();
      },
      "invariant.*: 0x1");
}

}  // namespace
}  // namespace pageward::extent
