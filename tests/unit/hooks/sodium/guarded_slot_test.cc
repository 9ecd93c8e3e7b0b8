#include "hooks/sodium/guarded_slot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace pageward::hooks {
namespace {

TEST(GuardedSlotTest, BeginsFresh) {
  const GuardedSlot slot;
  EXPECT_EQ(slot.Load().state, SlotState::kFresh);
  EXPECT_FALSE(slot.Load().IsObject());
}

TEST(GuardedSlotTest, KeepsEveryStateAndTheLargestValue) {
  GuardedSlot slot;
  for (unsigned state = 0; state <= static_cast<unsigned>(SlotState::kUnwiped); ++state) {
    const SlotWord word{static_cast<SlotState>(state), GuardedSlot::kMost};
    slot.Store(word);
    EXPECT_EQ(slot.Load().state, word.state);
    EXPECT_EQ(slot.Load().value, GuardedSlot::kMost);
  }
}

TEST(GuardedSlotTest, OnlyLiveAndToggledAreObjects) {
  EXPECT_TRUE((SlotWord{SlotState::kLive, 1}.IsObject()));
  EXPECT_TRUE((SlotWord{SlotState::kToggled, 1}.IsObject()));
  for (const SlotState state :
       {SlotState::kFresh, SlotState::kFree, SlotState::kBusy, SlotState::kUnwiped}) {
    EXPECT_FALSE((SlotWord{state, 1}.IsObject()));
  }
}

TEST(GuardedSlotTest, ChangesOnlyFromWhatItIs) {
  GuardedSlot slot;
  slot.Store({SlotState::kLive, 32});
  EXPECT_FALSE(slot.TryChange({SlotState::kLive, 33}, {SlotState::kBusy, 0}));
  EXPECT_FALSE(slot.TryChange({SlotState::kToggled, 32}, {SlotState::kBusy, 0}));
  EXPECT_TRUE(slot.TryChange({SlotState::kLive, 32}, {SlotState::kBusy, 32}));
  EXPECT_EQ(slot.Load().state, SlotState::kBusy);
}

TEST(GuardedSlotTest, OneOfSeveralThreadsWins) {
  for (int round = 0; round < 100; ++round) {
    GuardedSlot slot;
    slot.Store({SlotState::kLive, 32});
    std::atomic<int> wins{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        wins += slot.TryChange({SlotState::kLive, 32}, {SlotState::kBusy, 32}) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(wins.load(), 1);
  }
}

}  // namespace
}  // namespace pageward::hooks
