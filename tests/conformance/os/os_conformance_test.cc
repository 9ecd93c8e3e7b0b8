// What every Os must do, by the words of os.h. The fake passes the same suite as Linux: a fake that
// is more forgiving than the system would make every test above it worthless.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "runtime/arch/cpu.h"
#include "runtime/core/units.h"
#include "runtime/os/linux_os.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/fake_os.h"

namespace pageward {
namespace {

using os::HugePages;
using os::Protection;
using testing_support::Access;
using testing_support::FakeOs;

constexpr std::uint64_t kPages = 16;
constexpr std::uint64_t kBytes = kPages * kFrameBytes;

// An Os and what a program would see of it.
class LinuxUnderTest {
 public:
  os::Os& os() { return os_; }
  bool CanRead(VirtAddr at) { return testing_support::TryRead(at) == Access::kOk; }
  bool CanWrite(VirtAddr at) { return testing_support::TryWrite(at, 0) == Access::kOk; }
  void Touch(VirtAddr at) { *at.AsPointer<volatile char>() = 1; }
  bool ReadsZero(VirtAddr at) { return *at.AsPointer<volatile char>() == 0; }
  static bool HasKeys() { return arch::HasOspke(); }

 private:
  os::LinuxOs os_;
};

class FakeUnderTest {
 public:
  os::Os& os() { return os_; }
  bool CanRead(VirtAddr at) { return os_.IsReadable(at); }
  bool CanWrite(VirtAddr at) { return os_.IsWritable(at); }
  void Touch(VirtAddr at) { os_.Touch(at); }
  bool ReadsZero(VirtAddr at) { return os_.ReadsZero(at); }
  static bool HasKeys() { return true; }

 private:
  FakeOs os_;
};

template <typename UnderTest>
class OsConformanceTest : public testing::Test {
 protected:
  // A writable range in the middle of a reservation, so that its neighbours are known.
  VirtRange MakeWritable() {
    const Result<VirtRange> reserved = os().Reserve(3 * kBytes, kFrameBytes);
    EXPECT_TRUE(reserved.ok());
    const VirtRange middle{reserved->begin + kBytes, kBytes};
    EXPECT_TRUE(os().Protect(middle, Protection::kReadWrite).ok());
    return middle;
  }

  os::Os& os() { return under_test_.os(); }

