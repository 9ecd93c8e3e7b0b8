// The composition on the real system. What the parts do is tested with them.
#include "runtime/engine/engine.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "runtime/arch/cpu.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::engine {
namespace {

using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::TryRead;

class EngineTest : public testing::Test {
 protected:
  static Config SmallZone() {
    Config config;
    config.zone_bytes = std::uint64_t{1} << 30;
    return config;
  }
  Status Start(const Config& config) { return engine_.Start(os_, config); }

  static std::uint64_t AddressesInUse() {
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * kFrameBytes;
  }
  static Tier KeyTier() { return arch::HasOspke() ? Tier::kPku : Tier::kMprotect; }

  FaultyOs os_;
  Engine engine_;
};

TEST_F(EngineTest, RunsComeFromAZoneOfTheSizeThatWasAskedFor) {
  EXPECT_FALSE(engine_.IsStarted());
  ASSERT_TRUE(Start(SmallZone()).ok());
  EXPECT_TRUE(engine_.IsStarted());
  EXPECT_EQ(engine_.zone().range().bytes, std::uint64_t{1} << 30);
  const Result<VirtRange> run = engine_.runs().Allocate(3 * kFrameBytes, kFrameBytes);
  ASSERT_TRUE(run.ok());
  EXPECT_TRUE(engine_.zone().range().Contains(run->begin));
  EXPECT_EQ(engine_.MakeObjectMap().range(), engine_.zone().range());
  engine_.runs().Free(*run);
  engine_.runs().CloseFreedRuns();
  EXPECT_NE(TryRead(run->begin), Access::kOk);
}

TEST_F(EngineTest, LeavesLieInPageblocksOfTheZoneIfTheyShall) {
  Config config = SmallZone();
  config.leaves_in = LeavesIn::kPageblocks;
  ASSERT_TRUE(Start(config).ok());
  const Result<VirtRange> run = engine_.runs().Allocate(3 * kFrameBytes, kFrameBytes);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(engine_.frames().counters().leaves, 1u);
  EXPECT_EQ(engine_.FindMetadata(run->begin), nullptr);
  const VirtRange zone = engine_.zone().range();
  const MetadataPart* part = nullptr;
  for (VirtAddr at = zone.begin; at < zone.end() && part == nullptr; at = at + kPageblockBytes) {
    part = engine_.FindMetadata(at + 17);
  }
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->name, "the leaves of the frame table");
  EXPECT_EQ(part->range.bytes, kPageblockBytes);
  // A table page is no run of the heap's, whatever somebody believes.
  EXPECT_FALSE(engine_.runs().RunContaining(part->range.begin));
  EXPECT_FALSE(engine_.runs().TryAllocateAt(part->range.begin, kFrameBytes));
}

using EngineDeathTest = EngineTest;

TEST_F(EngineDeathTest, APageblockOfLeavesIsNotFreedAsARun) {
  Config config = SmallZone();
  config.leaves_in = LeavesIn::kPageblocks;
  ASSERT_TRUE(Start(config).ok());
  ASSERT_TRUE(engine_.runs().Allocate(3 * kFrameBytes, kFrameBytes).ok());
  const VirtRange zone = engine_.zone().range();
  VirtRange leaves;
  for (VirtAddr at = zone.begin; at < zone.end() && leaves.bytes == 0; at = at + kPageblockBytes) {
    const MetadataPart* part = engine_.FindMetadata(at);
    leaves = part == nullptr ? VirtRange{} : part->range;
  }
  ASSERT_EQ(leaves.bytes, kPageblockBytes);
  EXPECT_DEATH(engine_.runs().Free(leaves), "double free");
}

TEST_F(EngineTest, LeavesLieBesideTheZoneIfTheyShall) {
  Config config = SmallZone();
  config.leaves_in = LeavesIn::kTable;
  ASSERT_TRUE(Start(config).ok());
  ASSERT_TRUE(engine_.runs().Allocate(3 * kFrameBytes, kFrameBytes).ok());
  EXPECT_EQ(engine_.frames().counters().leaves, 1u);
  EXPECT_EQ(engine_.frames().counters().free_frames[frame::Visibility::kKeyed], FrameCount(0));
  EXPECT_EQ(engine_.FindMetadata(engine_.zone().range().begin), nullptr);
}

