#include "runtime/keys/domain_keys.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <set>

#include "tests/support/os/fake_os.h"

namespace pageward::keys {
namespace {

using testing_support::FakeOs;

// Domains as a map from number to the key that their memory carries.
class FakeCarrier final : public KeyCarrier {
 public:
  Status AdmitKey(arch::Pkey key) override {
    admitted_.insert(key.value());
    return next_admission_;
  }
  Status GiveKey(std::uint32_t domain, arch::Pkey key) override {
    ++calls_;
    if (failing_gives_ > 0) {
      --failing_gives_;
      keys_[domain] = key.value();  // Some of its memory has it.
      return Error::kTooManyMappings;
    }
    for (const auto& [other, held] : keys_) {
      EXPECT_TRUE(other == domain || held != key.value()) << "two domains with one key";
    }
    keys_[domain] = key.value();
    return Status();
  }
  Status TakeKey(std::uint32_t domain) override {
    ++calls_;
    if (failing_takes_ > 0) {
      --failing_takes_;
      return Error::kTooManyMappings;
    }
    keys_.erase(domain);
    return Status();
  }

  bool Carries(std::uint32_t domain) const { return keys_.contains(domain); }

  std::map<std::uint32_t, unsigned> keys_;
  std::set<unsigned> admitted_;
  Status next_admission_;
  int failing_gives_ = 0;
  int failing_takes_ = 0;
  int calls_ = 0;
};

constexpr std::uint64_t HandleOf(std::uint32_t domain) {
  return std::uint64_t{7} << 16 | domain;
}

class DomainKeysTest : public testing::Test {
 protected:
  DomainKeysTest() { EXPECT_TRUE(pins_.Add(thread_).ok()); }
  ~DomainKeysTest() override { keys_.CheckInvariants(); }

  Result<arch::Pkey> Load(std::uint32_t domain) {
    const auto key = keys_.Load(domain, HandleOf(domain));
    keys_.CheckInvariants();
    return key;
  }
  // What an inlined window finds.
  std::optional<arch::Pkey> Resident(std::uint32_t domain) const {
    const std::uint64_t seen = residents_[domain];
    return (seen & 15) != 0 && seen >> 4 == HandleOf(domain)
               ? std::optional(arch::Pkey(static_cast<unsigned>(seen & 15)))
               : std::nullopt;
  }
  void LoadAll() {
    for (std::uint32_t domain = 0; domain < DomainKeys::kMostKeys; ++domain) {
      ASSERT_TRUE(Load(domain).ok());
    }
  }

  FakeOs os_;
  KeyBroker broker_{os_, KeyUse::kIfPresent};
  FakeCarrier carrier_;
  std::array<ThreadState*, 4> places_ = {};
  ThreadPins pins_{places_};
  ThreadState thread_ = {};
  std::array<std::uint64_t, 64> residents_ = {};
  DomainKeys keys_{os_, broker_, carrier_, pins_, residents_};
};

TEST_F(DomainKeysTest, NoKeyIsClaimedBeforeADomainIsUsed) {
  EXPECT_EQ(broker_.claimed_count(), 0u);
  ASSERT_TRUE(Load(3).ok());
  EXPECT_EQ(broker_.claimed_count(), 1u);
}

TEST_F(DomainKeysTest, ALoadedDomainIsResidentAndCostsNothingTheNextTime) {
  const auto key = Load(3);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(Resident(3), *key);
  EXPECT_TRUE(carrier_.admitted_.contains(key->value()));
  const int calls = carrier_.calls_;
  EXPECT_EQ(*Load(3), *key);
  EXPECT_EQ(carrier_.calls_, calls);
}

// Spec: U26
TEST_F(DomainKeysTest, MoreDomainsThanKeysTakeTurnsAndItIsCounted) {
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t domain = 0; domain < 40; ++domain) {
      ASSERT_TRUE(Load(domain).ok());
      EXPECT_TRUE(carrier_.Carries(domain));
    }
  }
  EXPECT_EQ(carrier_.keys_.size(), DomainKeys::kMostKeys);
  EXPECT_EQ(keys_.counters().loads, 120u);
  EXPECT_EQ(keys_.counters().evictions, 120u - DomainKeys::kMostKeys);
}

TEST_F(DomainKeysTest, AMissIsTwoChangesAndOneBarrier) {
  LoadAll();
  const int calls = carrier_.calls_;
  const std::uint32_t barriers = os_.faults().CallsOf(FakeOs::Kind::kSynchronize);
  ASSERT_TRUE(Load(30).ok());
  EXPECT_EQ(carrier_.calls_, calls + 2);
  EXPECT_EQ(os_.faults().CallsOf(FakeOs::Kind::kSynchronize), barriers + 1);
}

// Spec: U26
TEST_F(DomainKeysTest, APinnedDomainKeepsItsKey) {
  LoadAll();
  thread_.pins[Resident(0)->value()] = 1;
  for (std::uint32_t domain = 20; domain < 50; ++domain) {
    ASSERT_TRUE(Load(domain).ok());
    EXPECT_TRUE(Resident(0).has_value());
  }
}

