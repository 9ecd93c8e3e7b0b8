// The file that a trace is written to, from inside of a program that knows nothing of it.
//
// The program may close our descriptor and open something of its own under the same number, leave
// the folder, limit the size of its files, make a copy of itself, or be killed. None of it may put
// a byte of the trace anywhere else, harm the program, or lose what was written.
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
  static constexpr std::size_t kRoomBytes = std::size_t{64} << 10;

  constexpr TraceFile() = default;
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  /// Creates the file at `path`, or empties it, and keeps others from writing a trace to it as long
  /// as this process lives.
  ///
  /// Errors: kInUse if another process writes a trace to it; kInvalid if the path is too long or
  /// names something else than a regular file; kNotPermitted for everything else.
  Status Create(os::Os& os, std::string_view path);

  /// Makes the file longer and maps what is new. Errors: kLimit if there is no room left,
  /// kNotPermitted if the file is not ours any more: it has been closed, or this is a copy of the
  /// process that created it.
  Result<std::span<std::byte>> NextRoom() override;
  Status End(std::uint64_t bytes) override;
  bool IsOurs() const override { return *owner_ != 0; }

  void Close();

 private:
  Status OpenFile(std::string_view path);
  Status MakeMappings();
  Status Lengthen();
  bool IsStillOurs() const;

  static constexpr std::uint32_t kNobody = 0;

  os::Os* os_ = nullptr;
  int descriptor_ = -1;
  std::uint32_t process_ = 0;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::uint64_t most_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  VirtRange window_;  // The room that was made last.
  // In a page that every copy of the process finds zero, by whatever call it was made.
  const volatile std::uint32_t* owner_ = &kNobody;
};

}  // namespace pageward::trace
