#include "runtime/extent/quarantine.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pageward::extent {
namespace {

FrameRange RunOf(std::uint32_t begin, std::uint32_t count) {
  return FrameRange{FrameNumber(begin), FrameCount(count)};
}

class QuarantineTest : public testing::Test {
 protected:
  void Push(Quarantine& quarantine, FrameRange run) {
    quarantine.Push(run, [this](FrameRange released) { released_.push_back(released); });
    quarantine.CheckInvariants();
  }

  std::vector<FrameRange> released_;
};

TEST_F(QuarantineTest, HoldsRunsUntilThereIsNoRoom) {
  Quarantine quarantine(FrameCount(10));
  Push(quarantine, RunOf(0, 4));
  Push(quarantine, RunOf(100, 6));
  EXPECT_TRUE(released_.empty());
  EXPECT_TRUE(quarantine.Contains(FrameNumber(3)));
  EXPECT_FALSE(quarantine.Contains(FrameNumber(4)));
  EXPECT_EQ(quarantine.waiting(), FrameCount(10));
  Push(quarantine, RunOf(200, 5));
  EXPECT_EQ(released_, (std::vector{RunOf(0, 4), RunOf(100, 6)}));
  EXPECT_FALSE(quarantine.Contains(FrameNumber(3)));
  EXPECT_TRUE(quarantine.Contains(FrameNumber(204)));
}

TEST_F(QuarantineTest, TheOldestLeaveFirst) {
  Quarantine quarantine(FrameCount(3));
  for (std::uint32_t i = 0; i < 6; ++i) {
    Push(quarantine, RunOf(10 * i, 1));
  }
  EXPECT_EQ(released_, (std::vector{RunOf(0, 1), RunOf(10, 1), RunOf(20, 1)}));
}

TEST_F(QuarantineTest, WhatIsLargerThanTheWholeDoesNotWait) {
  Quarantine quarantine(FrameCount(10));
  Push(quarantine, RunOf(0, 5));
  Push(quarantine, RunOf(100, 11));
  EXPECT_EQ(released_, (std::vector{RunOf(100, 11)}));
  EXPECT_TRUE(quarantine.Contains(FrameNumber(0)));
}

TEST_F(QuarantineTest, SwitchedOffNothingWaits) {
  Quarantine quarantine(FrameCount(0));
  EXPECT_TRUE(quarantine.IsOff());
  Push(quarantine, RunOf(0, 1));
  EXPECT_EQ(released_.size(), 1u);
}

TEST_F(QuarantineTest, TheNumberOfRunsIsBoundedToo) {
  Quarantine quarantine(FrameCount(1u << 20));
  for (std::uint32_t i = 0; i < Quarantine::kMostRuns; ++i) {
    quarantine.Push(RunOf(2 * i, 1), [](FrameRange) { FAIL(); });
  }
  Push(quarantine, RunOf(1u << 20, 1));
  EXPECT_EQ(released_, (std::vector{RunOf(0, 1)}));
}

TEST_F(QuarantineTest, FlushingEndsEveryWait) {
  Quarantine quarantine(FrameCount(10));
  Push(quarantine, RunOf(0, 1));
  Push(quarantine, RunOf(10, 2));
  quarantine.Flush([this](FrameRange released) { released_.push_back(released); });
  EXPECT_EQ(released_.size(), 2u);
  EXPECT_EQ(quarantine.waiting(), FrameCount(0));
}

TEST_F(QuarantineTest, ThreadsLoseAndDuplicateNothing) {
  Quarantine quarantine(FrameCount(64));
  std::atomic<std::uint32_t> out{0};
  const auto work = [&](std::uint32_t base) {
    for (std::uint32_t i = 0; i < 5000; ++i) {
      quarantine.Push(RunOf(base + i, 1), [&](FrameRange) { ++out; });
    }
  };
  std::thread other(work, 1u << 20);
  work(0);
  other.join();
  quarantine.CheckInvariants();
  EXPECT_EQ(out + quarantine.waiting().value, 10000u);
}

}  // namespace
}  // namespace pageward::extent
