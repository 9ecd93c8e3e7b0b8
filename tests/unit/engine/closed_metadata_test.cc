// Closing an engine's metadata, and what happens to those who write it all the same. One engine for
// the process: keys are never given back, and there are only 15.
#include <gtest/gtest.h>

#include <csetjmp>
#include <csignal>
#include <set>
#include <string_view>

#include "runtime/arch/cpu.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/fault_report.h"
#include "runtime/engine/report.h"
#include "runtime/keys/gate.h"
#include "tests/support/memory_probe.h"
#include "tests/support/open_metadata.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::engine {
namespace {

using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::TryRead;
using testing_support::TryWrite;

// What another library's metadata is: reserved, and not accessible before it is closed.
struct World {
  FaultyOs os;
  Engine engine;
  VirtRange other;
  Status closed = Error::kUnsupported;
  bool failed_cleanly = true;
  World* former = nullptr;

  World() {
    Config config;
    config.zone_bytes = std::uint64_t{1} << 30;
    PW_CHECK(engine.Start(os, config).ok(), Violation::kAssertion, 1);
    other = *os.Reserve(4 * kFrameBytes, kFrameBytes);
    const MetadataPart part = {other, "another library's metadata", os::Protection::kNone};
    // The claim, which is remembered, comes first; then every change of protection fails in turn.
    if (engine.keys().KeyFor(keys::KeyBroker::Purpose::kMetadata).ok()) {
      for (std::uint32_t successes = 0; successes < 4; ++successes) {
        os.faults().FailAfter(FaultyOs::Kind::kProtect, successes, Error::kNoMemory, 1);
        failed_cleanly = failed_cleanly && !engine.CloseMetadata({&part, 1}).ok() &&
                         !engine.metadata_key() && engine.TierOf(Asset::kMetadata) == Tier::kOff;
        testing_support::OpenMetadata(os);
      }
      // Also after that the first leaves can't be had: there is no zone to take them from.
      os.faults().FailAfter(FaultyOs::Kind::kProtect, 4, Error::kNoMemory);
      failed_cleanly =
          failed_cleanly && !engine.CloseMetadata({&part, 1}).ok() && !engine.metadata_key();
      os.faults().StopFailing();
      testing_support::OpenMetadata(os);
    }
    closed = engine.CloseMetadata({&part, 1});
    if (closed.ok()) {
      PW_CHECK(os.Protect(VirtRange{other.begin, 2 * kFrameBytes}, os::Protection::kReadWrite).ok(),
               Violation::kAssertion, 2);
    }
    const keys::Gate gate;
    PW_CHECK(engine.runs().Allocate(3 * kFrameBytes, kFrameBytes).ok(), Violation::kAssertion, 3);
  }
};

// Metadata is closed for the process: put back for the tests of other files.
class ClosedMetadataTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto* const world = new World;
    world->former = world_;  // An engine is never destroyed.
    world_ = world;
  }
  static void TearDownTestSuite() { testing_support::OpenMetadata(world_->os); }
  void SetUp() override {
    if (!arch::HasOspke()) {
      GTEST_SKIP() << "no protection keys on this machine";
    }
  }

  static Engine& TheEngine() { return world_->engine; }
  static VirtAddr SomeRecord() {
    const MetadataPart* part = TheEngine().FindMetadata(VirtAddr(0));
    EXPECT_EQ(part, nullptr);
    return world_->other.begin + 64;
  }

  static World* world_;
};

World* ClosedMetadataTest::world_ = nullptr;

class MetadataTest : public ClosedMetadataTest {
 protected:
  void SetUp() override {}
};

// Spec: U9
TEST_F(MetadataTest, ItIsClosedExactlyWhereThereAreKeys) {
  EXPECT_EQ(world_->closed.ok(), arch::HasOspke());
  EXPECT_EQ(TheEngine().metadata_key().has_value(), arch::HasOspke());
  EXPECT_EQ(TheEngine().TierOf(Asset::kMetadata), arch::HasOspke() ? Tier::kPku : Tier::kOff);
  EXPECT_EQ(keys::IsMetadataClosed(), arch::HasOspke());
}

TEST_F(MetadataTest, WithoutKeysTheReportClaimsNothing) {
  Text<8192> text;
  const keys::Gate gate;
  WriteReport(TheEngine(), HeapFigures{}, &text);
  EXPECT_EQ(text.view().find("closed metadata") != std::string_view::npos, arch::HasOspke());
}

TEST_F(ClosedMetadataTest, AFailureOfAnyChangeLeavesItOpen) {
  EXPECT_TRUE(world_->failed_cleanly);
}

// Spec: T70
TEST_F(ClosedMetadataTest, EveryPageOfTheTablesCanBeReadAndNotWritten) {
  const VirtRange zone = TheEngine().zone().range();
  std::uint64_t usable_pages = 0;
  std::set<std::string_view> names;
  // The tables lie below the zone, which is aligned to its size: at most so much further below.
  // Leaves lie in it.
  for (VirtAddr at = zone.begin - 2 * zone.bytes; at < zone.end(); at = at + kFrameBytes) {
    const MetadataPart* part = TheEngine().FindMetadata(at);
    if (part == nullptr) {
      continue;
    }
    names.insert(part->name);
    ASSERT_EQ(TryRead(at), Access::kOk) << part->name;
    ASSERT_EQ(TryWrite(at), Access::kKeyDenied) << part->name;
    // With the key open, what is not in use yet is read-only all the same.
    const keys::Gate gate;
    const auto same = *at.AsPointer<const volatile std::uint8_t>();
    usable_pages += TryWrite(at, same) == Access::kOk ? 1u : 0u;
  }
  EXPECT_TRUE(names.contains("the classes of objects"));
  EXPECT_TRUE(names.contains("the leaves of the frame table"));
  EXPECT_EQ(usable_pages * kFrameBytes, TheEngine().ClosedTableBytes());
}

