// The file that a trace is written to, from inside of a program that knows nothing of it.
//
// The program may close our descriptor and open something of its own under the same number, leave
// the folder, limit the size of its files, or make a copy of itself. None of it may put a byte of
// the trace anywhere else, or harm the program.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/os/os.h"
#include "runtime/trace/trace_writer.h"

namespace pageward::trace {

/// A regular file that this process writes a trace to. Externally synchronized. Never allocates.
class TraceFile final : public TraceSink {
 public:
  /// In a path, stands for the number of the process.
  static constexpr std::string_view kProcessMark = "%p";
  static constexpr std::size_t kMostPath = 4095;

  constexpr TraceFile() = default;
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  /// Creates the file at `path`, or empties it, and keeps others from writing a trace to it as long
  /// as this process lives.
  ///
  /// Errors: kInUse if another process writes a trace to it; kInvalid if the path is too long or
  /// names something else than a regular file; kNotPermitted for everything else.
  Status Create(os::Os& os, std::string_view path);

  /// Errors: kLimit if there is no room left, kNotPermitted if the file is not ours any more: it
  /// has been closed, or this is a copy of the process that created it.
  Status Write(std::span<const std::byte> bytes) override;

  void Close();

 private:
  bool IsStillOurs() const;

  os::Os* os_ = nullptr;
  int descriptor_ = -1;
  std::uint32_t process_ = 0;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::uint64_t room_bytes_ = 0;
};

}  // namespace pageward::trace