  UnderTest under_test_;
};

using Implementations = testing::Types<LinuxUnderTest, FakeUnderTest>;

struct Names {
  template <typename T>
  static std::string GetName(int) {
    return std::is_same_v<T, LinuxUnderTest> ? "Linux" : "Fake";
  }
};

TYPED_TEST_SUITE(OsConformanceTest, Implementations, Names);

TYPED_TEST(OsConformanceTest, AReservationIsAlignedAndOutOfReach) {
  const Result<VirtRange> reserved = this->os().Reserve(kBytes, kPageblockBytes);
  ASSERT_TRUE(reserved.ok());
  EXPECT_EQ(reserved->bytes, kBytes);
  EXPECT_TRUE(IsAligned<std::uint64_t>(reserved->begin.value(), kPageblockBytes));
  EXPECT_FALSE(this->under_test_.CanRead(reserved->begin));
  EXPECT_FALSE(this->under_test_.CanRead(reserved->end() - 1));
  EXPECT_TRUE(this->os().Unmap(*reserved).ok());
}

TYPED_TEST(OsConformanceTest, AnImpossibleReservationIsAnAnswer) {
  const Result<VirtRange> reserved = this->os().Reserve(std::uint64_t{1} << 50, kFrameBytes);
  ASSERT_FALSE(reserved.ok());
  EXPECT_EQ(reserved.error(), Error::kNoAddressSpace);
}

TYPED_TEST(OsConformanceTest, MappedMemoryIsZeroAndWritable) {
  const Result<VirtRange> mapped = this->os().MapZeroed(kBytes);
  ASSERT_TRUE(mapped.ok());
  EXPECT_TRUE(this->under_test_.ReadsZero(mapped->begin));
  EXPECT_TRUE(this->under_test_.CanWrite(mapped->end() - 1));
  EXPECT_TRUE(this->os().Unmap(*mapped).ok());
  EXPECT_FALSE(this->under_test_.CanRead(mapped->begin));
}

TYPED_TEST(OsConformanceTest, ProtectionActsOnExactlyTheRange) {
  const VirtRange range = this->MakeWritable();
  EXPECT_TRUE(this->under_test_.CanWrite(range.begin));
  EXPECT_FALSE(this->under_test_.CanRead(range.begin - 1));
  EXPECT_FALSE(this->under_test_.CanRead(range.end()));
  ASSERT_TRUE(this->os().Protect(range, Protection::kRead).ok());
  EXPECT_TRUE(this->under_test_.CanRead(range.begin));
  EXPECT_FALSE(this->under_test_.CanWrite(range.begin));
  ASSERT_TRUE(this->os().Protect(range, Protection::kNone).ok());
  EXPECT_FALSE(this->under_test_.CanRead(range.begin));
}

TYPED_TEST(OsConformanceTest, ContentsSurviveAChangeOfProtection) {
  const VirtRange range = this->MakeWritable();
  this->under_test_.Touch(range.begin);
  ASSERT_TRUE(this->os().Protect(range, Protection::kNone).ok());
  ASSERT_TRUE(this->os().Protect(range, Protection::kReadWrite).ok());
  EXPECT_FALSE(this->under_test_.ReadsZero(range.begin));
}

TYPED_TEST(OsConformanceTest, DiscardedMemoryIsZeroAndStillThere) {
  const VirtRange range = this->MakeWritable();
  this->under_test_.Touch(range.begin);
  this->under_test_.Touch(range.end() - 1);
  ASSERT_TRUE(this->os().Discard(VirtRange{range.begin, kFrameBytes}).ok());
  EXPECT_TRUE(this->under_test_.CanRead(range.begin));
  EXPECT_TRUE(this->under_test_.ReadsZero(range.begin));
  EXPECT_FALSE(this->under_test_.ReadsZero(range.end() - 1));
}

TYPED_TEST(OsConformanceTest, AGuardFaultsUntilItIsRemovedAndThenReadsZero) {
  const VirtRange range = this->MakeWritable();
  this->under_test_.Touch(range.begin);
  this->under_test_.Touch(range.begin + kFrameBytes);
  const VirtRange first{range.begin, kFrameBytes};
  const Status guarded = this->os().InstallGuard(first);
  if (!guarded.ok() && guarded.error() == Error::kUnsupported) {
    GTEST_SKIP() << "this kernel has no guard markers (Linux 6.13)";
  }
  ASSERT_TRUE(guarded.ok());
  EXPECT_FALSE(this->under_test_.CanRead(range.begin));
  EXPECT_FALSE(this->under_test_.CanWrite(range.begin));
  EXPECT_FALSE(this->under_test_.ReadsZero(range.begin + kFrameBytes));
  ASSERT_TRUE(this->os().RemoveGuard(range).ok());
  EXPECT_TRUE(this->under_test_.CanWrite(range.begin));
  EXPECT_TRUE(this->under_test_.ReadsZero(range.begin));
  EXPECT_FALSE(this->under_test_.ReadsZero(range.begin + kFrameBytes));
}

TYPED_TEST(OsConformanceTest, AGuardSurvivesChangesOfProtectionAndDiscarding) {
  const VirtRange range = this->MakeWritable();
  const Status guarded = this->os().InstallGuard(range);
  if (!guarded.ok() && guarded.error() == Error::kUnsupported) {
    GTEST_SKIP() << "this kernel has no guard markers (Linux 6.13)";
  }
  ASSERT_TRUE(this->os().Protect(range, Protection::kNone).ok());
  ASSERT_TRUE(this->os().Protect(range, Protection::kReadWrite).ok());
  EXPECT_FALSE(this->under_test_.CanRead(range.begin));
  ASSERT_TRUE(this->os().Discard(range).ok());
  EXPECT_FALSE(this->under_test_.CanRead(range.begin));
}

TYPED_TEST(OsConformanceTest, PopulatedMemoryIsZero) {
  const VirtRange range = this->MakeWritable();
  const Status populated = this->os().Populate(range);
  if (!populated.ok() && populated.error() == Error::kUnsupported) {
    GTEST_SKIP() << "this kernel cannot populate on demand (Linux 5.14)";
  }
  ASSERT_TRUE(populated.ok());
  EXPECT_TRUE(this->under_test_.ReadsZero(range.begin));
  EXPECT_TRUE(this->under_test_.CanWrite(range.begin));
}

TYPED_TEST(OsConformanceTest, PopulatingWhatIsClosedIsAnAnswer) {
  const VirtRange range = this->MakeWritable();
  ASSERT_TRUE(this->os().Protect(range, Protection::kNone).ok());
  EXPECT_FALSE(this->os().Populate(range).ok());
}

TYPED_TEST(OsConformanceTest, AdviceAboutHugePagesChangesNoContents) {
  const VirtRange range = this->MakeWritable();
  this->under_test_.Touch(range.begin);
  // A kernel without huge pages answers kUnsupported, and nothing more.
  for (const HugePages pages : {HugePages::kPreferred, HugePages::kNever}) {
    const Status advised = this->os().Advise(range, pages);
    EXPECT_TRUE(advised.ok() || advised.error() == Error::kUnsupported);
  }
  EXPECT_FALSE(this->under_test_.ReadsZero(range.begin));
}

TYPED_TEST(OsConformanceTest, AKeyedRangeIsClosedForWhoeverDoesNotHoldTheKey) {
  if (!this->under_test_.HasKeys()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  const VirtRange range = this->MakeWritable();
  this->under_test_.Touch(range.begin);
  const Result<arch::Pkey> key = this->os().AllocateKey(arch::KeyAccess::kNone);
  ASSERT_TRUE(key.ok());
  ASSERT_TRUE(this->os().ProtectWithKey(range, Protection::kReadWrite, *key).ok());
  EXPECT_FALSE(this->under_test_.CanRead(range.begin));
  EXPECT_FALSE(this->under_test_.CanWrite(range.begin));
  ASSERT_TRUE(this->os().ProtectWithKey(range, Protection::kReadWrite, arch::kDefaultPkey).ok());
  EXPECT_FALSE(this->under_test_.ReadsZero(range.begin));
  this->os().FreeKey(*key);
}

TYPED_TEST(OsConformanceTest, RunningOutOfKeysIsAnAnswerAndKeysComeBack) {
  if (!this->under_test_.HasKeys()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  std::vector<arch::Pkey> keys;
  Result<arch::Pkey> key = this->os().AllocateKey(arch::KeyAccess::kNone);
  for (; key.ok(); key = this->os().AllocateKey(arch::KeyAccess::kNone)) {
    keys.push_back(*key);
  }
  EXPECT_EQ(key.error(), Error::kNoKeys);
  EXPECT_LE(keys.size(), 15u);
  for (const arch::Pkey taken : keys) {
    this->os().FreeKey(taken);
  }
  key = this->os().AllocateKey(arch::KeyAccess::kNone);
  ASSERT_TRUE(key.ok());
  this->os().FreeKey(*key);
}

TYPED_TEST(OsConformanceTest, SharedMemoryHasAnAliasWithTheProtectionOfItsHome) {
  const Result<VirtRange> home = this->os().Reserve(kBytes, kFrameBytes);
  const Result<VirtRange> other = this->os().Reserve(kBytes, kFrameBytes);
  ASSERT_TRUE(home.ok() && other.ok());
  const auto memory = this->os().CreateShared(os::SharedMemory::kOrdinary, kBytes);
  ASSERT_TRUE(memory.ok());
  ASSERT_TRUE(this->os().MapShared(*memory, *home, Protection::kReadWrite).ok());
  this->os().Close(*memory);
  this->under_test_.Touch(home->begin);
  ASSERT_TRUE(this->os().Protect(*home, Protection::kNone).ok());
  ASSERT_TRUE(this->os().Alias(*home, *other).ok());
  EXPECT_FALSE(this->under_test_.CanRead(other->begin)) << "an alias must not be born open";
  ASSERT_TRUE(this->os().Protect(*other, Protection::kReadWrite).ok());
  EXPECT_TRUE(this->under_test_.CanRead(other->begin));
  EXPECT_FALSE(this->under_test_.CanRead(home->begin));
  ASSERT_TRUE(this->os().ReserveAgain(*other).ok());
  EXPECT_FALSE(this->under_test_.CanRead(other->begin));
}

TYPED_TEST(OsConformanceTest, ReadingFromNoDescriptorIsAnAnswer) {
  std::byte byte = {};
  EXPECT_EQ(this->os().Read(os::Descriptor{-1}, std::span(&byte, 1)).error(), Error::kInvalid);
}

TYPED_TEST(OsConformanceTest, SealedMemoryCannotBeChanged) {
  const VirtRange range = this->MakeWritable();
  const Status sealed = this->os().Seal(range);
  if (!sealed.ok() && sealed.error() == Error::kUnsupported) {
    GTEST_SKIP() << "this kernel has no mseal (Linux 6.10)";
  }
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(this->os().Protect(range, Protection::kNone).error(), Error::kNotPermitted);
  EXPECT_EQ(this->os().Unmap(range).error(), Error::kNotPermitted);
  EXPECT_TRUE(this->under_test_.CanWrite(range.begin));
}

// What the kernel may do on our behalf is what we may do.
TYPED_TEST(OsConformanceTest, AsksTheKernelAboutAWordWithoutFaulting) {
  const VirtRange range = this->MakeWritable();
  EXPECT_TRUE(this->os().CanRead(range.begin));
  EXPECT_TRUE(this->os().CanWrite(range.begin));
  EXPECT_FALSE(this->os().CanRead(range.end()));
  ASSERT_TRUE(this->os().Protect(range, Protection::kRead).ok());
  EXPECT_TRUE(this->os().CanRead(range.begin));
  EXPECT_FALSE(this->os().CanWrite(range.begin));
  ASSERT_TRUE(this->os().Protect(range, Protection::kNone).ok());
  EXPECT_FALSE(this->os().CanRead(range.begin));
}

TYPED_TEST(OsConformanceTest, TheKernelHonoursThisThreadsKeys) {
  if (!this->under_test_.HasKeys()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  const VirtRange range = this->MakeWritable();
  const Result<arch::Pkey> key = this->os().AllocateKey(arch::KeyAccess::kNone);
  ASSERT_TRUE(key.ok());
  ASSERT_TRUE(this->os().ProtectWithKey(range, Protection::kReadWrite, *key).ok());
  EXPECT_FALSE(this->os().CanRead(range.begin));
  EXPECT_FALSE(this->os().CanWrite(range.begin));
  ASSERT_TRUE(this->os().ProtectWithKey(range, Protection::kReadWrite, arch::kDefaultPkey).ok());
  this->os().FreeKey(*key);
}

TYPED_TEST(OsConformanceTest, LockedPagesKeepTheirContentsUntilTheyAreUnlocked) {
  const VirtRange range = this->MakeWritable();
  const Status locked = this->os().LockWhenTouched(range);
  if (!locked.ok()) {
    GTEST_SKIP() << "RLIMIT_MEMLOCK allows no locked memory here";
  }
  this->under_test_.Touch(range.begin);
  EXPECT_EQ(this->os().Discard(range).error(), Error::kUnsupported);
  this->os().Unlock(range);
  EXPECT_TRUE(this->os().Discard(range).ok());
  EXPECT_TRUE(this->under_test_.ReadsZero(range.begin));
}

TYPED_TEST(OsConformanceTest, AHoleIsReservedOnlyIfNothingIsMappedThere) {
  const Result<VirtRange> range = this->os().Reserve(kBytes, kFrameBytes);
  ASSERT_TRUE(range.ok());
  const VirtRange hole{range->begin + kFrameBytes, 2 * kFrameBytes};
  EXPECT_EQ(this->os().ReserveHole(hole).error(), Error::kInUse);
  ASSERT_TRUE(this->os().Unmap(hole).ok());
  EXPECT_TRUE(this->os().ReserveHole(hole).ok());
  EXPECT_FALSE(this->under_test_.CanRead(hole.begin));
  EXPECT_TRUE(this->os().Protect(hole, Protection::kReadWrite).ok());
}

TYPED_TEST(OsConformanceTest, WhatAChildOrADumpLacksCanBeGivenToItAgain) {
  const VirtRange range = this->MakeWritable();
  EXPECT_TRUE(this->os().ExcludeFromFork(range).ok());
  EXPECT_TRUE(this->os().ExcludeFromDump(range).ok());
  EXPECT_TRUE(this->os().IncludeInFork(range).ok());
  EXPECT_TRUE(this->os().IncludeInDump(range).ok());
}

TYPED_TEST(OsConformanceTest, ThreadsAreSynchronizedOrItSaysThatItCannot) {
  for (int i = 0; i < 2; ++i) {
    const Status done = this->os().SynchronizeThreads();
    EXPECT_TRUE(done.ok() || done.error() == Error::kUnsupported ||
                done.error() == Error::kNotPermitted);
  }
}

TYPED_TEST(OsConformanceTest, PagesMayBeLockedBeforeTheyAreTouchedAndBehindGuards) {
  const VirtRange range = this->MakeWritable();
  const VirtRange first{range.begin, kFrameBytes};
  const bool has_guards = this->os().InstallGuard(first).ok();
  const Status locked = this->os().LockWhenTouched(range);
  if (!locked.ok()) {
    GTEST_SKIP() << "RLIMIT_MEMLOCK allows no locked memory here";
  }
  EXPECT_NE(this->under_test_.CanRead(first.begin), has_guards);
  this->under_test_.Touch(range.begin + kFrameBytes);
  if (has_guards) {
    EXPECT_TRUE(this->os().RemoveGuard(first).ok());
    EXPECT_TRUE(this->under_test_.ReadsZero(first.begin));
  }
}

TYPED_TEST(OsConformanceTest, MarksChangeNoContents) {
  const VirtRange range = this->MakeWritable();
  this->under_test_.Touch(range.begin);
  for (const os::MappingMark mark :
       {os::MappingMark::kEven, os::MappingMark::kOdd, os::MappingMark::kNone}) {
    EXPECT_TRUE(this->os().Mark(range, mark).ok());
    EXPECT_FALSE(this->under_test_.ReadsZero(range.begin));
  }
}

TYPED_TEST(OsConformanceTest, RandomBytesDiffer) {
  std::byte first[32] = {};
  std::byte second[32] = {};
  this->os().GetRandom(first);
  this->os().GetRandom(second);
  EXPECT_NE(std::memcmp(first, second, sizeof(first)), 0);
}

TYPED_TEST(OsConformanceTest, TheClockNeverGoesBack) {
  const std::uint64_t before = this->os().MonotonicNs();
  EXPECT_GE(this->os().MonotonicNs(), before);
}

TYPED_TEST(OsConformanceTest, AMissingFileIsAnAnswer) {
  char buffer[16];
  EXPECT_EQ(this->os().ReadFile("/no/such/file", buffer).error(), Error::kUnsupported);
}

}  // namespace
}  // namespace pageward
