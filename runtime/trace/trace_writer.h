// Writing a trace while a program runs, into rooms that outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/result.h"
#include "runtime/trace/trace_format.h"

namespace pageward::trace {

/// Where the bytes of a trace go. Owned by this layer.
class TraceSink {
 public:
  /// Returns room for the next bytes, which is zero and takes whole records. The rooms before are
  /// done with. What is put into a room stays, however the program ends.
  /// Errors: kLimit (there is no more), kNotPermitted (it is not ours any more).
  virtual Result<std::span<std::byte>> NextRoom() = 0;

  /// The trace has `bytes` bytes in all. Errors: as NextRoom().
  virtual Status End(std::uint64_t bytes) = 0;

  /// Whether this process is the one that writes the trace, and no copy of it. Cheap.
  virtual bool IsOurs() const = 0;

 protected:
  ~TraceSink() = default;
};

/// Writes one trace. Externally synchronized. Never allocates.
///
/// The first failure of the sink ends the trace where it is: the program that is recorded never
/// notices, and the trace is one without an end record.
class TraceWriter {
 public:
  constexpr TraceWriter() = default;
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  /// Begins a trace in `sink`, which outlives the writer. Errors: as the sink's.
  Status Begin(TraceSink& sink, const TraceFacts& facts);

  void Append(const TraceEvent& event);

  /// Writes the end record. Errors: the first failure of the sink since Begin().
  Status Finish(std::uint64_t time_ns);

  std::uint64_t events() const { return events_; }
  /// Whether events are taken: after Begin(), until Finish() or a failure.
  bool IsWriting() const { return sink_ != nullptr; }

 private:
  Status Put(std::span<const std::byte> bytes);

  TraceSink* sink_ = nullptr;
  std::span<std::byte> room_;
  std::uint64_t bytes_ = 0;
  Checksum sum_;
  std::uint64_t events_ = 0;
  Status failure_;
};

}  // namespace pageward::trace
