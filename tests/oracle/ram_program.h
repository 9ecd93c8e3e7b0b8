// A program over RAM that somebody else filled: accesses to what its page tables map.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/ptable/mmu_program.h"
#include "tests/support/ptable/number_source.h"

namespace pageward::oracle {

struct RamImage {
  testing_support::SparseRam ram;
  std::uint64_t bytes = 0;
  PhysAddr root;  ///< Where the top table is.
  unsigned levels = 4;
  unsigned phys_bits = 40;
};

/// Writes a program of loads and of writes that change nothing, under any rights, to pages of the
/// image that are mapped and to places where nothing is.
///
/// Returns why there is none, in one line, or nothing.
std::optional<std::string> WriteRamProgram(const RamImage& image, std::uint64_t accesses,
                                           testing_support::NumberSource& numbers,
                                           testing_support::MmuProgram& program);

}  // namespace pageward::oracle
