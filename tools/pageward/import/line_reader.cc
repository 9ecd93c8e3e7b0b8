#include "tools/pageward/import/line_reader.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {

namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
static_assert(kBufferBytes > LineReader::kLongestLine);

}  // namespace

LineReader::LineReader(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "rb")), buffer_(kBufferBytes) {
  struct stat status {};
  if (file_ == nullptr || fstat(fileno(file_.get()), &status) != 0) {
    throw Failure(path_ + ": " + std::strerror(errno));
  }
  // It is read several times, once for each run.
  if (!S_ISREG(status.st_mode)) {
    throw Failure(path_ + ": is no ordinary file");
  }
  file_bytes_ = static_cast<std::uint64_t>(status.st_size);
}

bool LineReader::Fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const std::size_t got = std::fread(buffer_.data() + end_, 1, buffer_.size() - end_, file_.get());
  if (got == 0 && std::ferror(file_.get()) != 0) {
    throw Failure(path_ + ": " + std::strerror(errno));
  }
  end_ += got;
  return got > 0;
}

std::string_view LineReader::Head() {
  if (end_ == 0) {
    Fill();
  }
  return std::string_view(buffer_.data(), end_).substr(0, kLongestLine);
}

std::optional<LineReader::Line> LineReader::Next() {
  Line line;
  // How much of what lies in the buffer has been looked at.
  std::size_t seen = 0;
  for (;;) {
    const char* const from = buffer_.data() + begin_ + seen;
    const void* const found = std::memchr(from, '\n', end_ - begin_ - seen);
    if (found != nullptr) {
      const auto length =
          static_cast<std::size_t>(static_cast<const char*>(found) - (buffer_.data() + begin_));
      line.text = std::string_view(buffer_.data() + begin_, length);
      begin_ += length + 1;
      bytes_read_ += length + 1;
      break;
    }
    seen = end_ - begin_;
    if (seen > kLongestLine && buffer_.size() - seen == 0) {
      // Only the beginning is wanted: the rest goes by.
      bytes_read_ += seen - kLongestLine - 1;
      end_ = begin_ + kLongestLine + 1;
      seen = kLongestLine + 1;
    }
    if (!Fill()) {
      if (seen == 0) {
        return std::nullopt;
      }
      line.text = std::string_view(buffer_.data() + begin_, seen);
      line.has_end = false;
      begin_ += seen;
      bytes_read_ += seen;
      break;
    }
  }
  if (line.text.size() > kLongestLine) {
    line.text = line.text.substr(0, kLongestLine);
    line.is_cut = true;
  }
  return line;
}

}  // namespace pageward::tool
