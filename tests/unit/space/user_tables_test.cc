// The program's table pages on real memory. What keys do to them is tried where there are keys.
#include "runtime/space/user_tables.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "runtime/arch/cpu.h"
#include "tests/support/memory_probe.h"
#include "tests/support/open_metadata.h"
#include "tests/support/os/faulty_os.h"
#include "tests/support/process_keys.h"

namespace pageward::space {
namespace {

using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::ProcessKeys;
using testing_support::TryRead;
using testing_support::TryWrite;

constexpr std::uint64_t kBytes = std::uint64_t{128} << 20;

bool IsZero(VirtAddr page) {
  const auto* bytes = page.AsPointer<const volatile char>();
  for (std::uint64_t i = 0; i < kFrameBytes; ++i) {
    if (bytes[i] != 0) {
      return false;
    }
  }
  return true;
}

class UserTablesTest : public testing::Test {
 protected:
  UserTablesTest() { tables_.Emplace(os_, ProcessKeys(keys::KeyUse::kIfPresent)); }
  void SetUp() override {
    ASSERT_TRUE(tables().Init(kBytes, std::nullopt).ok());
    is_made_ = true;
    EXPECT_EQ(tables().key().has_value(), arch::HasOspke());
  }
  void TearDown() override {
    if (is_made_) {
      tables().CheckInvariants();
    }
  }

  UserTables& tables() { return *tables_; }
  VirtAddr Allocate() {
    const Result<VirtAddr> page = tables().Allocate();
    EXPECT_TRUE(page.ok());
    return *page;
  }
  void Fill(VirtAddr page) {
    const keys::TableScope scope(tables().key());
    std::memset(page.AsPointer(), 0x77, kFrameBytes);
  }

  FaultyOs os_;
  // Never destroyed: what is registered with an allocator stays.
  LateInit<UserTables> tables_;
  bool is_made_ = false;
};

// Spec: U36
TEST_F(UserTablesTest, PagesAreZeroAlignedAndHandedOutLastInFirstOut) {
  const VirtAddr one = Allocate();
  const VirtAddr two = Allocate();
  for (const VirtAddr page : {one, two}) {
    EXPECT_EQ(page.value() % kFrameBytes, 0u);
    EXPECT_TRUE(IsZero(page));
    Fill(page);
    tables().Free(page);
  }
  EXPECT_EQ(Allocate(), two);
  EXPECT_EQ(Allocate(), one);
  EXPECT_TRUE(IsZero(one));
  EXPECT_TRUE(IsZero(two));
}

TEST_F(UserTablesTest, PagesAreCounted) {
  const VirtAddr page = Allocate();
  EXPECT_EQ(tables().counters().used_pages, 1u);
  EXPECT_EQ(tables().counters().cached_pages, std::uint64_t{kPageblockFrames} - 1);
  EXPECT_EQ(tables().counters().bytes, kPageblockBytes);
  EXPECT_TRUE(tables().Contains(page));
  tables().Free(page);
  EXPECT_EQ(tables().counters().used_pages, 0u);
}

// Spec: T92
TEST_F(UserTablesTest, WhatIsNotUsedGoesBackToTheSystem) {
  std::vector<VirtAddr> pages;
  for (int i = 0; i < 2000; ++i) {
    pages.push_back(Allocate());
    Fill(pages.back());
  }
  EXPECT_EQ(tables().Shrink(kBytes), 0u);
  for (const VirtAddr page : pages) {
    tables().Free(page);
  }
  const std::uint64_t bytes = tables().counters().bytes;
  EXPECT_EQ(tables().Shrink(1), kPageblockBytes);
  EXPECT_EQ(tables().Shrink(kBytes), bytes - 2 * kPageblockBytes);
  EXPECT_EQ(tables().counters().bytes, kPageblockBytes);
  EXPECT_EQ(tables().counters().cached_pages, std::uint64_t{kPageblockFrames});
  // One of them at least was given back.
  unsigned unreachable = 0;
  for (const VirtAddr page : pages) {
    unreachable += TryRead(page) == Access::kOk ? 0u : 1u;
  }
  EXPECT_GE(unreachable, 2000u - kPageblockFrames);
  EXPECT_TRUE(IsZero(Allocate()));
}

TEST_F(UserTablesTest, AllOfTheReservationCanBeUsedAndThenThereIsNone) {
  constexpr std::uint64_t kFewBytes = 4 * kPageblockBytes;
  LateInit<UserTables> few;
  few.Emplace(os_, ProcessKeys(keys::KeyUse::kIfPresent));
  ASSERT_TRUE(few->Init(kFewBytes, std::nullopt).ok());
  std::set<VirtAddr> pages;
  for (;;) {
    const Result<VirtAddr> page = few->Allocate();
    if (!page.ok()) {
      EXPECT_EQ(page.error(), Error::kNoFrames);
      break;
    }
    EXPECT_TRUE(pages.insert(*page).second);
  }
  // Four pages stay set aside.
  EXPECT_EQ(pages.size(), kFewBytes / kFrameBytes - 4);
  for (const VirtAddr page : pages) {
    few->Free(page);
  }
  few->CheckInvariants();
  EXPECT_EQ(few->Shrink(kFewBytes), kFewBytes - kPageblockBytes);
}

TEST_F(UserTablesTest, ManyThreadsAtOnceGetPagesOfTheirOwn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      std::vector<VirtAddr> pages;
      for (int step = 0; step < 800; ++step) {
        const VirtAddr page = Allocate();
        EXPECT_TRUE(IsZero(page));
        const keys::TableScope scope(tables().key());
        std::memset(page.AsPointer(), i + 1, kFrameBytes);
        pages.push_back(page);
      }
      for (const VirtAddr page : pages) {
        EXPECT_EQ(page.AsPointer<const char>()[kFrameBytes - 1], i + 1);
        tables().Free(page);
      }
      static_cast<void>(tables().Shrink(kPageblockBytes));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(tables().counters().used_pages, 0u);
}

TEST_F(UserTablesTest, AFailureOfAnyStepIsAnAnswer) {
  for (std::uint32_t n = 0;; ++n) {
    ASSERT_LT(n, 60u);
    FaultyOs os;
    LateInit<UserTables> other;
    other.Emplace(os, ProcessKeys(keys::KeyUse::kIfPresent));
    os.faults().FailNthCall(n, Error::kNoMemory);
    const bool is_made = other->Init(kBytes, std::nullopt).ok();
    const bool has_page = is_made && other->Allocate().ok();
    const bool has_failed = os.faults().all_calls() > n;
    os.faults().StopFailing();
    if (is_made) {
      other->CheckInvariants();
      ASSERT_TRUE(other->Allocate().ok()) << n;
      ASSERT_EQ(other->counters().used_pages, has_page ? 2u : 1u) << n;
    }
    if (!has_failed) {
      EXPECT_GT(n, 7u);
      EXPECT_TRUE(has_page);
      break;
    }
  }
}

using UserTablesDeathTest = UserTablesTest;

TEST_F(UserTablesDeathTest, WhatIsNoPageOfOursIsRefused) {
  const VirtAddr page = Allocate();
  alignas(kFrameBytes) static char elsewhere[kFrameBytes];
  EXPECT_DEATH(tables().Free(VirtAddr::Of(elsewhere)), "foreign pointer");
  EXPECT_DEATH(tables().Free(page + 8), "foreign pointer");
  EXPECT_DEATH(tables().Free(page + kBytes / 2), "foreign frame");
  tables().Free(page);
  EXPECT_DEATH(tables().Free(page), "double free");
}

// --- With keys ----------------------------------------------------------------------------------

class ClosedUserTablesTest : public UserTablesTest {
 protected:
  void SetUp() override {
    if (!arch::HasOspke()) {
      GTEST_SKIP() << "no protection keys on this machine";
    }
    metadata_key_ =
        *ProcessKeys(keys::KeyUse::kIfPresent).KeyFor(keys::KeyBroker::Purpose::kMetadata);
    ASSERT_TRUE(keys::CloseMetadata(os_, metadata_key_).ok());
    ASSERT_TRUE(tables().Init(kBytes, metadata_key_).ok());
    is_made_ = true;
  }
  void TearDown() override {
    UserTablesTest::TearDown();
    if (keys::IsMetadataClosed()) {
      testing_support::OpenMetadata(os_);
    }
  }

