#include "runtime/keys/table_scope.h"

#include <gtest/gtest.h>

#include <thread>

#include "runtime/arch/cpu.h"
#include "runtime/core/units.h"
#include "tests/support/memory_probe.h"
#include "tests/support/open_metadata.h"
#include "tests/support/process_keys.h"

namespace pageward::keys {
namespace {

using arch::KeyAccess;
using testing_support::Access;
using testing_support::TryRead;
using testing_support::TryWrite;

// The page that stands for a table.
class TableScopeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!arch::HasOspke()) {
      GTEST_SKIP() << "no protection keys on this machine";
    }
    KeyBroker& broker = testing_support::ProcessKeys(KeyUse::kIfPresent);
    key_ = *broker.KeyFor(KeyBroker::Purpose::kTables);
    metadata_key_ = *broker.KeyFor(KeyBroker::Purpose::kMetadata);
    before_ = arch::ReadPkru();
    page_ = *os_.MapZeroed(kFrameBytes);
    ASSERT_TRUE(os_.ProtectWithKey(page_, os::Protection::kReadWrite, key_).ok());
    AdmitToTables(key_);
  }
  void TearDown() override {
    if (arch::HasOspke()) {
      ASSERT_TRUE(os_.Unmap(page_).ok());
      arch::WritePkru(before_);
    }
  }

  os::LinuxOs os_;
  arch::Pkey key_;
  arch::Pkey metadata_key_;
  arch::Pkru before_;
  VirtRange page_;
};

// Spec: T70, U35
TEST_F(TableScopeTest, ATableCanBeReadAlwaysAndWrittenInAScope) {
  EXPECT_EQ(TryRead(page_.begin), Access::kOk);
  EXPECT_EQ(TryWrite(page_.begin), Access::kKeyDenied);
  {
    const TableScope scope(key_);
    EXPECT_EQ(TryWrite(page_.begin), Access::kOk);
  }
  EXPECT_EQ(TryWrite(page_.begin), Access::kKeyDenied);
  EXPECT_EQ(TryRead(page_.begin), Access::kOk);
}

// Spec: T71
TEST_F(TableScopeTest, AfterItTheRegisterIsAsBefore) {
  constexpr arch::Pkey kForeign{14};
  arch::WritePkru(arch::ReadPkru().With(kForeign, KeyAccess::kReadOnly));
  for (const KeyAccess access : {KeyAccess::kNone, KeyAccess::kReadOnly, KeyAccess::kReadWrite}) {
    arch::WritePkru(arch::ReadPkru().With(key_, access));
    const arch::Pkru before = arch::ReadPkru();
    {
      const TableScope scope(key_);
      EXPECT_EQ(arch::ReadPkru(), before.With(key_, KeyAccess::kReadWrite));
    }
    EXPECT_EQ(arch::ReadPkru(), before);
  }
}

// Spec: T72, T73, T76, U35
TEST_F(TableScopeTest, ABatchOfWritesOpensTheKeyOnce) {
  const std::uint64_t openings = ThreadTableOpenings();
  {
    const TableScope batch(key_);
    for (int i = 0; i < 100; ++i) {
      const TableScope one(key_);
      page_.begin.AsPointer<volatile char>()[i] = 1;
    }
    EXPECT_EQ(TryWrite(page_.begin), Access::kOk) << "leaving an inner one closes nothing";
  }
  EXPECT_EQ(ThreadTableOpenings(), openings + 1);
}

// Spec: T75
TEST_F(TableScopeTest, AScopeIsOfItsThreadAlone) {
  const TableScope scope(key_);
  Access access = Access::kOk;
  // A thread starts with the rights of the one that started it.
  std::thread([&] {
    arch::WritePkru(arch::kInitialPkru);
    AdmitToTables(key_);
    access = TryWrite(page_.begin);
  }).join();
  EXPECT_EQ(access, Access::kKeyDenied);
}

// Spec: U35
TEST_F(TableScopeTest, TheScopeDoesNotOpenMetadataAndTheGateNoTables) {
  const VirtRange metadata = *os_.MapZeroed(kFrameBytes);
  ASSERT_TRUE(os_.ProtectWithKey(metadata, os::Protection::kReadWrite, metadata_key_).ok());
  ASSERT_TRUE(CloseMetadata(os_, metadata_key_).ok());
  {
    const TableScope scope(key_);
    EXPECT_EQ(TryWrite(metadata.begin), Access::kKeyDenied);
    const Gate gate;
    EXPECT_EQ(TryWrite(metadata.begin), Access::kOk);
  }
  {
    const Gate gate;
    EXPECT_EQ(TryWrite(page_.begin), Access::kKeyDenied);
  }
  testing_support::OpenMetadata(os_);
  ASSERT_TRUE(os_.Unmap(metadata).ok());
}

using TableScopeDeathTest = TableScopeTest;

TEST_F(TableScopeDeathTest, AForgedKeyDoesNotOpenTheGate) {
  ASSERT_TRUE(CloseMetadata(os_, metadata_key_).ok());
  EXPECT_DEATH(const TableScope scope(metadata_key_), "");
  testing_support::OpenMetadata(os_);
}

TEST(TableScopeWithoutKeysTest, ItDoesNothing) {
  const std::uint64_t openings = ThreadTableOpenings();
  { const TableScope scope(std::nullopt); }
  EXPECT_EQ(ThreadTableOpenings(), openings);
}

}  // namespace
}  // namespace pageward::keys
