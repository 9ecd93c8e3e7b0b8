// The first of the two seams of ptable: the memory that tables are in.
//
// Physical addresses mean something to it and to nobody else; they never are host pointers. On top
// of simulated RAM it can check that whoever writes a table may do so, count, or hand every access
// to a log.
#pragma once

#include <concepts>
#include <cstdint>

#include "runtime/core/address.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// Reads and writes whole entries, at addresses that are multiples of 8.
///
/// Thread-safe: tables are changed by several threads and, through accessed and dirty bits, by
/// processors. Dies, or whatever suits it, if there is no memory at an address: absence is no
/// answer that a walk could use.
template <typename M>
concept TableMemory = requires(M& memory, PhysAddr at, std::uint64_t word) {
  /// Returns the entry. Whatever was written before the entry was is seen by what follows
  /// (acquire).
  { memory.Load(at) } -> std::same_as<std::uint64_t>;
  /// Replaces the entry. What came before is seen by whoever loads this word (release).
  { memory.Store(at, word) } -> std::same_as<void>;
  /// Replaces the entry if it is `word`, the second argument, by the third; returns what it was, so
  /// that it has been replaced exactly if `word` comes back. Acquire and release.
  { memory.CompareExchange(at, word, word) } -> std::same_as<std::uint64_t>;
};

/// Returns where entry `index` of `table` is.
constexpr PhysAddr SlotOf(PhysAddr table, unsigned index) {
  return table + (std::uint64_t{index} << kEntryBytesLog2);
}

}  // namespace pageward::ptable