TEST_F(DomainKeysTest, WithAllKeysPinnedTheAnswerIsCleanAndCounted) {
  LoadAll();
  for (auto& pin : thread_.pins) {
    pin = 1;
  }
  EXPECT_EQ(Load(30).error(), Error::kNoKeys);
  EXPECT_FALSE(Resident(30).has_value());
  EXPECT_EQ(keys_.counters().pinned_refusals, 1u);
  thread_.pins[Resident(5)->value()] = 0;
  EXPECT_TRUE(Load(30).ok());
  EXPECT_FALSE(Resident(5).has_value());
}

// Spec: T78
TEST_F(DomainKeysTest, WhereThereAreFewKeysDomainsShareThose) {
  os_.set_key_count(2);
  ASSERT_TRUE(Load(0).ok());
  ASSERT_TRUE(Load(1).ok());
  ASSERT_TRUE(Load(2).ok());
  EXPECT_EQ(keys_.counters().keys, 2u);
  EXPECT_EQ(keys_.counters().evictions, 1u);
}

// Spec: T78
TEST_F(DomainKeysTest, WithoutAnyKeyItSaysSo) {
  os_.set_key_count(0);
  EXPECT_EQ(Load(0).error(), Error::kNoKeys);
  EXPECT_EQ(carrier_.calls_, 0);
}

TEST_F(DomainKeysTest, WithoutABarrierNoKeyIsTaken) {
  LoadAll();
  os_.faults().FailAfter(FakeOs::Kind::kSynchronize, 0, Error::kNotPermitted);
  EXPECT_EQ(Load(30).error(), Error::kNotPermitted);
  for (std::uint32_t domain = 0; domain < DomainKeys::kMostKeys; ++domain) {
    EXPECT_TRUE(Resident(domain).has_value());
  }
}

TEST_F(DomainKeysTest, AKeyThatCouldNotBeTakenIsNobodyElses) {
  LoadAll();
  carrier_.failing_takes_ = 1;
  ASSERT_TRUE(Load(30).ok()) << "the next one to ask can give its key up";
  EXPECT_FALSE(Resident(0).has_value());
  const auto again = Load(0);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(carrier_.keys_[0], again->value());
}

TEST_F(DomainKeysTest, AKeyThatCouldNotBeGivenIsTakenBack) {
  carrier_.failing_gives_ = 1;
  EXPECT_EQ(Load(0).error(), Error::kTooManyMappings);
  EXPECT_FALSE(carrier_.Carries(0));
  EXPECT_FALSE(Resident(0).has_value());
  EXPECT_TRUE(Load(1).ok());
  EXPECT_EQ(broker_.claimed_count(), 1u) << "the key has not been lost";
}

TEST_F(DomainKeysTest, WhereNeitherWorksTheKeyStaysWithTheDomain) {
  carrier_.failing_gives_ = 1;
  carrier_.failing_takes_ = 1;
  EXPECT_FALSE(Load(0).ok());
  EXPECT_FALSE(Resident(0).has_value());
  const auto other = Load(1);
  ASSERT_TRUE(other.ok());
  EXPECT_NE(other->value(), carrier_.keys_[0]);
  ASSERT_TRUE(Load(0).ok());
  EXPECT_TRUE(Resident(0).has_value());
}

TEST_F(DomainKeysTest, AKeyThatWindowsMayNotChangeIsNotUsed) {
  carrier_.next_admission_ = Error::kNoMemory;
  EXPECT_FALSE(Load(0).ok());
  EXPECT_TRUE(carrier_.keys_.empty());
}

TEST_F(DomainKeysTest, ADomainThatIsHeldForEverIsNoVictim) {
  ASSERT_TRUE(keys_.LoadForEver(0, HandleOf(0)).ok());
  for (std::uint32_t domain = 10; domain < 50; ++domain) {
    ASSERT_TRUE(Load(domain).ok());
  }
  EXPECT_TRUE(Resident(0).has_value());
}

TEST_F(DomainKeysTest, SomeKeysStayForDomainsThatTakeTurns) {
  std::uint32_t held = 0;
  while (keys_.LoadForEver(held, HandleOf(held)).ok()) {
    ++held;
    keys_.CheckInvariants();
  }
  EXPECT_EQ(held, DomainKeys::kMostKeys - DomainKeys::kLeastShared);
  EXPECT_TRUE(Load(50).ok());
}

TEST_F(DomainKeysTest, UnloadingWaitsForNobodyAndFreesTheKey) {
  const auto key = Load(0);
  thread_.pins[key->value()] = 1;
  EXPECT_EQ(keys_.Unload(0).error(), Error::kInUse);
  EXPECT_TRUE(Resident(0).has_value());
  thread_.pins[key->value()] = 0;
  EXPECT_TRUE(keys_.Unload(0).ok());
  EXPECT_FALSE(carrier_.Carries(0));
  EXPECT_FALSE(Resident(0).has_value());
  EXPECT_EQ(*Load(1), *key);
}

TEST_F(DomainKeysTest, AForgottenDomainLeavesItsKeyBehind) {
  const auto key = Load(0);
  keys_.Forget(0);
  EXPECT_FALSE(Resident(0).has_value());
  carrier_.keys_.clear();
  EXPECT_EQ(*Load(1), *key);
}

}  // namespace
}  // namespace pageward::keys
