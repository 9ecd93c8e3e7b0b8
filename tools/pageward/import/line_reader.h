// The lines of a file, one after the other, in memory that does not grow with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pageward::tool {

/// Reads a file of text from its beginning. Throws Failure if it can't be opened or read.
class LineReader {
 public:
  /// Of longer lines only so much is given.
  static constexpr std::size_t kLongestLine = 4096;

  struct Line {
    std::string_view text;  ///< Without its end. Stays valid until the next one is asked for.
    bool is_cut = false;    ///< It was longer than kLongestLine.
    bool has_end = true;    ///< False of a last line that stops in the middle.
  };

  explicit LineReader(const std::string& path);
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// Returns the next line, or nothing at the end of the file.
  std::optional<Line> Next();

  /// What the file begins with, up to a few kilobytes. Requires: nothing has been read yet.
  std::string_view Head();

  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  // Makes room and reads on; returns false at the end of the file.
  bool Fill();

  const std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // Of what has not been given out yet.
  std::size_t end_ = 0;
};

}  // namespace pageward::tool