// Leaves come in again and again while processes are made: no child inherits half a refill.
TEST_F(EngineTest, AChildOfForkCanTakeLeaves) {
  Config config = SmallZone();
  config.leaves_in = LeavesIn::kPageblocks;
  ASSERT_TRUE(Start(config).ok());
  std::atomic<bool> stops{false};
  std::thread other([&] {
    while (!stops) {
      const Result<VirtRange> run = engine_.runs().Allocate(3 * kPageblockBytes / 2, kFrameBytes);
      if (run.ok()) {
        engine_.runs().Free(*run);
      }
    }
  });
  for (int i = 0; i < 20; ++i) {
    engine_.PrepareFork();
    const pid_t child = ::fork();
    if (child == 0) {
      keys::ThreadState thread = {};
      engine_.ChildAfterFork(thread);
      bool has_runs = true;
      for (std::uint64_t pages = 1; pages < 600; pages += 150) {
        has_runs = has_runs && engine_.runs().Allocate(pages * kFrameBytes, kFrameBytes).ok();
      }
      ::_exit(has_runs ? 0 : 1);
    }
    engine_.ParentAfterFork();
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  stops = true;
  other.join();
}

TEST_F(EngineTest, WithoutAddressesItDoesNotStart) {
  os_.faults().FailAfter(FaultyOs::Kind::kReserve, 0, Error::kNoAddressSpace);
  os_.faults().FailAfter(FaultyOs::Kind::kMap, 0, Error::kNoAddressSpace);
  EXPECT_EQ(Start(SmallZone()).error(), Error::kNoAddressSpace);
  EXPECT_FALSE(engine_.IsStarted());
}

// Spec: U39
TEST_F(EngineTest, UnderAnAddressLimitTheZoneLeavesRoomForTheProgram) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Zones are never given back, so what cases before this one took counts too.
    const rlim_t bytes = AddressesInUse() + (std::uint64_t{16} << 30);
    const rlimit limit = {bytes, bytes};
    ::setrlimit(RLIMIT_AS, &limit);
    Config config;
    config.zone_bytes = std::uint64_t{1} << 40;
    const bool starts = Start(config).ok();
    ::_exit(starts && engine_.zone().range().bytes <= bytes / 2 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(EngineTest, EachAssetHasATierOfItsOwn) {
  ASSERT_TRUE(Start(SmallZone()).ok());
  EXPECT_EQ(engine_.TierOf(Asset::kMetadata), Tier::kOff);
  EXPECT_EQ(engine_.TierOf(Asset::kFreed), KeyTier());
  const Tier unmapped = engine_.TierOf(Asset::kUnmapped);
  EXPECT_TRUE(unmapped == Tier::kSecretmem || unmapped == KeyTier());
}

// Spec: U9
TEST_F(EngineTest, WhatIsSwitchedOffIsNotClaimed) {
  Config config = SmallZone();
  config.uses_keys = false;
  config.uses_secretmem = false;
  ASSERT_TRUE(Start(config).ok());
  EXPECT_EQ(engine_.TierOf(Asset::kFreed), Tier::kMprotect);
  EXPECT_EQ(engine_.TierOf(Asset::kDomain), Tier::kMprotect);
  EXPECT_EQ(engine_.TierOf(Asset::kUnmapped), Tier::kMprotect);
}

TEST_F(EngineTest, TheProfileOffClaimsNothing) {
  Config config = SmallZone();
  config.profile = Profile::kOff;
  ASSERT_TRUE(Start(config).ok());
  for (std::size_t i = 0; i < kAssetCount; ++i) {
    EXPECT_EQ(engine_.TierOf(static_cast<Asset>(i)), Tier::kOff);
  }
  const Result<VirtRange> run = engine_.runs().Allocate(kFrameBytes, kFrameBytes);
  ASSERT_TRUE(run.ok());
  engine_.runs().Free(*run);
  EXPECT_EQ(TryRead(run->begin), Access::kOk);
}

// Spec: U8
TEST_F(EngineTest, TheFirstRequirementThatIsNotMetIsNamed) {
  Config config = SmallZone();
  config.uses_keys = false;
  config.required.Set(Asset::kFreed, Tier::kMprotect);
  ASSERT_TRUE(Start(config).ok());
  EXPECT_EQ(engine_.FirstUnmetRequirement(), std::nullopt);
  Engine strict;
  config.required.Set(Asset::kFreed, Tier::kPku);
  ASSERT_TRUE(strict.Start(os_, config).ok());
  EXPECT_EQ(strict.FirstUnmetRequirement(), Asset::kFreed);
}

TEST_F(EngineTest, TheMeansOfFreedMemoryIsThatOfTheConfiguration) {
  const struct {
    FreedBy chosen;
    bool uses_guards;
    space::GoneBy expected;
  } kCases[] = {
      {FreedBy::kBest, true, space::GoneBy::kGuardMarkers},
      {FreedBy::kBest, false, space::GoneBy::kProtection},
      {FreedBy::kGuard, false, space::GoneBy::kGuardMarkers},
      {FreedBy::kProtection, true, space::GoneBy::kProtection},
      {FreedBy::kPageblock, true, space::GoneBy::kPageblock},
  };
  for (const auto& test : kCases) {
    Engine engine;
    Config config = SmallZone();
    config.freed_by = test.chosen;
    config.uses_guards = test.uses_guards;
    ASSERT_TRUE(engine.Start(os_, config).ok());
    EXPECT_EQ(engine.zone().gone_by(), test.expected);
  }
}

// Spec: U5
TEST_F(EngineTest, AForkChildCanUseEveryPartAtOnce) {
  Config config = SmallZone();
  config.profile = Profile::kStrict;
  ASSERT_TRUE(Start(config).ok());
  const Result<VirtRange> run = engine_.runs().Allocate(kFrameBytes, kFrameBytes);
  engine_.PrepareFork();
  const pid_t child = ::fork();
  if (child == 0) {
    keys::ThreadState thread = {};
    engine_.ChildAfterFork(thread);
    engine_.runs().Free(*run);
    ::_exit(engine_.runs().Allocate(kFrameBytes, kFrameBytes).ok() ? 0 : 1);
  }
  engine_.ParentAfterFork();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(TryRead(run->begin), Access::kOk);
  engine_.runs().Free(*run);
}

}  // namespace
}  // namespace pageward::engine
