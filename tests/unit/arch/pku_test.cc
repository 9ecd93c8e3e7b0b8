#include "runtime/arch/pku.h"

#include <gtest/gtest.h>

#include <thread>

#include "runtime/arch/cpu.h"

namespace pageward::arch {
namespace {

class PkuTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasOspke()) {
      GTEST_SKIP() << "this processor or kernel has no protection keys";
    }
  }
};

// Spec: T75
TEST_F(PkuTest, RightsBelongToTheThreadThatWritesThem) {
  const Pkru before = ReadPkru();
  const Pkru changed = before.With(Pkey(15), KeyAccess::kReadOnly);
  std::thread other([&] { WritePkru(changed); });
  other.join();
  EXPECT_EQ(ReadPkru(), before);
}

TEST_F(PkuTest, ReadsBackWhatWasWritten) {
  const Pkru before = ReadPkru();
  const Pkru changed = before.With(Pkey(15), KeyAccess::kReadOnly);
  WritePkru(changed);
  const Pkru seen = ReadPkru();
  WritePkru(before);
  EXPECT_EQ(seen, changed);
}

}  // namespace
}  // namespace pageward::arch
