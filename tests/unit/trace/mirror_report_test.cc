#include "runtime/trace/mirror_report.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "runtime/sim/cost_model.h"
#include "tests/support/trace/test_mirror.h"
#include "tests/support/trace/traffic.h"

namespace pageward::trace {
namespace {

TEST(MirrorReportTest, EveryCountThatIsNotZeroHasALine) {
  testing_support::TestMirror mirror;
  for (const TraceEvent& event : testing_support::RandomTraffic(1, 500)) {
    mirror->Apply(event);
  }
  Text<8192> text;
  WriteMirrorReport(*mirror, "program", 42, &text);
  EXPECT_FALSE(text.IsTruncated());
  const std::string report(text.view());
  EXPECT_EQ(report.find("pageward: simulated kernel of program (process 42), 256.0 MiB, 4 "), 0u);
  const sim::Counts counts = mirror->counts();
  for (unsigned i = 0; i < sim::kPrimitiveCount; ++i) {
    const auto primitive = static_cast<sim::Primitive>(i);
    const std::string line = "\n  " + std::string(sim::NameOf(primitive)) + " ";
    EXPECT_EQ(report.find(line) != std::string::npos, counts[primitive] > 0) << line;
  }
  const auto cycles = static_cast<std::uint64_t>(sim::CostModel().Cycles(counts));
  EXPECT_NE(report.find("modelled cycles       " + std::to_string(cycles) + " ("),
            std::string::npos)
      << report;
}

TEST(MirrorReportTest, EveryKindOfEventHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i < extent::kRunEventKindCount; ++i) {
    names.insert(NameOf(static_cast<extent::RunEventKind>(i)));
  }
  EXPECT_EQ(names.size(), extent::kRunEventKindCount);
}

}  // namespace
}  // namespace pageward::trace
