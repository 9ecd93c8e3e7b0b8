// Programs for the software MMU, chosen by libFuzzer or replayed from the corpus.
//
// Each input is a program of tests/support/ptable/mmu_program_writer.h, written as the numbers it
// is drawn from. An end that the reference does not allow, or a death, is a finding.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <span>

#include "tests/support/ptable/mmu_comparison.h"
#include "tests/support/ptable/mmu_program_writer.h"
#include "tests/support/ptable/software_machine.h"

namespace {

using pageward::ptable::WalkCaching;
using pageward::testing_support::ByteNumbers;
using pageward::testing_support::ComparisonReport;
using pageward::testing_support::FlushDiscipline;
using pageward::testing_support::MmuProgram;
using pageward::testing_support::MmuProgramWriter;
using pageward::testing_support::ProgramShape;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMostAccesses = 2000;
  ByteNumbers numbers(std::span(data, size));
  ProgramShape shape;
  shape.levels = numbers.OneIn(2) ? 5 : 4;
  shape.has_pcids = numbers.OneIn(2);
  shape.flushes = numbers.OneIn(2) ? FlushDiscipline::kCoherent : FlushDiscipline::kRandom;
  shape.walk_caching = numbers.OneIn(2) ? WalkCaching::kOn : WalkCaching::kOff;
  MmuProgramWriter writer(numbers, shape);
  writer.Write(kMostAccesses);
  const MmuProgram& program = writer.program();
  const ComparisonReport report = Compare(program, RunInSoftware(program));
  for (const std::string& example : report.examples) {
    std::cerr << example << '\n';
  }
  if (report.mismatches() != 0) {
    std::abort();
  }
  return 0;
}
