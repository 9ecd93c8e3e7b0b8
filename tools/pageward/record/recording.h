// A file that a program's trace becomes: under another name until it is whole.
#pragma once

#include <filesystem>
#include <string>

namespace pageward::tool {

/// The trace of one program, from before it starts until after it has ended.
class Recording {
 public:
  /// Takes `path` for the trace. With %p in it, each process writes a file of its own, under its
  /// own name from the start. Throws Failure if nothing can be written there.
  explicit Recording(const std::string& path);
  /// Removes what did not become a whole trace.
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /// What the program is told to record to.
  const std::string& written_path() const { return written_path_; }

  /// Finishes what programs left that were killed or did not say goodbye, and gives the trace its
  /// name. Throws Failure if there is none.
  void Finish();

 private:
  bool HasFilesOfTheirOwn() const;
  void FinishFilesOfTheirOwn() const;

  std::string path_;
  std::string written_path_;
  std::filesystem::file_time_type begun_;
  bool is_finished_ = false;
};

}  // namespace pageward::tool