TEST_F(ClosedMetadataTest, WhatBecomesUsableLaterIsClosed) {
  EXPECT_EQ(TryRead(world_->other.begin), Access::kOk);
  EXPECT_EQ(TryWrite(world_->other.begin), Access::kKeyDenied);
  const keys::Gate gate;
  EXPECT_EQ(TryWrite(world_->other.begin), Access::kOk);
}

TEST_F(ClosedMetadataTest, TheHeapWorksInsideTheGateAndNotOutside) {
  Engine& engine = TheEngine();
  const keys::Gate gate;
  const Result<VirtRange> run = engine.runs().Allocate(5 * kFrameBytes, kFrameBytes);
  ASSERT_TRUE(run.ok());
  {
    const keys::BaselineScope closed;
    EXPECT_EQ(TryWrite(run->begin), Access::kOk);
  }
  engine.runs().Free(*run);
}

using ClosedMetadataDeathTest = ClosedMetadataTest;

TEST_F(ClosedMetadataDeathTest, AWriterDiesWithAReportOfWhatItHit) {
  EXPECT_EXIT(
      {
        std::signal(SIGSEGV, SIG_DFL);
        InstallFaultReport(TheEngine());
        *SomeRecord().AsPointer<volatile char>() = 1;
      },
      testing::KilledBySignal(SIGSEGV),
      "^pageward: write to metadata: write of 0x[0-9a-f]+, 64 bytes into another library's "
      "metadata; protection key [0-9]+ is closed for writing outside the heap's gate \\(code at "
      "0x[0-9a-f]+, thread [0-9]+\\)\n$");
}

TEST_F(ClosedMetadataDeathTest, TheProgramsOwnHandlerIsNotAsked) {
  EXPECT_EXIT(
      {
        std::signal(SIGSEGV, [](int) { ::_exit(42); });
        InstallFaultReport(TheEngine());
        *SomeRecord().AsPointer<volatile char>() = 1;
      },
      testing::KilledBySignal(SIGSEGV), "write to metadata");
}

sigjmp_buf g_back;

// A program that leaves its handlers by a jump goes on with every key closed.
TEST_F(ClosedMetadataDeathTest, AThreadThatHasLostItsBaselineGetsItBackToReadAndNoMore) {
  EXPECT_EXIT(
      {
        std::signal(SIGSEGV, SIG_DFL);
        InstallFaultReport(TheEngine());
        if (sigsetjmp(g_back, 1) == 0) {
          std::signal(SIGUSR1, [](int) { siglongjmp(g_back, 1); });
          std::raise(SIGUSR1);
        }
        const arch::Pkey key = *TheEngine().metadata_key();
        const bool was_lost = arch::ReadPkru().AccessOf(key) == arch::KeyAccess::kNone;
        static_cast<void>(*SomeRecord().AsPointer<volatile char>());
        const bool is_back = arch::ReadPkru().AccessOf(key) == arch::KeyAccess::kReadOnly;
        ::_exit(was_lost && is_back && RepairedFaults() == 1 && UngatedWrites() == 0 ? 42 : 1);
      },
      testing::ExitedWithCode(42), "^$");
}

TEST_F(ClosedMetadataDeathTest, AWriteWithoutBaselineIsNotRepaired) {
  EXPECT_EXIT(
      {
        std::signal(SIGSEGV, SIG_DFL);
        InstallFaultReport(TheEngine());
        arch::WritePkru(arch::kInitialPkru);
        *SomeRecord().AsPointer<volatile char>() = 1;
      },
      testing::KilledBySignal(SIGSEGV), "write to metadata");
}

// The last one of its suite: what is sealed stays so.
TEST_F(ClosedMetadataTest, SealedItGrowsAndItsMappingsStay) {
  const keys::Gate gate;
  const Status sealed = TheEngine().SealParts({&world_->other, 1});
  if (!sealed.ok() && sealed.error() == Error::kUnsupported) {
    GTEST_SKIP() << "this kernel has no mseal (Linux 6.10)";
  }
  ASSERT_TRUE(sealed.ok());
  for (const FaultyOs::Kind kind : {FaultyOs::Kind::kProtect, FaultyOs::Kind::kSeal}) {
    world_->os.faults().FailAfter(kind, 0, Error::kNoMemory, 1);
    EXPECT_EQ(TheEngine().SealTables().error(), Error::kNoMemory);
    EXPECT_EQ(TheEngine().TierOf(Asset::kMetadata), Tier::kPku);
  }
  ASSERT_TRUE(TheEngine().SealTables().ok());
  EXPECT_EQ(TheEngine().TierOf(Asset::kMetadata), Tier::kSealed);
  EXPECT_TRUE(TheEngine().runs().Allocate(std::uint64_t{64} << 20, kFrameBytes).ok());
  EXPECT_EQ(world_->os.Protect(world_->other, os::Protection::kReadWrite).error(),
            Error::kNotPermitted);
}

}  // namespace
}  // namespace pageward::engine
