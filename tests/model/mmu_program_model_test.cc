// Long random programs on the software MMU agree with a slow, obvious reference. The oracle runs
// the same programs on an MMU of independent origin (docs/oracle.md).
#include <gtest/gtest.h>

#include <iostream>

#include "tests/support/ptable/mmu_comparison.h"
#include "tests/support/ptable/mmu_program_writer.h"
#include "tests/support/ptable/software_machine.h"

namespace pageward::ptable {
namespace {

using testing_support::Compare;
using testing_support::ComparisonReport;
using testing_support::FlushDiscipline;
using testing_support::MmuProgram;
using testing_support::MmuProgramWriter;
using testing_support::ProgramShape;
using testing_support::RunInSoftware;
using testing_support::SeededNumbers;
using testing_support::Summarize;

ComparisonReport RunProgram(std::uint64_t seed, const ProgramShape& shape) {
  SeededNumbers numbers(seed);
  MmuProgramWriter writer(numbers, shape);
  writer.Write(4000);
  const MmuProgram& program = writer.program();
  ComparisonReport report = Compare(program, RunInSoftware(program));
  std::cout << Summarize(report) << '\n';
  for (const std::string& example : report.examples) {
    ADD_FAILURE() << "seed " << seed << ": " << example;
  }
  return report;
}

class MmuProgramModelTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(MmuProgramModelTest, CoherentProgramsAgreeWithTheReference) {
  ProgramShape shape;
  shape.levels = GetParam() % 2 == 0 ? 4 : 5;
  shape.has_pcids = GetParam() % 3 != 0;
  EXPECT_EQ(RunProgram(GetParam(), shape).unflushed, 0u);
}

TEST_P(MmuProgramModelTest, ProgramsThatDoNotFlushEndAsTheTablesAreOrWere) {
  ProgramShape shape;
  shape.flushes = FlushDiscipline::kRandom;
  shape.levels = GetParam() % 2 == 0 ? 4 : 5;
  shape.has_pcids = GetParam() % 3 != 0;
  shape.walk_caching = WalkCaching::kOff;
  EXPECT_GT(RunProgram(GetParam(), shape).unflushed, 500u);
}

TEST_P(MmuProgramModelTest, RememberedTablesLeadToMixturesOfTheTablesAsTheyWere) {
  ProgramShape shape;
  shape.flushes = FlushDiscipline::kRandom;
  shape.has_pcids = GetParam() % 3 != 0;
  EXPECT_GT(RunProgram(GetParam(), shape).unflushed, 500u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MmuProgramModelTest, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace pageward::ptable
