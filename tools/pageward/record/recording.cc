#include "tools/pageward/record/recording.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "runtime/trace/trace_file.h"
#include "runtime/trace/trace_reader.h"
#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/files.h"

namespace pageward::tool {
namespace {

namespace fs = std::filesystem;

// The path stands in PAGEWARD_CONF, where a comma ends a value and spaces around it go.
void CheckName(const std::string& path) {
  if (path.find(',') != std::string::npos || path.find_last_not_of(" \t\r") + 1 != path.size()) {
    throw Failure(fmt::format("-o: '{}' has a comma in it, or ends in a space", path));
  }
  if (path.size() > trace::TraceFile::kMostPath) {
    throw Failure(fmt::format("-o: a path of {} characters is too long", path.size()));
  }
}

void MakeEmpty(const std::string& path) {
  const int made = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (made < 0) {
    throw Failure(fmt::format("-o: cannot write '{}': {}", path, std::strerror(errno)));
  }
  close(made);
}

void AppendEnd(const std::string& path, const trace::UnfinishedTrace& unfinished) {
  fs::resize_file(path, unfinished.whole_bytes);
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(unfinished.end.data()), trace::kRecordBytes);
  if (!out.flush()) {
    throw Failure(fmt::format("cannot finish the trace: no room for '{}'", path));
  }
}

}  // namespace

bool Recording::HasFilesOfTheirOwn() const {
  return path_.find(trace::TraceFile::kProcessMark) != std::string::npos;
}

Recording::Recording(const std::string& path) : path_(fs::absolute(path).string()) {
  if (path.empty() || fs::is_directory(path_)) {
    throw Failure(fmt::format("-o: '{}' is no name for a file", path));
  }
  written_path_ = HasFilesOfTheirOwn() ? path_ : fmt::format("{}.{}.part", path_, getpid());
  CheckName(written_path_);
  if (!HasFilesOfTheirOwn()) {
    MakeEmpty(written_path_);
  }
}

Recording::~Recording() {
  if (!is_finished_ && !HasFilesOfTheirOwn()) {
    unlink(written_path_.c_str());
  }
}

void Recording::Finish() {
  if (HasFilesOfTheirOwn()) {
    return;
  }
  const std::string bytes = ReadFile(written_path_);
  if (bytes.empty()) {
    throw Failure(
        "the program left no trace: it is static, has more rights than who starts it, or could "
        "not write");
  }
  const auto data = std::as_bytes(std::span(bytes));
  trace::TraceReader reader;
  if (reader.Open(data) != trace::TraceFault::kNone) {
    const trace::UnfinishedTrace unfinished = trace::Finish(data);
    if (unfinished.fault != trace::TraceFault::kNone) {
      throw Failure(fmt::format("what the program left {}", NameOf(unfinished.fault)));
    }
    AppendEnd(written_path_, unfinished);
  }
  fs::rename(written_path_, path_);
  is_finished_ = true;
}

}  // namespace pageward::tool
