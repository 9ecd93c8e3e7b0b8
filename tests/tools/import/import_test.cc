// From a file to a report, as `pageward sim --import` does it.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/tools/text_file.h"
#include "tools/pageward/command/failure.h"
#include "tools/pageward/sim/axes.h"
#include "tools/pageward/sim/inputs.h"

namespace pageward::tool {
namespace {

using testing_support::TextFile;
// Test has something of that name, too.
using OneRun = Run;

// A process on processor 1 touches 1024 pages, 512 of them go, and the kernel has pages of its own.
std::string SmallTrace() {
  std::string text;
  const auto event = [&](int cpu, const std::string& rest) {
    text += "redis-server 14 [00" + std::to_string(cpu) + "] 7.5: kmem:mm_page_" + rest + "\n";
  };
  for (int page = 0; page < 1024; ++page) {
    const std::string pfn = " page=0x1 pfn=" + std::to_string(5000 + page) + " order=0";
    event(1, "alloc:" + pfn + " migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_ZERO");
  }
  event(0, "alloc: page=0x1 pfn=0x8000 order=3 migratetype=0 gfp_flags=GFP_KERNEL");
  event(2, "free: page=0x1 pfn=0x9000 order=0");
  for (int page = 0; page < 512; ++page) {
    event(1, "free: page=0x1 pfn=" + std::to_string(5000 + page) + " order=0");
  }
  return text;
}

SimRequest RequestOf(const TextFile& file, const AxisTexts& texts) {
  SimRequest request{file.path(), PointsOf(texts), sim::CostModel(), nullptr};
  for (const auto& [axis, text] : texts) {
    request.given.insert(axis);
  }
  return request;
}

std::string RefusalOf(const SimRequest& request) {
  try {
    RunImportFile(request);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return {};
}

std::uint64_t CountIn(const OneRun& run, std::string_view name) {
  const auto found = std::find_if(run.counts.begin(), run.counts.end(),
                                  [&](const Count& count) { return count.name == name; });
  return found == run.counts.end() ? ~std::uint64_t{0} : found->times;
}

std::string ValueIn(const OneRun& run, std::string_view name) {
  for (const Setting& setting : run.settings) {
    if (setting.name == name) {
      return setting.value;
    }
  }
  return {};
}

TEST(ImportTest, ATraceIsReplayedUnderEachPolicyAndCompared) {
  const TextFile file(SmallTrace());
  const Report report = RunImportFile(RequestOf(file, {{"conversion", "all"}}));
  ASSERT_EQ(report.runs.size(), 3u);
  for (const OneRun& run : report.runs) {
    EXPECT_EQ(CountIn(run, "trace-allocations"), 1025u);
    EXPECT_EQ(CountIn(run, "trace-frees"), 513u);
    EXPECT_EQ(CountIn(run, "trace-unmatched-frees"), 1u);
    EXPECT_EQ(CountIn(run, "replay-hidden"), 1024u);
    EXPECT_EQ(CountIn(run, "replay-failed"), 0u);
    EXPECT_EQ(ValueIn(run, "hide"), "user");
    EXPECT_EQ(ValueIn(run, "cpus"), "3");
    EXPECT_EQ(ValueIn(run, "ram"), "1G");
    EXPECT_FALSE(run.blocks.empty());
    EXPECT_TRUE(std::any_of(run.remarks.begin(), run.remarks.end(), [](const std::string& text) {
      return text.find("before the trace began") != std::string::npos;
    }));
  }
  const OneRun& adhoc = report.runs[0];
  const OneRun& grouped = report.runs[1];
  EXPECT_EQ(CountIn(grouped, "conversions"), 2u);
  EXPECT_EQ(CountIn(adhoc, "conversions"), 0u);
  EXPECT_GE(CountIn(adhoc, "presence-changes"), 1024u + 512u);
  EXPECT_LT(grouped.cycles.nominal, adhoc.cycles.nominal);
  EXPECT_EQ(report.comparisons.size(), 2u);
  EXPECT_FALSE(report.modelled.empty());
  EXPECT_FALSE(report.not_modelled.empty());
}

TEST(ImportTest, BothToolsTextsOfTheSameEventsGiveTheSameCounts) {
  const std::string perf = SmallTrace();
  std::string trace_cmd = "cpus=4\n";
  for (std::size_t at = 0; at < perf.size();) {
    const std::size_t end = perf.find('\n', at);
    std::string line = perf.substr(at, end - at);
    line.replace(line.find("kmem:"), 5, "");
    line.replace(0, std::string("redis-server 14 ").size(), "   redis-server-14    ");
    trace_cmd += line + "\n";
    at = end + 1;
  }
  const TextFile a(perf);
  const TextFile b(trace_cmd);
  const Report first = RunImportFile(RequestOf(a, {}));
  const Report second = RunImportFile(RequestOf(b, {}));
  ASSERT_EQ(first.runs[0].counts.size(), second.runs[0].counts.size());
  for (std::size_t i = 0; i < first.runs[0].counts.size(); ++i) {
    EXPECT_EQ(first.runs[0].counts[i].times, second.runs[0].counts[i].times)
        << first.runs[0].counts[i].name;
  }
}

TEST(ImportTest, ARuleThatHidesNothingSaysSo) {
  const TextFile file(SmallTrace());
  SimRequest request = RequestOf(file, {});
  request.hide = "gfp:__GFP_UNMAPPED";
  const Report report = RunImportFile(request);
  EXPECT_EQ(CountIn(report.runs[0], "replay-hidden"), 0u);
  EXPECT_NE(report.runs[0].remarks.back().find("no allocation was hidden"), std::string::npos);
}

TEST(ImportTest, ACutOffLastLineIsARemark) {
  const TextFile file(SmallTrace() + "redis-server 14 [001] 9.5: kmem:mm_page_free: page=0x1 pf");
  const Report report = RunImportFile(RequestOf(file, {}));
  EXPECT_EQ(CountIn(report.runs[0], "trace-frees"), 513u);
  EXPECT_TRUE(std::any_of(
      report.runs[0].remarks.begin(), report.runs[0].remarks.end(),
      [](const std::string& text) { return text.find("cut off") != std::string::npos; }));
}

TEST(ImportTest, FewerProcessorsThanTheTraceHasAreSharedAndToldOf) {
  const TextFile file(SmallTrace());
  const Report report = RunImportFile(RequestOf(file, {{"cpus", "2"}}));
  EXPECT_EQ(ValueIn(report.runs[0], "cpus"), "2");
  EXPECT_TRUE(std::any_of(
      report.runs[0].remarks.begin(), report.runs[0].remarks.end(),
      [](const std::string& text) { return text.find("3 processors") != std::string::npos; }));
}

TEST(ImportTest, BadInputIsRefusedInOneLineThatSaysWhatIsWrong) {
  const TextFile empty("");
  EXPECT_NE(RefusalOf(RequestOf(empty, {})).find("no allocation of pages"), std::string::npos);
  const TextFile foreign("some text\nof another kind\n");
  EXPECT_NE(RefusalOf(RequestOf(foreign, {})).find("no allocation of pages"), std::string::npos);
  const TextFile only_frees("a 1 [000] 1.5: kmem:mm_page_free: page=0x1 pfn=5 order=0\n");
  EXPECT_NE(RefusalOf(RequestOf(only_frees, {})).find("no allocation of pages"), std::string::npos);
  const TextFile trace(SmallTrace());
  SimRequest bad_rule = RequestOf(trace, {});
  bad_rule.hide = "everything";
  EXPECT_NE(RefusalOf(bad_rule).find("--hide everything"), std::string::npos);
  const TextFile missing("");
  SimRequest nowhere = RequestOf(missing, {});
  nowhere.input += "-not-there";
  EXPECT_NE(RefusalOf(nowhere).find("No such file"), std::string::npos);
}

TEST(ImportTest, RamThatCannotHoldTheTraceIsRefused) {
  std::string text;
  for (int block = 0; block < 32; ++block) {
    text += "a 1 [000] 1.5: kmem:mm_page_alloc: page=0x1 pfn=" + std::to_string(block * 1024) +
            " order=10 migratetype=1 gfp_flags=GFP_HIGHUSER\n";
  }
  const TextFile file(text);
  EXPECT_NE(RefusalOf(RequestOf(file, {{"ram", "64M"}})).find("--ram: 64M is too small"),
            std::string::npos);
}

}  // namespace
}  // namespace pageward::tool
