#include "runtime/space/prepared_once.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pageward::space {
namespace {

TEST(PreparedOnceTest, IsMadeOnceByWhoeverComesFirst) {
  PreparedOnce once(LockRank::kTest);
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE(once.Prepare([&] { return ++made, Status(); }).ok());
      EXPECT_TRUE(once.IsReady());
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(made, 1);
}

TEST(PreparedOnceTest, AFailureIsReturnedAndTriedAgain) {
  PreparedOnce once(LockRank::kTest);
  EXPECT_EQ(once.Prepare([]() -> Status { return Error::kNoMemory; }).error(), Error::kNoMemory);
  EXPECT_FALSE(once.IsReady());
  EXPECT_TRUE(once.Prepare([] { return Status(); }).ok());
  EXPECT_TRUE(once.IsReady());
}

TEST(PreparedOnceTest, WhatIsGoneIsMadeAgain) {
  PreparedOnce once(LockRank::kTest);
  int made = 0;
  const auto make = [&] { return ++made, Status(); };
  ASSERT_TRUE(once.Prepare(make).ok());
  once.Reset();
  EXPECT_FALSE(once.IsReady());
  ASSERT_TRUE(once.Prepare(make).ok());
  EXPECT_EQ(made, 2);
}

}  // namespace
}  // namespace pageward::space
