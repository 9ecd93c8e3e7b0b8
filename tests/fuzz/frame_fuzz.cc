// Programs on the page allocator, chosen by libFuzzer or replayed from the corpus.
//
// Each input is a program of tests/support/frame/program.h, written as the numbers it is drawn
// from. A disagreement with the reference, or a death, is a finding; the program is printed as a
// test to be pasted into tests/model/frame_model_test.cc.
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>

#include "runtime/core/violation.h"
#include "tests/support/frame/program.h"

namespace {

using pageward::testing_support::ByteEntropy;
using pageward::testing_support::FrameModel;
using pageward::testing_support::Program;
using pageward::testing_support::SourceOf;

const Program* g_program = nullptr;

void PrintProgram(pageward::Violation) {
  if (g_program != nullptr) {
    std::cerr << SourceOf(*g_program);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint32_t kBlocks = 6;
  ByteEntropy entropy(std::span(data, size));
  FrameModel model(kBlocks);
  Program program;
  g_program = &program;
  pageward::SetFatalHook(PrintProgram);
  try {
    while (!entropy.IsEmpty()) {
      program.push_back(Draw(entropy));
      Perform(program.back(), model);
    }
    model.CheckAll();
  } catch (const pageward::testing_support::ModelError& error) {
    std::cerr << error.what() << "\n" << SourceOf(program);
    throw;
  }
  g_program = nullptr;
  return 0;
}
