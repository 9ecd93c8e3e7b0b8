#include "runtime/keys/key_broker.h"

#include <gtest/gtest.h>

#include "tests/support/os/fake_os.h"

namespace pageward::keys {
namespace {

using testing_support::FakeOs;
using Purpose = KeyBroker::Purpose;

TEST(KeyBrokerTest, ClaimsNothingUntilSomebodyAsks) {
  FakeOs os;
  KeyBroker broker(os, KeyUse::kIfPresent);
  EXPECT_EQ(broker.claimed_count(), 0u);
  EXPECT_EQ(broker.ClaimedKey(Purpose::kClosed), std::nullopt);
  EXPECT_EQ(os.faults().CallsOf(FakeOs::Kind::kKey), 0u);
}

TEST(KeyBrokerTest, TheSamePurposeSharesOneKey) {
  FakeOs os;
  KeyBroker broker(os, KeyUse::kIfPresent);
  const Result<arch::Pkey> first = broker.KeyFor(Purpose::kClosed);
  const Result<arch::Pkey> second = broker.KeyFor(Purpose::kClosed);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(broker.ClaimedKey(Purpose::kClosed), *first);
  EXPECT_EQ(broker.claimed_count(), 1u);
  EXPECT_EQ(os.faults().CallsOf(FakeOs::Kind::kKey), 1u);
}

// Spec: T78
TEST(KeyBrokerTest, WhenEveryKeyIsTakenTheAnswerIsCleanAndStaysTheSame) {
  FakeOs os;
  os.set_key_count(0);
  KeyBroker broker(os, KeyUse::kIfPresent);
  EXPECT_EQ(broker.KeyFor(Purpose::kClosed).error(), Error::kNoKeys);
  os.set_key_count(15);
  EXPECT_EQ(broker.KeyFor(Purpose::kClosed).error(), Error::kNoKeys);
  EXPECT_EQ(broker.claimed_count(), 0u);
}

TEST(KeyBrokerTest, SwitchedOffItAsksTheSystemForNothing) {
  FakeOs os;
  KeyBroker broker(os, KeyUse::kNever);
  EXPECT_EQ(broker.KeyFor(Purpose::kClosed).error(), Error::kUnsupported);
  EXPECT_EQ(os.faults().CallsOf(FakeOs::Kind::kKey), 0u);
}

// Spec: T80
TEST(KeyBrokerTest, AKeyThatDoesNotActIsNotClaimed) {
  FakeOs os;
  os.set_keys_are_fake(true);
  KeyBroker broker(os, KeyUse::kIfPresent);
  EXPECT_EQ(broker.KeyFor(Purpose::kClosed).error(), Error::kUnsupported);
  EXPECT_EQ(broker.claimed_count(), 0u);
}

// Spec: U9
TEST(KeyBrokerTest, UnderAFilterThatKillsForItNobodyAsksForAKey) {
  FakeOs os;
  os.set_killed_call(os::ProbedCall::kPkeyAlloc);
  KeyBroker broker(os, KeyUse::kIfPresent);
  EXPECT_EQ(broker.KeyFor(Purpose::kClosed).error(), Error::kNotPermitted);
  EXPECT_EQ(os.faults().CallsOf(FakeOs::Kind::kKey), 0u);
}

TEST(KeyBrokerTest, UnderAFilterThatAllowsItTheKeyIsClaimed) {
  FakeOs os;
  os.set_killed_call(os::ProbedCall::kMseal);
  KeyBroker broker(os, KeyUse::kIfPresent);
  EXPECT_TRUE(broker.KeyFor(Purpose::kClosed).ok());
}

// Spec: T78
TEST(KeyBrokerTest, DomainsLeaveKeysForOthers) {
  FakeOs os;
  KeyBroker broker(os, KeyUse::kIfPresent);
  ASSERT_TRUE(broker.KeyFor(Purpose::kClosed).ok());
  unsigned claimed = 0;
  Result<arch::Pkey> key = broker.ClaimAnother();
  for (; key.ok(); key = broker.ClaimAnother()) {
    ++claimed;
  }
  EXPECT_EQ(key.error(), Error::kNoKeys);
  EXPECT_EQ(broker.claimed_count(), 1 + claimed);
  EXPECT_EQ(broker.claimed_count() + KeyBroker::kKeysForOthers, 15u);
  EXPECT_TRUE(broker.KeyFor(Purpose::kView).ok()) << "a purpose of ours still finds one";
}

TEST(KeyBrokerTest, TryingAKeyLeavesNothingMapped) {
  FakeOs os;
  KeyBroker broker(os, KeyUse::kIfPresent);
  ASSERT_TRUE(broker.KeyFor(Purpose::kClosed).ok());
  EXPECT_EQ(os.mapping_count(), 0u);
}

}  // namespace
}  // namespace pageward::keys
