#include "runtime/keys/access_scope.h"

#include <gtest/gtest.h>

#include "runtime/arch/cpu.h"

namespace pageward::keys {
namespace {

using arch::KeyAccess;

constexpr arch::Pkey kKey{15};

class AccessScopeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!arch::HasOspke()) {
      GTEST_SKIP() << "no protection keys on this machine";
    }
  }
};

// Spec: T71, T72
TEST_F(AccessScopeTest, ScopesNestAndPutTheWholeRegisterBack) {
  const arch::Pkru before = arch::ReadPkru();
  {
    const AccessScope outer(kKey, KeyAccess::kReadWrite);
    EXPECT_EQ(arch::ReadPkru().AccessOf(kKey), KeyAccess::kReadWrite);
    {
      const AccessScope inner(kKey, KeyAccess::kReadOnly);
      EXPECT_EQ(arch::ReadPkru().AccessOf(kKey), KeyAccess::kReadOnly);
    }
    EXPECT_EQ(arch::ReadPkru(), before.With(kKey, KeyAccess::kReadWrite));
  }
  EXPECT_EQ(arch::ReadPkru(), before);
}

TEST(AccessScopeWithoutKeyTest, DoesNothing) {
  const AccessScope scope(std::nullopt, KeyAccess::kReadWrite);
}

}  // namespace
}  // namespace pageward::keys
