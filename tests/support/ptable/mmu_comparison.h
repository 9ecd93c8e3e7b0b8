// Compares what MMUs made of a program with what may come of it, access by access and word by word.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/ptable/mmu_program.h"
#include "tests/support/ptable/mmu_reference.h"

namespace pageward::testing_support {

/// What QEMU is known to do otherwise than the manual says; docs/oracle.md has the evidence. Each
/// is accepted of the oracle exactly where it is known, and counted.
enum class Deviation : std::uint8_t {
  kReservedWithoutPresent,  ///< P is clear in the code of a fault for a reserved bit.
  kKeyOfSupervisorPage,     ///< PK, where a user accesses a supervisor page whose key is closed.
  kKeptAfterFault,          ///< A page fault does not drop what was cached of its address.
};
inline constexpr unsigned kDeviationCount = 3;

struct ComparisonReport {
  std::uint64_t accesses = 0;
  std::uint64_t avoided = 0;      ///< See MmuProgram::avoided.
  std::uint64_t page_faults = 0;  ///< Accesses that the software MMU ended so.
  /// The same, for each error code.
  std::array<std::uint64_t, 64> faults_of_code{};
  /// Coherent accesses that went through, for each level that leaves can have.
  std::array<std::uint64_t, 3> passed_by_level{};
  std::uint64_t unflushed = 0;  ///< Accesses for which more than one end was allowed.
  std::uint64_t stale = 0;      ///< Of them, those that differ between the performers.
  std::uint64_t words = 0;      ///< Compared at the end.
  std::uint64_t wrong_accesses = 0;
  std::uint64_t wrong_words = 0;
  /// Accessed bits that the oracle set in a walk that ended in a fault, which is allowed.
  std::uint64_t used_by_faults = 0;
  std::array<std::uint64_t, kDeviationCount> deviations{};
  std::vector<std::string> examples;  ///< The first of what is wrong.

  std::uint64_t mismatches() const { return wrong_accesses + wrong_words; }
  ComparisonReport& operator+=(const ComparisonReport& other);
};

/// Compares two runs with the reference and so with each other; where an access is coherent, only
/// one end is allowed.
ComparisonReport Compare(const MmuProgram& program, const MmuRun& software, const MmuRun& oracle);

/// Compares the software MMU with the reference alone.
ComparisonReport Compare(const MmuProgram& program, const MmuRun& software);

/// Returns one line with all the counts.
std::string Summarize(const ComparisonReport& report);

}  // namespace pageward::testing_support
