// Writing a trace while a program runs: a buffer, and whatever takes full buffers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/result.h"
#include "runtime/trace/trace_format.h"

namespace pageward::trace {

/// Takes the bytes of a trace. Owned by this layer.
class TraceSink {
 public:
  /// Takes all of `bytes`, or fails; then the trace ends before them. Errors: kLimit (no room),
  /// kNotPermitted (it is not ours any more).
  virtual Status Write(std::span<const std::byte> bytes) = 0;

 protected:
  ~TraceSink() = default;
};

/// Writes one trace. Externally synchronized. Never allocates.
///
/// The first failure of the sink ends the trace where it is: the program that is recorded never
/// notices, and the trace is one without an end record.
class TraceWriter {
 public:
  /// Events that the sink gets at once. What a killed program loses of its trace.
  static constexpr std::size_t kBufferedEvents = 2048;

  constexpr TraceWriter() = default;
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  /// Begins a trace in `sink`, which outlives the writer. Errors: as the sink's.
  Status Begin(TraceSink& sink, const TraceFacts& facts);

  void Append(const TraceEvent& event);

  /// Writes what is left and the end record. Errors: the first failure of the sink since Begin().
  Status Finish(std::uint64_t time_ns);

  std::uint64_t events() const { return events_; }
  /// Whether events are taken: after Begin(), until Finish() or a failure.
  bool IsWriting() const { return sink_ != nullptr; }

 private:
  Status Flush();

  TraceSink* sink_ = nullptr;
  Checksum sum_;
  std::uint64_t events_ = 0;
  Status failure_;
  std::size_t buffered_bytes_ = 0;
  std::array<std::byte, kBufferedEvents * kRecordBytes> buffer_{};
};

}  // namespace pageward::trace
