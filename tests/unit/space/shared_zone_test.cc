// Frames that keep their contents out of reach, on the real system.
#include "runtime/space/shared_zone.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>

#include "runtime/arch/cpu.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"
#include "tests/support/process_keys.h"
#include "tests/support/sanitizers.h"

namespace pageward::space {
namespace {

using frame::Freetype;
using frame::Mobility;
using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::ProcessKeys;
using testing_support::TryRead;
using testing_support::TryWrite;

constexpr std::uint64_t kZoneBytes = 8 * kPageblockBytes;
constexpr Freetype kMapped = Freetype::Mapped(Mobility::kUnmovable);
constexpr Freetype kUnmapped = Freetype::Unmapped();

class SharedZoneTest : public testing::TestWithParam<os::SharedMemory> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(zone_.Init(kZoneBytes, GetParam()).ok());
    if (zone_.kind() != GetParam()) {
      GTEST_SKIP() << "this kernel grants no memfd_secret";
    }
  }
  void TearDown() override { ASSERT_TRUE(os_.Unmap(zone_.range()).ok()); }

  static BlockRange Blocks(std::uint32_t begin, std::uint32_t count) {
    return BlockRange{BlockNumber(begin), count};
  }
  volatile char* At(std::uint32_t frame) const {
    return zone_.AddressOf(FrameNumber(frame)).AsPointer<volatile char>();
  }

  FaultyOs os_;
  keys::KeyBroker& keys_ = ProcessKeys(keys::KeyUse::kIfPresent);
  SharedZone zone_{os_, keys_};
};

using SharedZoneDeathTest = SharedZoneTest;

constexpr os::SharedMemory kKinds[] = {os::SharedMemory::kOrdinary, os::SharedMemory::kSecret};

std::string NameOf(const testing::TestParamInfo<os::SharedMemory>& kind) {
  return kind.param == os::SharedMemory::kSecret ? "Secret" : "Ordinary";
}

INSTANTIATE_TEST_SUITE_P(Kinds, SharedZoneTest, testing::ValuesIn(kKinds), NameOf);
INSTANTIATE_TEST_SUITE_P(Kinds, SharedZoneDeathTest, testing::ValuesIn(kKinds), NameOf);

TEST_P(SharedZoneTest, TheHomeIsUsableAtFirst) {
  EXPECT_EQ(TryWrite(zone_.range().begin), Access::kOk);
  EXPECT_EQ(TryWrite(zone_.range().end() - 1), Access::kOk);
}

TEST_P(SharedZoneTest, UnmappedBlocksFaultAtHomeAndKeepTheirContents) {
  *At(512) = 'a';
  *At(1023) = 'b';
  ASSERT_TRUE(zone_.SetVisibility(Blocks(1, 1), kUnmapped).ok());
  for (std::uint32_t frame = 512; frame < 1024; ++frame) {
    ASSERT_NE(TryRead(zone_.AddressOf(FrameNumber(frame))), Access::kOk) << frame;
  }
  EXPECT_EQ(TryRead(zone_.AddressOf(FrameNumber(511))), Access::kOk);
  EXPECT_EQ(TryRead(zone_.AddressOf(FrameNumber(1024))), Access::kOk);
  ASSERT_TRUE(zone_.SetVisibility(Blocks(1, 1), kMapped).ok());
  EXPECT_EQ(*At(512), 'a');
  EXPECT_EQ(*At(1023), 'b');
}

TEST_P(SharedZoneTest, AViewShowsExactlyItsFramesWhileTheHomeStaysClosed) {
  *At(600) = 'x';
  *At(602) = 'y';
  ASSERT_TRUE(zone_.SetVisibility(Blocks(1, 1), kUnmapped).ok());
  {
    const FrameView view(zone_, FrameRange{FrameNumber(600), FrameCount(3)});
    ASSERT_TRUE(view.IsMade());
    const auto* bytes = view.range().begin.AsPointer<volatile char>();
    EXPECT_EQ(bytes[0], 'x');
    EXPECT_EQ(bytes[2 * kFrameBytes], 'y');
    EXPECT_NE(TryRead(view.range().end()), Access::kOk);
    EXPECT_NE(TryRead(view.range().begin - 1), Access::kOk);
    EXPECT_NE(TryRead(zone_.AddressOf(FrameNumber(600))), Access::kOk);
    EXPECT_EQ(TryWrite(view.range().begin, 'z'), Access::kOk);
  }
  const FrameView again(zone_, FrameRange{FrameNumber(600), FrameCount(1)});
  ASSERT_TRUE(again.IsMade());
  EXPECT_EQ(*again.range().begin.AsPointer<volatile char>(), 'z');
}

