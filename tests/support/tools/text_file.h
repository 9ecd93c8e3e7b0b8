// A file of text for one test.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace pageward::testing_support {

/// A file with what it was given, until the end of the scope.
class TextFile {
 public:
  explicit TextFile(std::string_view text) : path_(Folder() + "/pageward-text-XXXXXX") {
    const int descriptor = mkstemp(path_.data());
    if (descriptor < 0 ||
        write(descriptor, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      std::perror("text file");
      std::abort();
    }
    close(descriptor);
  }
  ~TextFile() { std::remove(path_.c_str()); }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  static std::string Folder() {
    const char* const folder = std::getenv("TMPDIR");
    return folder != nullptr ? folder : "/tmp";
  }

  std::string path_;
};

}  // namespace pageward::testing_support
