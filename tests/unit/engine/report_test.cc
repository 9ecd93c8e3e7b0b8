#include "runtime/engine/report.h"

#include <gtest/gtest.h>

#include "runtime/os/linux_os.h"

namespace pageward::engine {
namespace {

class ReportTest : public testing::Test {
 protected:
  void Start(Profile profile = Profile::kStandard) {
    Config config;
    config.zone_bytes = std::uint64_t{1} << 30;
    config.profile = profile;
    ASSERT_TRUE(engine_.Start(os_, config).ok());
  }
  std::string Report(const HeapFigures& heap = {}) {
    Text<8192> text;
    WriteReport(engine_, heap, &text);
    return std::string(text.view());
  }
  static bool Has(const std::string& report, std::string_view part) {
    return report.find(part) != std::string::npos;
  }

  os::LinuxOs os_;
  Engine engine_;
};

TEST_F(ReportTest, ItBeginsWithWhoseItIs) {
  Start();
  const std::string report = Report();
  EXPECT_TRUE(report.starts_with("pageward: report of unit_engine (process ")) << report;
  EXPECT_TRUE(Has(report, "), profile standard\n")) << report;
}

TEST_F(ReportTest, ItSaysWhatTheRunsDid) {
  Start();
  const VirtRange kept = *engine_.runs().Allocate(2 * kPageblockBytes, kFrameBytes);
  const VirtRange freed = *engine_.runs().Allocate(3 * kFrameBytes, kFrameBytes);
  engine_.runs().Free(freed);
  engine_.runs().CloseFreedRuns();
  const std::string report = Report({.live_bytes = 5 << 20, .arenas = 3, .threads = 2});
  EXPECT_TRUE(Has(report, "5.0 MiB in objects, 0 B cached by 2 threads, in 3 arenas")) << report;
  EXPECT_TRUE(Has(report, "4.0 MiB in use, at most 4.0 MiB; 2 allocated, 1 freed")) << report;
  EXPECT_TRUE(Has(report, "12.0 KiB now, 12.0 KiB in all")) << report;
  EXPECT_TRUE(Has(report, "1.0 GiB reserved")) << report;
  engine_.runs().Free(kept);
}

TEST_F(ReportTest, ItNamesTheTierOfEachAsset) {
  Start();
  const std::string report = Report();
  for (std::size_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    Text<64> expected;
    expected.Append(NameOf(asset)).Append(": ").Append(NameOf(engine_.TierOf(asset)));
    EXPECT_TRUE(Has(report, expected.view())) << report;
  }
}

TEST_F(ReportTest, WhatIsFreedAndStillInReachIsSaid) {
  Start();
  engine_.runs().Free(*engine_.runs().Allocate(2 * kFrameBytes, kFrameBytes));
  EXPECT_TRUE(Has(Report(), "freed, in reach       8.0 KiB of small runs; 0 were used"))
      << Report();
  ASSERT_TRUE(engine_.runs().TryReuse(2 * kFrameBytes, kFrameBytes).has_value());
  EXPECT_TRUE(Has(Report(), "freed, in reach       0 B of small runs; 1 were used")) << Report();
}

TEST_F(ReportTest, OnlyTheStrictProfileHasAQuarantine) {
  Start(Profile::kStrict);
  engine_.runs().Free(*engine_.runs().Allocate(2 * kFrameBytes, kFrameBytes));
  EXPECT_TRUE(Has(Report(), "quarantine            8.0 KiB waiting")) << Report();
  EXPECT_FALSE(Has(Report(), "freed, in reach")) << Report();
}

TEST_F(ReportTest, EveryLineIsAlignedAndShort) {
  Start();
  std::string_view rest = Text<8192>().view();
  const std::string report = Report();
  rest = report;
  static_cast<void>(TakeUpTo('\n', &rest));
  while (!rest.empty()) {
    const std::string_view line = TakeUpTo('\n', &rest);
    EXPECT_TRUE(line.starts_with("  ")) << line;
    EXPECT_LE(line.size(), 120u) << line;
    EXPECT_EQ(line[23], ' ') << line;
    EXPECT_NE(line[24], ' ') << line;
  }
}

}  // namespace
}  // namespace pageward::engine