TEST_P(SharedZoneTest, AViewIsGoneWhenItsScopeEnds) {
  VirtRange seen;
  {
    const FrameView view(zone_, FrameRange{FrameNumber(0), FrameCount(1)});
    ASSERT_TRUE(view.IsMade());
    seen = view.range();
  }
  EXPECT_NE(TryRead(seen.begin), Access::kOk);
}

// Spec: T58
TEST_P(SharedZoneTest, AViewIsOpenForItsThreadOnly) {
  if (!arch::HasOspke()) {
    GTEST_SKIP() << "no protection keys on this machine";
  }
  const FrameView view(zone_, FrameRange{FrameNumber(0), FrameCount(1)});
  ASSERT_TRUE(view.IsMade());
  // A thread that was there before the view, and so was not born with its rights.
  Access seen = Access::kOk;
  std::thread other([&] {
    const keys::AccessScope closed(keys_.ClaimedKey(keys::KeyBroker::Purpose::kView),
                                   arch::KeyAccess::kNone);
    seen = TryRead(view.range().begin);
  });
  other.join();
  EXPECT_EQ(seen, Access::kKeyDenied);
}

TEST_P(SharedZoneTest, ScrubbingZeroesThroughAViewWhileTheHomeStaysClosed) {
  *At(1024) = 's';
  *At(2047) = 's';
  ASSERT_TRUE(zone_.SetVisibility(Blocks(2, 2), kUnmapped).ok());
  ASSERT_TRUE(zone_.Scrub(Blocks(2, 2)).ok());
  EXPECT_NE(TryRead(zone_.AddressOf(FrameNumber(1024))), Access::kOk);
  ASSERT_TRUE(zone_.SetVisibility(Blocks(2, 2), kMapped).ok());
  for (std::uint32_t frame = 1024; frame < 2048; ++frame) {
    ASSERT_EQ(*At(frame), 0) << frame;
  }
}

