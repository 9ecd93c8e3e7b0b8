#include "runtime/space/window_keys.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/os/fake_os.h"

namespace pageward::space {
namespace {

using testing_support::FakeOs;

class WindowKeysTest : public testing::Test {
 protected:
  void AddRegions(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      windows_.AddRegion();
    }
  }

  FakeOs os_;
  keys::KeyBroker broker_{os_, keys::KeyUse::kIfPresent};
  WindowKeys windows_{broker_};
};

TEST_F(WindowKeysTest, AKeyIsClaimedForEachRegionUpToTheMost) {
  EXPECT_EQ(windows_.count(), 0u);
  AddRegions(1);
  EXPECT_EQ(windows_.count(), 1u);
  AddRegions(WindowKeys::kMost + 2);
  EXPECT_EQ(windows_.count(), WindowKeys::kMost);
  std::set<unsigned> keys;
  for (unsigned i = 0; i < windows_.count(); ++i) {
    keys.insert(windows_.key(i).value());
  }
  EXPECT_EQ(keys.size(), WindowKeys::kMost);
}

TEST_F(WindowKeysTest, WithoutKeysThereAreNone) {
  os_.set_key_count(0);
  AddRegions(3);
  EXPECT_EQ(windows_.count(), 0u);
}

TEST_F(WindowKeysTest, FewKeysAreEnough) {
  os_.set_key_count(1);
  AddRegions(3);
  EXPECT_EQ(windows_.count(), 1u);
  EXPECT_EQ(windows_.Open(std::nullopt), 0u);
}

TEST_F(WindowKeysTest, AThreadKeepsTheKeyThatItsViewsCarry) {
  AddRegions(2);
  const unsigned key = windows_.Open(std::nullopt);
  windows_.Carry(key);
  windows_.Close(key);
  EXPECT_EQ(windows_.Open(key), key);
  EXPECT_EQ(windows_.rotations(), 0u);
}

TEST_F(WindowKeysTest, AKeyThatNobodysViewsCarryComesFirst) {
  AddRegions(2);
  const unsigned carried = windows_.Open(std::nullopt);
  windows_.Carry(carried);
  windows_.Close(carried);
  EXPECT_NE(windows_.Open(std::nullopt), carried);
}

TEST_F(WindowKeysTest, AThreadTakesAnotherKeyIfSomebodyHasItsOwnOpen) {
  AddRegions(2);
  const unsigned first = windows_.Open(std::nullopt);
  const unsigned second = windows_.Open(first);
  EXPECT_NE(second, first);
  EXPECT_EQ(windows_.rotations(), 1u);
  EXPECT_EQ(windows_.shared_openings(), 0u);
  windows_.Close(first);
  EXPECT_EQ(windows_.Open(second), first) << "and so does the next one";
}

// The limit: only when more threads have views open than there are keys.
TEST_F(WindowKeysTest, AKeyIsSharedOnlyWhenAllAreOpen) {
  AddRegions(WindowKeys::kMost);
  std::set<unsigned> open;
  for (unsigned i = 0; i < WindowKeys::kMost; ++i) {
    open.insert(windows_.Open(std::nullopt));
  }
  EXPECT_EQ(open.size(), WindowKeys::kMost);
  EXPECT_EQ(windows_.shared_openings(), 0u);
  const unsigned shared = windows_.Open(std::nullopt);
  EXPECT_EQ(windows_.shared_openings(), 1u);
  windows_.Close(shared);
  windows_.Close(shared);
  windows_.Open(std::nullopt);
  EXPECT_EQ(windows_.shared_openings(), 1u) << "closing makes it nobody's again";
}

TEST(ViewBudgetTest, MappingsAreGrantedUpToTheMost) {
  ViewBudget budget(2);
  EXPECT_TRUE(budget.TryTake());
  EXPECT_TRUE(budget.TryTake());
  EXPECT_FALSE(budget.TryTake());
  EXPECT_EQ(budget.used(), 2u);
  budget.GiveBack(1);
  EXPECT_TRUE(budget.TryTake());
  budget.Add();
  EXPECT_EQ(budget.used(), 3u) << "what is there already counts, whatever the most is";
}

}  // namespace
}  // namespace pageward::space
