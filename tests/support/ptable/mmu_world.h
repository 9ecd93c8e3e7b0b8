// A small world for random programs: tables of every level, and data for leaves of every size to
// lead to.
//
// Of each table only a few entries are used, at the ends and in the middle. The same few numbers
// choose where data is inside of a GiB, so that whatever size a leaf has, the pages behind it that
// can be named by an address hold data.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/core/address.h"
#include "tests/support/ptable/number_source.h"
#include "tests/support/ptable/sparse_ram.h"

namespace pageward::testing_support {

class MmuWorld {
 public:
  MmuWorld(NumberSource& numbers, unsigned levels, unsigned phys_bits);

  /// All tables, filled with random entries, and the data.
  SparseRam MakeRam();

  PhysAddr AnyRoot() { return numbers_.OneOf(tables_[levels_ - 1]); }
  /// A page at entries that are used, in either half of the address space.
  VirtAddr AnyPage();
  /// Any entry for a table of `level`: mostly one that leads on, with all the bits there are.
  std::uint64_t AnyEntry(unsigned level);
  /// An address that is not canonical.
  VirtAddr AnyNonCanonical();

 private:
  std::uint64_t AnyTarget(unsigned level, bool is_leaf);
  std::uint64_t AnyReservedBit(unsigned level, bool is_leaf);

  NumberSource& numbers_;
  const unsigned levels_;
  const unsigned phys_bits_;
  std::vector<PhysAddr> tables_[5];  // By level.
};

}  // namespace pageward::testing_support
