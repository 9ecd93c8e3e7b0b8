#include "runtime/keys/thread_pins.h"

#include <gtest/gtest.h>

#include <array>

namespace pageward::keys {
namespace {

class ThreadPinsTest : public testing::Test {
 protected:
  std::array<ThreadState*, 3> places_ = {};
  ThreadPins pins_{places_};
  ThreadState first_ = {};
  ThreadState second_ = {};
};

TEST_F(ThreadPinsTest, EveryThreadHasATicketOfItsOwn) {
  ASSERT_TRUE(pins_.Add(first_).ok());
  ASSERT_TRUE(pins_.Add(second_).ok());
  EXPECT_NE(first_.ticket, 0u);
  EXPECT_NE(first_.ticket, second_.ticket);
  EXPECT_EQ(pins_.thread_count(), 2u);
}

TEST_F(ThreadPinsTest, ATicketIsNeverGivenAgain) {
  ASSERT_TRUE(pins_.Add(first_).ok());
  const std::uint64_t former = first_.ticket;
  pins_.Remove(first_);
  EXPECT_EQ(first_.ticket, 0u);
  ASSERT_TRUE(pins_.Add(second_).ok());
  EXPECT_NE(second_.ticket, former);
}

TEST_F(ThreadPinsTest, APinOfAnyThreadCounts) {
  ASSERT_TRUE(pins_.Add(first_).ok());
  ASSERT_TRUE(pins_.Add(second_).ok());
  EXPECT_FALSE(pins_.IsPinned(arch::Pkey(3)));
  second_.pins[3] = 2;
  EXPECT_TRUE(pins_.IsPinned(arch::Pkey(3)));
  EXPECT_FALSE(pins_.IsPinned(arch::Pkey(4)));
}

TEST_F(ThreadPinsTest, WhatAThreadThatEndedHadPinnedIsFree) {
  ASSERT_TRUE(pins_.Add(first_).ok());
  first_.pins[3] = 1;
  pins_.Remove(first_);
  EXPECT_FALSE(pins_.IsPinned(arch::Pkey(3)));
}

TEST_F(ThreadPinsTest, PlacesAreUsedAgainAndThenThereAreNoMore) {
  std::array<ThreadState, 4> threads = {};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pins_.Add(threads[static_cast<std::size_t>(i)]).ok());
  }
  EXPECT_EQ(pins_.Add(threads[3]).error(), Error::kLimit);
  EXPECT_EQ(threads[3].ticket, 0u);
  pins_.Remove(threads[1]);
  EXPECT_TRUE(pins_.Add(threads[3]).ok());
  threads[3].pins[5] = 1;
  EXPECT_TRUE(pins_.IsPinned(arch::Pkey(5)));
}

TEST_F(ThreadPinsTest, AForkChildKeepsItsThreadWithoutPinsAndWithAnotherTicket) {
  ASSERT_TRUE(pins_.Add(first_).ok());
  ASSERT_TRUE(pins_.Add(second_).ok());
  first_.pins[1] = 1;
  second_.pins[2] = 1;
  const std::uint64_t former = second_.ticket;
  pins_.KeepOnly(second_);
  EXPECT_EQ(pins_.thread_count(), 1u);
  EXPECT_FALSE(pins_.IsPinned(arch::Pkey(1)));
  EXPECT_FALSE(pins_.IsPinned(arch::Pkey(2)));
  EXPECT_NE(second_.ticket, former);
  EXPECT_NE(second_.ticket, 0u);
}

}  // namespace
}  // namespace pageward::keys
