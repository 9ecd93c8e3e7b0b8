// A whole trace in memory, checked before anybody believes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/trace/trace_format.h"

namespace pageward::trace {

/// Reads the events of a trace. Never allocates; the bytes belong to somebody else and outlive it.
class TraceReader {
 public:
  TraceReader() = default;

  /// Takes `bytes` for a whole trace and reads all of it once: whatever is wrong is found here.
  /// Returns TraceFault::kNone, or what is wrong; then there is nothing to read.
  [[nodiscard]] TraceFault Open(std::span<const std::byte> bytes);

  const TraceFacts& facts() const { return facts_; }
  const TraceEnd& end() const { return end_; }
  std::uint64_t events() const { return records_.size() / kRecordBytes; }

  /// Requires: `index` < events().
  TraceEvent EventAt(std::uint64_t index) const;

  /// Calls `visit(TraceEvent)` for each, in order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (std::uint64_t i = 0; i < events(); ++i) {
      visit(EventAt(i));
    }
  }

 private:
  TraceFacts facts_;
  TraceEnd end_;
  std::span<const std::byte> records_;
};

/// A trace without its end record, as a program leaves it that is killed: with room behind its last
/// event that was not used, and perhaps half an event.
struct UnfinishedTrace {
  TraceFault fault = TraceFault::kNone;  ///< kNone: the end record below makes it whole.
  std::size_t whole_bytes = 0;           ///< What is whole of it; the end record goes here.
  RecordBytes end{};
};

/// Returns what would finish `bytes`, which are as far as a recorder has come.
/// Requires: they are no whole trace.
UnfinishedTrace Finish(std::span<const std::byte> bytes);

}  // namespace pageward::trace
