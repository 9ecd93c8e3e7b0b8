#include "tools/pageward/command/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(std::string_view what, const fs::path& path, int error) {
  throw Failure(fmt::format("{} {}: {}", what, path.string(), std::strerror(error)));
}

// Files under temporary names, which are taken away unless they got their own.
class TemporaryFiles {
 public:
  TemporaryFiles() = default;
  ~TemporaryFiles() {
    for (const auto& [temporary, path] : files_) {
      std::error_code ignored;
      fs::remove(temporary, ignored);
    }
  }
  TemporaryFiles(const TemporaryFiles&) = delete;
  TemporaryFiles& operator=(const TemporaryFiles&) = delete;

  void Write(const fs::path& path, const std::string& contents) {
    fs::path temporary = path;
    temporary += fmt::format(".{}.tmp", getpid());
    files_.emplace_back(temporary, path);
    errno = 0;
    std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
    stream.write(contents.data(), static_cast<std::streamsize>(contents.size()));
    stream.close();
    if (!stream) {
      Fail("cannot write", path, errno);
    }
  }

  void Rename() {
    for (const auto& [temporary, path] : files_) {
      std::error_code error;
      fs::rename(temporary, path, error);
      if (error) {
        Fail("cannot write", path, error.value());
      }
    }
    files_.clear();
  }

 private:
  std::vector<std::pair<fs::path, fs::path>> files_;
};

}  // namespace

std::string ReadFile(const std::string& path) {
  if (fs::is_directory(path)) {
    Fail("cannot read", path, EISDIR);
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream contents;
  if (stream) {
    contents << stream.rdbuf();
  }
  if (!stream && !stream.eof()) {
    Fail("cannot read", path, errno);
  }
  return contents.str();
}

bool MakeFolder(const std::string& path) {
  std::error_code error;
  const bool is_new = fs::create_directories(path, error);
  if (error) {
    Fail("cannot make the folder", path, error.value());
  }
  if (!fs::is_directory(path)) {
    Fail("cannot make the folder", path, ENOTDIR);
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    Fail("cannot write into the folder", path, errno);
  }
  return is_new;
}

void RemoveEmptyFolder(const std::string& path) {
  std::error_code not_empty;
  fs::remove(path, not_empty);
}

void WriteFiles(const std::string& path,
                const std::vector<std::pair<std::string, std::string>>& files) {
  TemporaryFiles temporary;
  for (const auto& [name, contents] : files) {
    temporary.Write(fs::path(path) / name, contents);
  }
  temporary.Rename();
}

}  // namespace pageward::tool
