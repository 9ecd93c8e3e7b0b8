#include "runtime/sim/kernel_level.h"

#include <gtest/gtest.h>

namespace pageward::sim {
namespace {

using arch::KeyAccess;
using arch::Pkey;

// Spec: T77
TEST(KernelLevelTest, EveryLevelReadsAndWritesKeyZero) {
  EXPECT_EQ(DefaultRights().AccessOf(arch::kDefaultPkey), KeyAccess::kReadWrite);
  for (std::size_t level = 0; level < kLevelCount; ++level) {
    const arch::Pkrs rights = AtLevel(DefaultRights(), static_cast<Level>(level));
    EXPECT_EQ(rights.AccessOf(arch::kDefaultPkey), KeyAccess::kReadWrite) << level;
  }
}

// Spec: T70, T75
TEST(KernelLevelTest, TheDefaultReadsTablesAndClosesTheRest) {
  EXPECT_EQ(DefaultRights().AccessOf(kTableKey), KeyAccess::kReadOnly);
  for (unsigned key = kWindowKey.value(); key < Pkey::kCount; ++key) {
    EXPECT_EQ(DefaultRights().AccessOf(Pkey(key)), KeyAccess::kNone) << key;
  }
  EXPECT_EQ(LevelOf(DefaultRights()), Level::kDefault);
}

TEST(KernelLevelTest, ALevelChangesOnlyTheKeysOfTheFramework) {
  const arch::Pkrs odd = DefaultRights().With(Pkey(9), KeyAccess::kReadWrite);
  const arch::Pkrs raised = AtLevel(odd, Level::kTables);
  EXPECT_EQ(LevelOf(raised), Level::kTables);
  EXPECT_EQ(raised.AccessOf(Pkey(9)), KeyAccess::kReadWrite);
  EXPECT_EQ(raised.AccessOf(kWindowKey), KeyAccess::kNone);
  EXPECT_EQ(AtLevel(raised, Level::kDefault), odd);
}

// Spec: T78
TEST(KernelLevelTest, KeysThatAreTakenAreGoneUntilTheyAreFreed) {
  DomainKeys keys;
  for (unsigned key = kFirstDomainKey; key < Pkey::kCount; ++key) {
    EXPECT_EQ(keys.Allocate()->value(), key);
  }
  EXPECT_EQ(keys.Allocate().error(), Error::kNoKeys);
  keys.Free(Pkey(7));
  EXPECT_EQ(keys.Allocate()->value(), 7u);
}

// Spec: T78
TEST(KernelLevelTest, KeysAboveTheMachinesMaximumAreRefused) {
  EXPECT_EQ(KeyOf(15)->value(), 15u);
  EXPECT_EQ(KeyOf(16).error(), Error::kInvalid);
  EXPECT_EQ(KeyOf(~0u).error(), Error::kInvalid);
}

}  // namespace
}  // namespace pageward::sim