TEST_P(SharedZoneTest, AForkChildFindsAHole) {
  *At(0) = 'p';
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::_exit(TryRead(zone_.range().begin) == Access::kNotMapped ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_P(SharedZoneTest, AViewThatCannotBeMadeLeavesNothingBehind) {
  // The alias, and opening it.
  static_cast<void>(keys_.KeyFor(keys::KeyBroker::Purpose::kView));
  for (std::uint32_t step = 0; step < 2; ++step) {
    os_.faults().FailNthCall(step, Error::kTooManyMappings);
    const FrameView view(zone_, FrameRange{FrameNumber(0), FrameCount(1)});
    EXPECT_FALSE(view.IsMade()) << step;
    os_.faults().StopFailing();
  }
  const FrameView view(zone_, FrameRange{FrameNumber(0), FrameCount(1)});
  EXPECT_TRUE(view.IsMade());
}

// A page that can't be closed again would be less protected than the freetype says.
TEST_P(SharedZoneDeathTest, AHomeThatCannotBeRestoredIsADeath) {
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kTooManyMappings);
  EXPECT_DEATH(zone_.RestoreVisibility(Blocks(0, 1), kUnmapped), "protection does not act: 0x");
}

TEST_P(SharedZoneDeathTest, AViewThatCannotBeTakenAwayIsADeath) {
  // Made in the child: a zone does not survive fork(2).
  EXPECT_DEATH(
      {
        SharedZone zone(os_, keys_);
        static_cast<void>(zone.Init(kZoneBytes, GetParam()));
        const FrameView view(zone, FrameRange{FrameNumber(0), FrameCount(1)});
        os_.faults().FailAfter(FaultyOs::Kind::kShared, 0, Error::kNoMemory);
      },
      "protection does not act: 0x");
}

TEST_P(SharedZoneTest, KeyedMemoryIsNotSharedMemory) {
  EXPECT_EQ(zone_.SetVisibility(Blocks(0, 1), Freetype::Keyed(frame::OwnerId(1))).error(),
            Error::kUnsupported);
}

// Spec: T26
TEST(SharedZoneStartTest, AFailedStartLeavesNothingMapped) {
  for (std::uint32_t step = 0; step < 6; ++step) {
    FaultyOs os;
    keys::KeyBroker& keys = ProcessKeys(keys::KeyUse::kNever);
    SharedZone zone(os, keys);
    os.faults().FailNthCall(step, Error::kNoMemory);
    EXPECT_FALSE(zone.Init(kZoneBytes, os::SharedMemory::kOrdinary).ok()) << step;
    EXPECT_EQ(zone.range().bytes, 0u);
  }
}

TEST(SharedZoneStartTest, WithoutSecretMemoryItIsOrdinary) {
  FaultyOs os;
  keys::KeyBroker& keys = ProcessKeys(keys::KeyUse::kNever);
  SharedZone zone(os, keys);
  os.faults().FailAfter(FaultyOs::Kind::kShared, 0, Error::kUnsupported, 1);
  ASSERT_TRUE(zone.Init(kZoneBytes, os::SharedMemory::kSecret).ok());
  EXPECT_EQ(zone.kind(), os::SharedMemory::kOrdinary);
  EXPECT_EQ(zone.refusal(), Error::kUnsupported);
  ASSERT_TRUE(os.Unmap(zone.range()).ok());
}

// Spec: U39
TEST(SharedZoneStartTest, MoreSecretMemoryThanMayBeLockedFailsIfItIsToBeSecret) {
  FaultyOs os;
  SharedZone zone(os, ProcessKeys(keys::KeyUse::kNever));
  const Result<VirtRange> home = os.Reserve(kZoneBytes, kPageblockBytes);
  ASSERT_TRUE(home.ok());
  // Creating it is granted; mapping it is not (RLIMIT_MEMLOCK).
  os.faults().FailAfter(FaultyOs::Kind::kShared, 1, Error::kLimit, 1);
  const Status made = zone.Init(*home, os::SharedMemory::kSecret, SharedZone::IfRefused::kFail);
  os.faults().StopFailing();
  if (made.error() == Error::kUnsupported || made.error() == Error::kNotPermitted) {
    GTEST_SKIP() << "this kernel grants no memfd_secret";
  }
  EXPECT_EQ(made.error(), Error::kLimit);
  EXPECT_EQ(zone.range().bytes, 0u);
  EXPECT_EQ(os.ReserveHole(*home).error(), Error::kInUse) << "the addresses are the caller's still";
  ASSERT_TRUE(zone.Init(*home, os::SharedMemory::kOrdinary, SharedZone::IfRefused::kFail).ok());
  zone.Release();
  ASSERT_TRUE(os.Unmap(*home).ok());
}

TEST(SharedZoneStartTest, AChildReservesTheHoleUnlessSomethingIsThere) {
  if (testing_support::kChildrenMapOnTheirOwn) {
    GTEST_SKIP() << "this sanitizer maps memory of its own in the hole";
  }
  FaultyOs os;
  SharedZone zone(os, ProcessKeys(keys::KeyUse::kNever));
  ASSERT_TRUE(zone.Init(kZoneBytes, os::SharedMemory::kOrdinary).ok());
  EXPECT_EQ(zone.ReserveAfterFork().error(), Error::kInUse) << "here it is no hole";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool is_reserved = zone.ReserveAfterFork().ok();
    const bool is_taken = os.ReserveHole(zone.range()).error() == Error::kInUse;
    ::_exit(is_reserved && is_taken && TryRead(zone.range().begin) != Access::kOk ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(os.Unmap(zone.range()).ok());
}

}  // namespace
}  // namespace pageward::space
