#include "hooks/jemalloc/arena_set.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/support/hooks/heap_fixture.h"

namespace pageward::hooks {
namespace {

class ArenaSetTest : public testing::Test {
 protected:
  void SetUp() override {
    testing_support::TestHeap();  // jemalloc runs, with our extent hooks.
    ASSERT_TRUE(set_.Init(3).ok());
  }

  ArenaSet set_;
};

TEST_F(ArenaSetTest, ThreadsSpreadOverArenasUpToTheMost) {
  EXPECT_EQ(set_.count(), 1u);
  std::vector<ArenaSlot> slots;
  for (int i = 0; i < 6; ++i) {
    slots.push_back(set_.Enter());
  }
  EXPECT_EQ(set_.count(), 3u);
  std::multiset<std::uint16_t> used;
  for (const ArenaSlot slot : slots) {
    used.insert(slot.value);
  }
  for (std::uint16_t slot = 0; slot < 3; ++slot) {
    EXPECT_EQ(used.count(slot), 2u) << slot;
  }
  for (const ArenaSlot slot : slots) {
    set_.Leave(slot);
  }
}

TEST_F(ArenaSetTest, AnArenaThatWasLeftIsGivenOutAgainFirst) {
  const ArenaSlot first = set_.Enter();
  set_.Leave(first);
  EXPECT_EQ(set_.Enter().value, first.value);
  EXPECT_EQ(set_.count(), 1u);
}

TEST_F(ArenaSetTest, InAForkChildOneThreadIsLeft) {
  set_.Enter();
  const ArenaSlot survivor = set_.Enter();
  set_.ForgetOtherThreads(survivor);
  EXPECT_NE(set_.Enter().value, survivor.value);
}

TEST_F(ArenaSetTest, ObjectsComeInBatchesAndGoBack) {
  void* slots[40];
  ASSERT_EQ(set_.Fill(ArenaSlot{0}, 4, 64, slots), 40u);
  EXPECT_EQ(std::set<void*>(std::begin(slots), std::end(slots)).size(), 40u);
  for (void* object : slots) {
    EXPECT_EQ(jemalloc_sallocx(object, 0), 64u);
  }
  set_.Flush(ArenaSlot{0}, 4, 64, slots);
}

}  // namespace
}  // namespace pageward::hooks
