#include "runtime/keys/gate.h"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "runtime/arch/cpu.h"
#include "runtime/core/units.h"
#include "tests/support/memory_probe.h"
#include "tests/support/open_metadata.h"
#include "tests/support/os/fake_os.h"
#include "tests/support/process_keys.h"

namespace pageward::keys {
namespace {

using arch::KeyAccess;
using testing_support::Access;
using testing_support::TryRead;
using testing_support::TryWrite;

// The page that stands for metadata, and the key that it has.
class GateTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!arch::HasOspke()) {
      GTEST_SKIP() << "no protection keys on this machine";
    }
    const Result<arch::Pkey> key =
        testing_support::ProcessKeys(KeyUse::kIfPresent).KeyFor(KeyBroker::Purpose::kMetadata);
    ASSERT_TRUE(key.ok());
    key_ = *key;
    before_ = arch::ReadPkru();
    ASSERT_TRUE(CloseMetadata(os_, key_).ok());
    page_ = *os_.MapZeroed(kFrameBytes);
    ASSERT_TRUE(os_.ProtectWithKey(page_, os::Protection::kReadWrite, key_).ok());
  }
  void TearDown() override {
    if (arch::HasOspke()) {
      testing_support::OpenMetadata(os_);
      ASSERT_TRUE(os_.Unmap(page_).ok());
      arch::WritePkru(before_);
    }
  }

  static KeyAccess AccessNow(arch::Pkey key) { return arch::ReadPkru().AccessOf(key); }

  os::LinuxOs os_;
  arch::Pkey key_;
  arch::Pkru before_;
  VirtRange page_;
};

// Spec: T70
TEST_F(GateTest, MetadataCanBeReadAndNotWrittenOutsideTheGate) {
  EXPECT_EQ(TryRead(page_.begin), Access::kOk);
  EXPECT_EQ(TryWrite(page_.begin), Access::kKeyDenied);
}

// Spec: T71
TEST_F(GateTest, InsideItCanBeWrittenAndAfterwardsTheRegisterIsAsBefore) {
  constexpr arch::Pkey kForeign{14};
  arch::WritePkru(arch::ReadPkru().With(kForeign, KeyAccess::kReadOnly));
  const arch::Pkru before = arch::ReadPkru();
  {
    const Gate gate;
    EXPECT_EQ(TryWrite(page_.begin), Access::kOk);
    EXPECT_EQ(AccessNow(kForeign), KeyAccess::kReadOnly);
  }
  EXPECT_EQ(arch::ReadPkru(), before);
  EXPECT_EQ(TryWrite(page_.begin), Access::kKeyDenied);
}

TEST_F(GateTest, WhatOthersDoToTheirKeysInsideStays) {
  constexpr arch::Pkey kForeign{14};
  {
    const Gate gate;
    arch::WritePkru(arch::ReadPkru().With(kForeign, KeyAccess::kReadOnly));
  }
  EXPECT_EQ(AccessNow(kForeign), KeyAccess::kReadOnly);
}

// Spec: T72, T73, T76
TEST_F(GateTest, InnerScopesWriteNoRegisterAndCloseNothing) {
  const std::uint64_t openings = ThreadGateOpenings();
  {
    const Gate outer;
    for (int i = 0; i < 100; ++i) {
      const Gate inner;
      EXPECT_EQ(TryWrite(page_.begin), Access::kOk);
    }
    EXPECT_TRUE(IsInsideGate());
    EXPECT_EQ(TryWrite(page_.begin), Access::kOk);
  }
  EXPECT_FALSE(IsInsideGate());
  EXPECT_EQ(ThreadGateOpenings(), openings + 1);
}

TEST_F(GateTest, ABaselineScopeClosesTheGateForItsTime) {
  const Gate gate;
  {
    const BaselineScope closed;
    EXPECT_EQ(TryRead(page_.begin), Access::kOk);
    EXPECT_EQ(TryWrite(page_.begin), Access::kKeyDenied);
    const Gate again;
    EXPECT_EQ(TryWrite(page_.begin), Access::kOk);
  }
  EXPECT_TRUE(IsInsideGate());
}

// Spec: T77
TEST_F(GateTest, EveryLevelCanReadAndWriteOrdinaryMemory) {
  for (const std::uint32_t start : {0x55555554u, 0x55555555u, 0xffffffffu, 0u}) {
    for (unsigned key = 1; key < arch::Pkey::kCount; ++key) {
      const std::uint32_t field = 3u << (2 * key);
      const arch::Pkru rights(start);
      using internal::BitsOf;
      using internal::WithField;
      const arch::Pkru open = WithField(rights, field, BitsOf<Level::kMetadata>(field));
      const arch::Pkru base = WithField(rights, field, BitsOf<Level::kBaseline>(field));
      EXPECT_EQ(open.AccessOf(arch::kDefaultPkey), KeyAccess::kReadWrite);
      EXPECT_EQ(base.AccessOf(arch::kDefaultPkey), KeyAccess::kReadWrite);
      EXPECT_EQ(open.AccessOf(arch::Pkey(key)), KeyAccess::kReadWrite);
      EXPECT_EQ(base.AccessOf(arch::Pkey(key)), KeyAccess::kReadOnly);
      const std::uint32_t others = ~(field | internal::kDefaultKeyField);
      EXPECT_EQ(open.value() & others, start & others);
      EXPECT_EQ(base.value() & others, start & others);
    }
  }
}

