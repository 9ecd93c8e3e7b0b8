#include "runtime/arch/pkru.h"

#include <gtest/gtest.h>

namespace pageward::arch {
namespace {

TEST(PkruTest, TheInitialRightsOpenKeyZeroOnly) {
  EXPECT_EQ(kInitialPkru.AccessOf(kDefaultPkey), KeyAccess::kReadWrite);
  for (unsigned key = 1; key < Pkey::kCount; ++key) {
    EXPECT_EQ(kInitialPkru.AccessOf(Pkey(key)), KeyAccess::kNone) << key;
  }
}

TEST(PkruTest, ChangingOneKeyLeavesTheOthersBitsAlone) {
  for (unsigned key = 0; key < Pkey::kCount; ++key) {
    for (const KeyAccess access : {KeyAccess::kNone, KeyAccess::kReadOnly, KeyAccess::kReadWrite}) {
      const Pkru before(0x9b1de4c7);
      const Pkru after = before.With(Pkey(key), access);
      EXPECT_EQ(after.AccessOf(Pkey(key)), access);
      EXPECT_EQ((before.value() ^ after.value()) & ~(3u << (2 * key)), 0u) << key;
    }
  }
}

TEST(PkruTest, AccessDisableWinsOverWriteEnable) {
  EXPECT_EQ(Pkru(0b01).AccessOf(kDefaultPkey), KeyAccess::kNone);
  EXPECT_EQ(Pkru(0b11).AccessOf(kDefaultPkey), KeyAccess::kNone);
  EXPECT_EQ(Pkru(0b10).AccessOf(kDefaultPkey), KeyAccess::kReadOnly);
}

}  // namespace
}  // namespace pageward::arch
