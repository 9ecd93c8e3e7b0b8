#include "runtime/domain/domains.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "runtime/core/bits.h"
#include "tests/support/domain/test_domains.h"

namespace pageward::domain {
namespace {

using testing_support::IsReadable;
using testing_support::OpenedForAll;
using testing_support::TestDomains;
using testing_support::TryWrite;
using Kind = testing_support::FaultInjector::Kind;

class DomainsTest : public testing::Test {
 protected:
  DomainsTest() { EXPECT_TRUE(domains_.IsMade()); }
  ~DomainsTest() override { domains_->CheckInvariants(); }

  bool IsZero(const std::uint8_t* object, std::size_t bytes) {
    return std::all_of(object, object + bytes, [](std::uint8_t byte) { return byte == 0; });
  }

  TestDomains domains_;
};

using DomainsDeathTest = DomainsTest;

// Spec: U21
TEST_F(DomainsTest, AnObjectIsThereInsideAWindowOnly) {
  const Handle handle = domains_.Create();
  std::uint8_t* object = domains_.Allocate(handle, 100);
  ASSERT_NE(object, nullptr);
  EXPECT_FALSE(IsReadable(object));
  {
    const OpenedForAll window(*domains_, handle);
    ASSERT_TRUE(window.IsOpen());
    EXPECT_TRUE(IsZero(object, 100));
    object[99] = 7;
  }
  EXPECT_FALSE(IsReadable(object));
  const OpenedForAll window(*domains_, handle, Access::kReadOnly);
  EXPECT_EQ(object[99], 7);
  EXPECT_NE(TryWrite(VirtAddr::Of(object)), testing_support::Access::kOk);
}

TEST_F(DomainsTest, WindowsOfTheProcessAreCounted) {
  const Handle handle = domains_.Create();
  std::uint8_t* object = domains_.Allocate(handle, 1);
  {
    const OpenedForAll outer(*domains_, handle);
    {
      const OpenedForAll inner(*domains_, handle, Access::kReadOnly);
      object[0] = 1;
    }
    object[0] = 2;
  }
  EXPECT_FALSE(IsReadable(object));
  EXPECT_FALSE(domains_->CloseForAll(handle, Access::kReadWrite).ok()) << "nothing is open";
}

TEST_F(DomainsTest, ADomainThatAllMayReadTakesAWindowToBeWritten) {
  Options options;
  options.access = DefaultAccess::kReadOnly;
  const Handle handle = domains_.Create(options);
  std::uint8_t* object = domains_.Allocate(handle, 100);
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(IsReadable(object));
  EXPECT_NE(TryWrite(VirtAddr::Of(object)), testing_support::Access::kOk);
  {
    const OpenedForAll window(*domains_, handle);
    object[0] = 5;
  }
  EXPECT_EQ(object[0], 5);
  EXPECT_NE(TryWrite(VirtAddr::Of(object)), testing_support::Access::kOk);
}

TEST_F(DomainsTest, ObjectsOfEverySizeAndAlignmentAreTheirOwn) {
  const Handle handle = domains_.Create();
  std::vector<std::pair<std::uint8_t*, std::size_t>> objects;
  const OpenedForAll window(*domains_, handle);
  for (std::size_t alignment = 1; alignment <= 8 * kPageblockBytes; alignment *= 2) {
    for (const std::size_t bytes :
         {1u, 16u, 17u, 100u, 4096u, 4097u, 14336u, 14337u, 100000u, 2097152u, 2097153u}) {
      std::uint8_t* object = domains_.Allocate(handle, bytes, alignment);
      ASSERT_NE(object, nullptr) << bytes << " at " << alignment;
      EXPECT_TRUE(IsAligned<std::uint64_t>(VirtAddr::Of(object).value(), alignment));
      ASSERT_EQ(object[0], 0);
      ASSERT_EQ(object[bytes - 1], 0);
      std::memset(object, static_cast<int>(objects.size() % 251 + 1), bytes);
      objects.emplace_back(object, bytes);
    }
  }
  for (std::size_t i = 0; i < objects.size(); ++i) {
    EXPECT_EQ(objects[i].first[0], i % 251 + 1);
    EXPECT_EQ(objects[i].first[objects[i].second - 1], i % 251 + 1);
    EXPECT_TRUE(domains_.Free(handle, objects[i].first).ok());
  }
}

TEST_F(DomainsTest, SizesAndAlignmentsThatMakeNoSenseAreRefused) {
  const Handle handle = domains_.Create();
  EXPECT_EQ(domains_.Allocate(handle, 0), nullptr);
  EXPECT_EQ(domains_.Allocate(handle, 16, 3), nullptr);
  EXPECT_EQ(domains_.Allocate(handle, 16, 0), nullptr);
  EXPECT_EQ(domains_.Allocate(handle, 16, DomainHeap::kMostAlignment * 2), nullptr);
  for (const std::uint64_t bytes : {~std::uint64_t{0}, ~std::uint64_t{0} - 4094,
                                    std::uint64_t{1} << 63, std::uint64_t{1} << 44}) {
    EXPECT_EQ(domains_.Allocate(handle, bytes), nullptr) << bytes;
    EXPECT_EQ(domains_.Allocate(handle, bytes, 4096), nullptr) << bytes;
  }
  Description description;
  ASSERT_TRUE(domains_->Describe(handle, &description).ok());
  EXPECT_EQ(description.objects, 0u);
}

// Spec: U31
TEST_F(DomainsTest, FreedMemoryIsWipedAtOnce) {
  const Handle handle = domains_.Create();
  std::uint8_t* object = domains_.Allocate(handle, 64);
  std::uint8_t* stays = domains_.Allocate(handle, 64);
  ASSERT_TRUE(object != nullptr && stays != nullptr);
  const OpenedForAll window(*domains_, handle);
  std::memset(object, 0xee, 64);
  std::memset(stays, 0xee, 64);
  ASSERT_TRUE(domains_.Free(handle, object).ok());
  EXPECT_TRUE(IsZero(object, 64));
  EXPECT_EQ(stays[0], 0xee);
  EXPECT_GE(domains_->counters().wiped_bytes, 64u);
}

TEST_F(DomainsTest, WhatIsWipedLaterIsZeroWhenItIsUsedAgain) {
  Options options;
  options.wipe = WipePolicy::kBeforeReuse;
  const Handle handle = domains_.Create(options);
  for (const std::size_t bytes : {64u, 100000u}) {
    std::uint8_t* object = domains_.Allocate(handle, bytes);
    const OpenedForAll window(*domains_, handle);
    std::memset(object, 0xee, bytes);
    ASSERT_TRUE(domains_.Free(handle, object).ok());
    std::uint8_t* again = domains_.Allocate(handle, bytes);
    EXPECT_EQ(again, object) << "the case shall be the one with old contents";
    EXPECT_TRUE(IsZero(again, bytes));
  }
}

// Spec: U26, U31
TEST_F(DomainsTest, FramesPassFromOneDomainToAnotherEmpty) {
  std::uint8_t* first = nullptr;
  for (const WipePolicy wipe : {WipePolicy::kOnFree, WipePolicy::kBeforeReuse}) {
    Options options;
    options.wipe = wipe;
    const Handle handle = domains_.Create(options);
    std::uint8_t* object = domains_.Allocate(handle, 3 * kPageblockBytes);
    ASSERT_NE(object, nullptr);
    EXPECT_TRUE(first == nullptr || object == first) << "the same frames shall come again";
    first = object;
    {
      const OpenedForAll window(*domains_, handle);
      EXPECT_TRUE(IsZero(object, 3 * kPageblockBytes));
      std::memset(object, 0xee, 3 * kPageblockBytes);
    }
    EXPECT_TRUE(domains_->Destroy(handle).ok());
    EXPECT_FALSE(IsReadable(object));
  }
}

TEST_F(DomainsTest, ReallocMovesContentsAndWipesWhereTheyWere) {
  const Handle handle = domains_.Create();
  std::uint8_t* object = domains_.Allocate(handle, 100);
  {
    const OpenedForAll window(*domains_, handle);
    std::memset(object, 0x5a, 100);
  }
  VirtAddr moved = VirtAddr::Of(object);
  ASSERT_TRUE(domains_->Reallocate(handle, &moved, 100000, 16).ok());
  EXPECT_NE(moved, VirtAddr::Of(object));
  const OpenedForAll window(*domains_, handle);
  const auto* bytes = moved.AsPointer<std::uint8_t>();
  EXPECT_EQ(std::count(bytes, bytes + 100, 0x5a), 100);
  EXPECT_TRUE(IsZero(bytes + 112, 100000 - 112));
  EXPECT_TRUE(IsZero(object, 100));
  VirtAddr same = moved;
  ASSERT_TRUE(domains_->Reallocate(handle, &same, 99999, 16).ok());
  EXPECT_EQ(same, moved);
  EXPECT_FALSE(domains_->Reallocate(handle, &same, ~std::uint64_t{0}, 16).ok());
  EXPECT_EQ(same, moved);
}

TEST_F(DomainsTest, UsableBytesAreAtLeastWhatWasAskedFor) {
  const Handle handle = domains_.Create();
  for (const std::size_t bytes : {1u, 33u, 14336u, 14337u}) {
    std::uint8_t* object = domains_.Allocate(handle, bytes);
    std::uint64_t usable = 0;
    ASSERT_TRUE(domains_->UsableBytes(handle, VirtAddr::Of(object), &usable).ok());
    EXPECT_GE(usable, bytes);
    EXPECT_FALSE(domains_->UsableBytes(handle, VirtAddr::Of(object + 1), &usable).ok());
  }
}

TEST_F(DomainsTest, AnotherDomainsObjectIsRefusedAndStays) {
  const Handle mine = domains_.Create();
  const Handle other = domains_.Create();
  std::uint8_t* object = domains_.Allocate(mine, 64);
  EXPECT_EQ(domains_.Free(other, object).refusal, Refusal::kWrongDomain);
  VirtAddr moved = VirtAddr::Of(object);
  EXPECT_EQ(domains_->Reallocate(other, &moved, 1000, 16).refusal, Refusal::kWrongDomain);
  EXPECT_TRUE(domains_.Free(mine, object).ok());
}

TEST_F(DomainsTest, AHandleOfADestroyedDomainNamesNothing) {
  const Handle handle = domains_.Create();
  ASSERT_NE(domains_.Allocate(handle, 16), nullptr);
  ASSERT_TRUE(domains_->Destroy(handle).ok());
  const Handle next = domains_.Create();
  EXPECT_EQ(next.index(), handle.index()) << "the case is about a place that is used again";
  EXPECT_NE(next, handle);
  EXPECT_EQ(domains_->Destroy(handle).refusal, Refusal::kNoDomain);
  EXPECT_EQ(domains_.Allocate(handle, 16), nullptr);
  EXPECT_FALSE(OpenedForAll(*domains_, handle).IsOpen());
  for (const std::uint64_t forged : {std::uint64_t{0}, ~std::uint64_t{0}, next.value + 1}) {
    EXPECT_EQ(domains_->Destroy(Handle{forged}).refusal, Refusal::kNoDomain);
  }
}

TEST_F(DomainsTest, ADomainWithAnOpenWindowIsNotDestroyed) {
  const Handle handle = domains_.Create();
  {
    const OpenedForAll window(*domains_, handle);
    EXPECT_EQ(domains_->Destroy(handle).error, Error::kInUse);
  }
  EXPECT_TRUE(domains_->Destroy(handle).ok());
}

TEST_F(DomainsTest, WithoutKeysADomainThatNeedsThemIsNotMade) {
  Options options;
  options.requires_keys = true;
  EXPECT_EQ(domains_->Create(options).error(), Error::kUnsupported);
  options.requires_keys = false;
  options.is_pinned = true;
  EXPECT_EQ(domains_->Create(options).error(), Error::kUnsupported);
}

// Spec: U31
TEST_F(DomainsTest, MemoryThatCantBeLockedIsReportedOrNotHandedOut) {
  domains_.os().faults().FailAfter(Kind::kLock, 0, Error::kLimit);
  const Handle lenient = domains_.Create();
  EXPECT_NE(domains_.Allocate(lenient, 16), nullptr);
  Description description;
  ASSERT_TRUE(domains_->Describe(lenient, &description).ok());
  EXPECT_EQ(description.lock_failures, 1u);
  EXPECT_EQ(description.locked_bytes, 0u);
  EXPECT_EQ(domains_->counters().lock_failures, 1u);
  Options options;
  options.lock = LockPolicy::kRequired;
  const Handle strict = domains_.Create(options);
  VirtAddr object;
  EXPECT_EQ(domains_->Allocate(strict, 16, 16, &object).error, Error::kLimit);
  options.lock = LockPolicy::kNever;
  EXPECT_NE(domains_.Allocate(domains_.Create(options), 16), nullptr);
}

// Spec: U38
TEST_F(DomainsTest, EachCallThatFailsLeavesEverythingAsItWas) {
  Options options;
  options.fork = ForkPolicy::kKept;
  options.is_dumped = true;
  std::uint32_t failures = 0;
  for (std::uint32_t nth = 0; nth < 40; ++nth) {
    const Handle handle = domains_.Create(options);
    ASSERT_NE(handle, Handle{});
    domains_.os().faults().FailNthCall(nth, Error::kNoMemory);
    std::uint8_t* object = domains_.Allocate(handle, 5000);
    if (object != nullptr) {
      keys::ThreadState nobody = {};
      std::optional<arch::Pkey> key;
      const bool is_open = domains_->Open(handle, Access::kReadWrite, nobody, &key).ok();
      EXPECT_EQ(IsReadable(object), is_open) << nth;
      const bool is_closed = !is_open || domains_->CloseForAll(handle, Access::kReadWrite).ok();
      EXPECT_EQ(IsReadable(object), !is_closed) << nth;
      failures += is_open && is_closed ? 0u : 1u;
      if (!is_closed) {
        EXPECT_EQ(domains_->Destroy(handle).error, Error::kInUse);
        EXPECT_TRUE(domains_->CloseForAll(handle, Access::kReadWrite).ok());
      }
      failures += domains_.Free(handle, object).ok() ? 0u : 1u;
    } else {
      ++failures;
    }
    static_cast<void>(domains_->Destroy(handle));
    domains_.os().faults().StopFailing();
    static_cast<void>(domains_->Destroy(handle));
    domains_->CheckInvariants();
    EXPECT_EQ(domains_->counters().domains, 0u) << nth;
  }
  EXPECT_GE(failures, 6u);
  const Handle after = domains_.Create(options);
  EXPECT_NE(domains_.Allocate(after, 5000), nullptr);
}

TEST_F(DomainsDeathTest, AFreeOfWhatIsNoLiveObjectNamesIt) {
  const Handle handle = domains_.Create();
  std::uint8_t* object = domains_.Allocate(handle, 64);
  std::uint8_t* large = domains_.Allocate(handle, 100000);
  ASSERT_TRUE(domains_.Free(handle, object).ok());
  EXPECT_DEATH(static_cast<void>(domains_.Free(handle, object)), "double free");
  EXPECT_DEATH(static_cast<void>(domains_.Free(handle, large + 16)), "interior pointer");
  EXPECT_DEATH(static_cast<void>(domains_.Free(handle, large + 4096)), "interior pointer");
  EXPECT_DEATH(static_cast<void>(domains_.Free(handle, &handle)), "foreign pointer");
  ASSERT_TRUE(domains_.Free(handle, large).ok());
  EXPECT_DEATH(static_cast<void>(domains_.Free(handle, large)), "double free");
}

}  // namespace
}  // namespace pageward::domain
