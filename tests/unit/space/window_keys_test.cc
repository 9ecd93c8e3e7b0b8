#include "runtime/space/window_keys.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "tests/support/os/fake_os.h"

namespace pageward::space {
namespace {

using testing_support::FakeOs;

class WindowKeysTest : public testing::Test {
 protected:
  using Region = WindowKeys::Region;

  Region& Add() {
    regions_.push_back(std::make_unique<Region>());
    windows_.Add(*regions_.back());
    return *regions_.back();
  }
  // As one that has looked at something and put it back.
  Region& AddUser() {
    Region& region = Add();
    windows_.Open(region);
    windows_.Close(region);
    return region;
  }

  FakeOs os_;
  keys::KeyBroker broker_{os_, keys::KeyUse::kIfPresent};
  WindowKeys windows_{os_, broker_};
  std::vector<std::unique_ptr<Region>> regions_;
};

TEST_F(WindowKeysTest, AKeyIsClaimedForEachRegionUpToTheMost) {
  EXPECT_EQ(windows_.count(), 0u);
  Add();
  EXPECT_EQ(windows_.count(), 1u);
  for (unsigned i = 0; i < WindowKeys::kMost + 2; ++i) {
    Add();
  }
  EXPECT_EQ(windows_.count(), WindowKeys::kMost);
  std::set<unsigned> keys;
  for (unsigned i = 0; i < windows_.count(); ++i) {
    keys.insert(windows_.key(i).value());
  }
  EXPECT_EQ(keys.size(), WindowKeys::kMost);
}

TEST_F(WindowKeysTest, WithoutKeysThereAreNone) {
  os_.set_key_count(0);
  Add();
  EXPECT_EQ(windows_.count(), 0u);
}

TEST_F(WindowKeysTest, FewKeysAreEnough) {
  os_.set_key_count(1);
  Add();
  EXPECT_EQ(windows_.Open(Add()), 0u);
  EXPECT_EQ(windows_.count(), 1u);
}

TEST_F(WindowKeysTest, AThreadKeepsItsKeyAndAsksNobodyWhileItAloneUsesIt) {
  Region& region = AddUser();
  const unsigned key = region.key();
  const std::uint32_t barriers = os_.faults().CallsOf(FakeOs::Kind::kSynchronize);
  EXPECT_EQ(windows_.Open(region), key);
  EXPECT_EQ(windows_.rotations(), 0u);
  EXPECT_EQ(os_.faults().CallsOf(FakeOs::Kind::kSynchronize), barriers);
}

TEST_F(WindowKeysTest, AKeyThatNobodyUsesComesFirst) {
  Region& first = AddUser();
  Region& second = AddUser();
  EXPECT_NE(first.key(), second.key()) << "although nobody has it open";
}

TEST_F(WindowKeysTest, AKeyThatIsReleasedIsNobodys) {
  Region& first = AddUser();
  const unsigned key = first.key();
  windows_.Release(first);
  EXPECT_EQ(first.key(), WindowKeys::kNoKey);
  EXPECT_EQ(AddUser().key(), key);
  windows_.Remove(*regions_.back());
  EXPECT_EQ(AddUser().key(), key) << "nor is one of a region that has ended";
}

TEST_F(WindowKeysTest, AThreadTakesAnotherKeyIfSomebodyHasItsOwnOpen) {
  Region& a = AddUser();
  Region& b = AddUser();
  Region& c = AddUser();
  Region& late = Add();
  windows_.Open(b);
  windows_.Open(c);
  EXPECT_EQ(windows_.Open(late), a.key()) << "the one that nobody has open";
  EXPECT_EQ(windows_.shared_openings(), 0u);
  windows_.Close(b);
  const unsigned former = a.key();
  EXPECT_EQ(windows_.Open(a), b.key());
  EXPECT_NE(a.key(), former);
  EXPECT_EQ(windows_.rotations(), 1u);
  EXPECT_EQ(windows_.shared_openings(), 0u);
}

// The limit: only when more threads have views open than there are keys.
TEST_F(WindowKeysTest, AKeyIsSharedOnlyWhenAllAreOpen) {
  std::set<unsigned> open;
  for (unsigned i = 0; i < WindowKeys::kMost; ++i) {
    open.insert(windows_.Open(Add()));
  }
  EXPECT_EQ(open.size(), WindowKeys::kMost);
  EXPECT_EQ(windows_.shared_openings(), 0u);
  Region& late = Add();
  const unsigned shared = windows_.Open(late);
  EXPECT_EQ(windows_.shared_openings(), 1u);
  windows_.Close(late);
  for (const auto& region : regions_) {
    if (region->key() == shared) {
      windows_.Close(*region);
    }
  }
  EXPECT_EQ(windows_.Open(late), shared);
  EXPECT_EQ(windows_.shared_openings(), 1u) << "closing makes it nobody's again";
}

TEST_F(WindowKeysTest, IfNobodyCanBeAskedAKeyCountsAsShared) {
  for (unsigned i = 0; i < WindowKeys::kMost; ++i) {
    AddUser();
  }
  os_.faults().FailAfter(FakeOs::Kind::kSynchronize, 0, Error::kNotPermitted);
  windows_.Open(Add());
  EXPECT_EQ(windows_.shared_openings(), 1u);
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
