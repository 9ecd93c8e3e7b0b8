// The report that a person reads: what the heap did, and what is protected how.
#pragma once

#include "runtime/core/text.h"
#include "runtime/engine/engine.h"

namespace pageward::engine {

/// What only the heap on top of the engine knows.
struct HeapFigures {
  std::uint64_t live_bytes = 0;      ///< In objects that the program holds.
  std::uint64_t cached_bytes = 0;    ///< In thread caches.
  std::uint64_t metadata_bytes = 0;  ///< jemalloc's own.
  /// What is accessible of the place where jemalloc's metadata lies.
  std::uint64_t metadata_area_bytes = 0;
  std::uint32_t arenas = 0;
  std::uint32_t threads = 0;
};

/// Writes the report: a dozen lines, aligned, with units. Allocates nothing; reads /proc/self.
void WriteReport(Engine& engine, const HeapFigures& heap, TextWriter* out);

}  // namespace pageward::engine