// Spec: T75
TEST_F(GateTest, OpeningIsForThisThreadAndThreadsStartAtTheBaseline) {
  const Gate gate;
  Access by_other = Access::kOk;
  Access read_by_other = Access::kNotMapped;
  {
    const BaselineScope closed;  // What whoever starts threads inside the gate does.
    std::thread other([&] {
      by_other = TryWrite(page_.begin);
      read_by_other = TryRead(page_.begin);
    });
    other.join();
  }
  EXPECT_EQ(by_other, Access::kKeyDenied);
  EXPECT_EQ(read_by_other, Access::kOk);
  EXPECT_TRUE(IsInsideGate());
}

volatile std::uint32_t g_rights_in_handler = 0;

// Spec: T74
TEST_F(GateTest, AHandlerThatInterruptsTheGateIsOutsideIt) {
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_handler = [](int) { g_rights_in_handler = arch::ReadPkru().value(); };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);
  {
    const Gate gate;
    ASSERT_EQ(std::raise(SIGUSR1), 0);
    EXPECT_TRUE(IsInsideGate());
    EXPECT_EQ(TryWrite(page_.begin), Access::kOk);
  }
  ASSERT_EQ(sigaction(SIGUSR1, &old, nullptr), 0);
  EXPECT_EQ(arch::Pkru(g_rights_in_handler), arch::kInitialPkru);
}

TEST_F(GateTest, AHandlerCanTakeTheBaselineAndOpenTheGateForItself) {
  static VirtRange page;
  static Access read = Access::kNotMapped;
  static bool is_outside = false;
  static bool was_inside = false;
  page = page_;
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_handler = [](int) {
    RestoreBaseline();
    read = TryRead(page.begin);
    is_outside = !IsInsideGate();
    const Gate gate;
    was_inside = IsInsideGate();
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);
  {
    const Gate gate;
    ASSERT_EQ(std::raise(SIGUSR1), 0);
  }
  ASSERT_EQ(sigaction(SIGUSR1, &old, nullptr), 0);
  EXPECT_EQ(read, Access::kOk);
  EXPECT_TRUE(is_outside);
  EXPECT_TRUE(was_inside);
  EXPECT_FALSE(IsInsideGate());
}

TEST_F(GateTest, OpeningsOfThreadsThatHaveEndedCount) {
  const std::uint64_t before = GateOpenings();
  std::thread other([] {
    for (int i = 0; i < 100; ++i) {
      const Gate gate;
    }
    PublishThreadOpenings();
  });
  other.join();
  { const Gate gate; }
  EXPECT_EQ(GateOpenings(), before + 101);
}

using GateDeathTest = GateTest;

// A forged former level on the stack does not leave the gate open.
TEST_F(GateDeathTest, NobodyLeavesTheGateAndHasItOpen) {
  EXPECT_DEATH(
      {
        alignas(Gate) unsigned char place[sizeof(Gate)];
        Gate* gate = new (place) Gate;
        *reinterpret_cast<volatile std::uint32_t*>(place) = 0;
        gate->~LevelScope();
      },
      "");
}

// Spec: T70
TEST_F(GateDeathTest, AForkChildStartsWithTheRightsOfItsParent) {
  EXPECT_EXIT(
      {
        std::_Exit(
            TryWrite(page_.begin) == Access::kKeyDenied && TryRead(page_.begin) == Access::kOk ? 42
                                                                                               : 1);
      },
      testing::ExitedWithCode(42), "");
}

TEST(GateWithoutKeyTest, AScopeDoesNothing) {
  ASSERT_FALSE(IsMetadataClosed());
  const std::uint64_t before = ThreadGateOpenings();
  {
    const Gate gate;
    const BaselineScope closed;
    EXPECT_FALSE(IsInsideGate());
  }
  RestoreBaseline();
  EXPECT_EQ(ThreadGateOpenings(), before);
}

// Spec: T80
TEST(GateWithoutKeyTest, AKeyThatDoesNotActClosesNothing) {
  testing_support::FakeOs os;
  os.set_keys_are_fake(true);
  const Result<arch::Pkey> key = os.AllocateKey(arch::KeyAccess::kNone);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(CloseMetadata(os, *key).error(), Error::kUnsupported);
  EXPECT_FALSE(IsMetadataClosed());
}

}  // namespace
}  // namespace pageward::keys
