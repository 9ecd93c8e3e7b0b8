#include "tools/pageward/command/progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace pageward::tool {

ProgressLine::~ProgressLine() {
  if (width_ > 0) {
    fmt::print(stderr, "\r{:{}}\r", "", width_);
  }
}

void ProgressLine::Tell(std::string_view what, std::uint64_t done, std::uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (now < next_ || total == 0) {
    return;
  }
  next_ = now + std::chrono::milliseconds(200);
  const std::string line = fmt::format("{}: {} %", what, done * 100 / total);
  fmt::print(stderr, "\r{:{}}", line, width_);
  std::fflush(stderr);
  width_ = line.size() > width_ ? line.size() : width_;
}

}  // namespace pageward::tool
