#include "runtime/engine/fault_report.h"

#include <gtest/gtest.h>

#include <csignal>

#include "runtime/os/linux_os.h"
#include "tests/support/domain/test_domains.h"

namespace pageward::engine {
namespace {

class FaultReportTest : public testing::Test {
 protected:
  FaultReportTest() {
    Config config;
    config.zone_bytes = std::uint64_t{1} << 30;
    PW_CHECK(engine_.Start(os_, config).ok(), Violation::kAssertion, 0);
    used_ = *engine_.runs().Allocate(4 * kFrameBytes, kFrameBytes);
    freed_ = *engine_.runs().Allocate(2 * kFrameBytes, kFrameBytes);
    engine_.runs().Free(freed_);
    engine_.runs().CloseFreedRuns();
  }

  std::string Describe(Fault fault) {
    Text<384> line;
    DescribeFault(engine_, fault, &line);
    return std::string(line.view());
  }
  std::string Describe(VirtAddr address, Fault::Kind kind) {
    return Describe(Fault{address, VirtAddr(0x1234), kind, false});
  }

  // In a program without a handler of its own. Sanitizers bring one.
  void Install() {
    std::signal(SIGSEGV, SIG_DFL);
    InstallFaultReport(engine_);
  }

  os::LinuxOs os_;
  Engine engine_;
  VirtRange used_;
  VirtRange freed_;
};

using FaultReportDeathTest = FaultReportTest;

TEST_F(FaultReportTest, FreedMemoryIsNamedWithWhatWasDoneToIt) {
  const std::string read = Describe(freed_.begin + 5000, Fault::Kind::kRead);
  EXPECT_TRUE(read.starts_with("pageward: use of freed memory: read of 0x")) << read;
  EXPECT_NE(read.find("the memory was freed and is out of reach (code at 0x1234, thread "),
            std::string::npos)
      << read;
  EXPECT_TRUE(Describe(freed_.begin, Fault::Kind::kWrite).find(": write of 0x") !=
              std::string::npos);
  EXPECT_TRUE(Describe(freed_.begin, Fault::Kind::kFetch).find(": execution of 0x") !=
              std::string::npos);
}

TEST_F(FaultReportTest, MemoryInUseIsNamedWithItsRun) {
  const std::string line = Describe(used_.begin + kFrameBytes, Fault::Kind::kWrite);
  EXPECT_TRUE(line.starts_with("pageward: fault in the heap: write of 0x")) << line;
  EXPECT_NE(line.find("in 16.0 KiB at 0x"), std::string::npos) << line;
}

TEST_F(FaultReportTest, AClosedKeyIsNamed) {
  const std::string line = Describe(Fault{used_.begin, VirtAddr(0x1234), Fault::Kind::kRead, true});
  EXPECT_NE(line.find("its protection key is closed"), std::string::npos) << line;
}

TEST_F(FaultReportTest, WhatTheHeapHasNeverUsedIsNamed) {
  const VirtRange zone = engine_.zone().range();
  EXPECT_NE(Describe(zone.begin + zone.bytes / 2, Fault::Kind::kRead).find("has never used"),
            std::string::npos);
}

TEST_F(FaultReportTest, MemoryOfADomainIsNamedWithTheDomain) {
  testing_support::PublishedToNobody nobody;
  const auto domains = engine_.StartDomains(nobody);
  ASSERT_TRUE(domains.ok());
  const auto handle = (*domains)->Create(domain::Options{.name = "accounts"});
  VirtAddr object;
  ASSERT_TRUE(handle.ok() && (*domains)->Allocate(*handle, 100, 16, &object).ok());
  EXPECT_NE(Describe(object, Fault::Kind::kRead).find(", memory of domain 'accounts', outside a"),
            std::string::npos);
  EXPECT_NE(Describe((*domains)->zone_range().begin + kPageblockBytes, Fault::Kind::kRead)
                .find(", memory of no domain"),
            std::string::npos);
  ASSERT_TRUE((*domains)->Destroy(*handle).ok());
  EXPECT_NE(Describe(object, Fault::Kind::kWrite).find(", memory of no domain"), std::string::npos);
}

TEST_F(FaultReportTest, OtherMemoryIsNotOursToExplain) {
  EXPECT_EQ(Describe(VirtAddr(0), Fault::Kind::kRead), "");
  EXPECT_EQ(Describe(engine_.zone().range().end(), Fault::Kind::kWrite), "");
}

// Spec: U17
TEST_F(FaultReportDeathTest, TheProgramDiesOfItsFaultAfterTheReport) {
  EXPECT_EXIT(
      {
        Install();
        *freed_.begin.AsPointer<volatile char>() = 1;
      },
      testing::KilledBySignal(SIGSEGV), "use of freed memory: write of 0x");
}

TEST_F(FaultReportDeathTest, AFaultOfTheProgramsOwnPassesWithoutAWord) {
  EXPECT_EXIT(
      {
        Install();
        // Behind the zone lies nothing; the compiler must not know the address.
        *engine_.zone().range().end().AsPointer<volatile char>() = 1;
      },
      testing::KilledBySignal(SIGSEGV), "^$");
}

TEST_F(FaultReportDeathTest, TheHandlerThatWasThereBeforeComesAfterTheReport) {
  EXPECT_EXIT(
      {
        std::signal(SIGSEGV, [](int) { ::_exit(42); });
        InstallFaultReport(engine_);
        *freed_.begin.AsPointer<volatile char>() = 1;
      },
      testing::ExitedWithCode(42), "use of freed memory");
}

TEST_F(FaultReportDeathTest, ASignalThatSomebodySentIsNoFault) {
  EXPECT_EXIT(
      {
        Install();
        std::raise(SIGSEGV);
      },
      testing::KilledBySignal(SIGSEGV), "^$");
}

}  // namespace
}  // namespace pageward::engine