  arch::Pkey metadata_key_;
};

// Spec: U35, U36
TEST_F(ClosedUserTablesTest, APageCanBeReadAndIsWrittenInScopesOnly) {
  const VirtAddr page = Allocate();
  EXPECT_EQ(TryRead(page), Access::kOk);
  EXPECT_EQ(TryWrite(page), Access::kKeyDenied);
  EXPECT_EQ(TryWrite(page + (kFrameBytes - 1)), Access::kKeyDenied);
  const keys::TableScope scope(tables().key());
  EXPECT_EQ(TryWrite(page), Access::kOk);
  EXPECT_FALSE(keys::IsInsideGate());
}

// Spec: U35
TEST_F(ClosedUserTablesTest, NWritesInOneScopeOpenTheKeyOnceAndTheGateNever) {
  const VirtAddr page = Allocate();
  const std::uint64_t openings = keys::ThreadTableOpenings();
  const std::uint64_t gates = keys::ThreadGateOpenings();
  {
    const keys::TableScope batch(tables().key());
    for (std::uint64_t i = 0; i < kFrameBytes / 8; ++i) {
      const keys::TableScope one(tables().key());
      page.AsPointer<volatile std::uint64_t>()[i] = i;
    }
  }
  EXPECT_EQ(keys::ThreadTableOpenings(), openings + 1);
  EXPECT_EQ(keys::ThreadGateOpenings(), gates);
}

TEST_F(ClosedUserTablesTest, OnePageTakesOneOpeningOfTheGateAndOneOfTheKey) {
  tables().Free(Allocate());
  const std::uint64_t openings = keys::ThreadTableOpenings();
  const std::uint64_t gates = keys::ThreadGateOpenings();
  const VirtAddr page = Allocate();
  EXPECT_EQ(keys::ThreadGateOpenings(), gates + 1);
  EXPECT_EQ(keys::ThreadTableOpenings(), openings + 1);
  tables().Free(page);
  EXPECT_EQ(keys::ThreadGateOpenings(), gates + 2);
}

}  // namespace
}  // namespace pageward::space
