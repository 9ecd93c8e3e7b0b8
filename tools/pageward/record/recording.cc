#include "tools/pageward/record/recording.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>

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

// Makes a whole trace of what a program left at `path`.
void MakeWhole(const std::string& path) {
  const std::string bytes = ReadFile(path);
  if (bytes.empty()) {
    throw Failure(
        "the program left no trace: it is static, has more rights than who starts it, or could "
        "not write");
  }
  const auto data = std::as_bytes(std::span(bytes));
  trace::TraceReader reader;
  if (reader.Open(data) == trace::TraceFault::kNone) {
    return;
  }
  const trace::UnfinishedTrace unfinished = trace::Finish(data);
  if (unfinished.fault != trace::TraceFault::kNone) {
    throw Failure(fmt::format("what the program left {}", NameOf(unfinished.fault)));
  }
  AppendEnd(path, unfinished);
}

// Whether a process still writes to `path`.
bool IsBeingWritten(const std::string& path) {
  const int opened = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool is_held = opened >= 0 && flock(opened, LOCK_SH | LOCK_NB) != 0;
  close(opened);
  return is_held;
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
  } else if (!fs::is_directory(fs::path(path_).parent_path())) {
    throw Failure(fmt::format("-o: there is no folder for '{}'", path_));
  }
  // Clocks of files are coarser than those of programs.
  begun_ = fs::file_time_type::clock::now() - std::chrono::seconds(1);
}

Recording::~Recording() {
  if (!is_finished_ && !HasFilesOfTheirOwn()) {
    unlink(written_path_.c_str());
  }
}

void Recording::Finish() {
  if (HasFilesOfTheirOwn()) {
    FinishFilesOfTheirOwn();
    return;
  }
  MakeWhole(written_path_);
  fs::rename(written_path_, path_);
  is_finished_ = true;
}

// Processes that still run keep theirs; older files are somebody else's.
void Recording::FinishFilesOfTheirOwn() const {
  const std::size_t mark = path_.find(trace::TraceFile::kProcessMark);
  const std::string front = path_.substr(0, mark);
  const std::string back = path_.substr(mark + trace::TraceFile::kProcessMark.size());
  std::size_t finished = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(front).parent_path())) {
    const std::string path = entry.path().string();
    const bool is_one = path.size() > front.size() + back.size() && path.starts_with(front) &&
                        path.ends_with(back) && entry.last_write_time() >= begun_ &&
                        path.substr(front.size(), path.size() - front.size() - back.size())
                                .find_first_not_of("0123456789") == std::string::npos;
    if (is_one && !IsBeingWritten(path)) {
      MakeWhole(path);
      ++finished;
    }
  }
  if (finished == 0) {
    throw Failure("the program left no trace");
  }
}

}  // namespace pageward::tool
