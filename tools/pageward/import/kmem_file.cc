#include "tools/pageward/import/kmem_file.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::uint64_t kLinesBetweenTells = 1 << 14;

struct ForeignFile {
  std::string_view beginning;
  std::string_view what;
  std::string_view way;
};
// What people have at hand when they should have its text.
constexpr std::array kForeignFiles = {
    ForeignFile{"PERFILE2"sv, "perf's recording", "make text of it: perf script -i {0} > {0}.txt"},
    ForeignFile{"\x17\x08\x44tracing"sv, "trace-cmd's recording",
                "make text of it: trace-cmd report -i {0} > {0}.txt"},
    ForeignFile{"\x1f\x8b"sv, "compressed", "make text of it: zcat {0} > {0}.txt"},
    ForeignFile{"\x28\xb5\x2f\xfd"sv, "compressed", "make text of it: zstdcat {0} > {0}.txt"},
    ForeignFile{"\xfd\x37zXZ\x00"sv, "compressed", "make text of it: xzcat {0} > {0}.txt"},
};

void RefuseForeign(std::string_view head, const std::string& path) {
  for (const ForeignFile& foreign : kForeignFiles) {
    if (head.substr(0, foreign.beginning.size()) == foreign.beginning) {
      throw Failure(InOneLine(fmt::format("{} is {}; {}", path, foreign.what,
                                          fmt::format(fmt::runtime(foreign.way), path))));
    }
  }
  if (head.find('\0') != std::string_view::npos) {
    throw Failure(InOneLine(
        fmt::format("{} is no text; what is read is the text that perf script or trace-cmd report "
                    "print",
                    path)));
  }
}

void Count(const LineReader::Line& line, LineKind kind, LineCounts* counts) {
  // What is missing is not known to be no event.
  if (!line.has_end && (kind == LineKind::kUnreadable || kind == LineKind::kKmem)) {
    counts->is_cut_off = true;
    return;
  }
  switch (kind) {
    case LineKind::kKmem:
      ++counts->events;
      return;
    case LineKind::kOtherEvent:
      ++counts->other_events;
      return;
    case LineKind::kNoEvent:
      ++counts->lines_without_event;
      return;
    case LineKind::kLost:
      ++counts->lost_notices;
      return;
    case LineKind::kUnreadable:
      ++counts->unreadable;
      return;
  }
}

}  // namespace

KmemFile::KmemFile(std::string path) : path_(std::move(path)) {
  LineReader reader(path_);
  RefuseForeign(reader.Head(), path_);
}

LineCounts KmemFile::Read(const std::function<void(const KmemEvent&)>& visit,
                          const Tell& tell) const {
  LineReader reader(path_);
  LineCounts counts;
  while (const auto line = reader.Next()) {
    ++counts.lines;
    if (tell && counts.lines % kLinesBetweenTells == 0) {
      tell(reader.bytes_read(), reader.file_bytes());
    }
    if (line->is_cut) {
      ++counts.too_long;
      continue;
    }
    const KmemLine parsed = ParseKmemLine(line->text);
    Count(*line, parsed.kind, &counts);
    counts.lost_events += parsed.lost;
    // A last line without an end may be a number short of some digits.
    if (parsed.kind == LineKind::kKmem && line->has_end) {
      counts.style = parsed.style;
      visit(parsed.event);
    }
  }
  return counts;
}

}  // namespace pageward::tool
