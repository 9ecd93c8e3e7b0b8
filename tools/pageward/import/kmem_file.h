// A file with text of `perf script` or `trace-cmd report`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tools/pageward/import/kmem_line.h"
#include "tools/pageward/import/line_reader.h"

namespace pageward::tool {

/// What kinds of lines a file has.
struct LineCounts {
  std::uint64_t lines = 0;
  std::uint64_t events = 0;  ///< Of pages, and readable.
  std::uint64_t other_events = 0;
  std::uint64_t lines_without_event = 0;
  std::uint64_t unreadable = 0;  ///< Page events whose fields are not what they should be.
  std::uint64_t too_long = 0;    ///< Longer than LineReader::kLongestLine, whatever they were.
  std::uint64_t lost_notices = 0;
  std::uint64_t lost_events = 0;  ///< As far as the notices say.
  bool is_cut_off = false;        ///< The last line stops in the middle of an event.
  TraceStyle style = TraceStyle::kPerf;

  friend bool operator==(const LineCounts&, const LineCounts&) = default;
};

/// A file that can be read as often as need be.
class KmemFile {
 public:
  /// Throws Failure if it can't be read or is something else; what it then says is how to make
  /// text of it.
  explicit KmemFile(std::string path);

  const std::string& path() const { return path_; }

  /// Called with how many bytes have been read, and of how many, every now and then.
  using Tell = std::function<void(std::uint64_t, std::uint64_t)>;

  /// Reads all of it and calls `visit` for each page event. Throws Failure if it can't be read on.
  LineCounts Read(const std::function<void(const KmemEvent&)>& visit, const Tell& tell) const;

 private:
  const std::string path_;
};

}  // namespace pageward::tool
