// Telling whoever waits how far a long run is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pageward::tool {

/// Is told how far something is. Owned by this file; a caller that nobody watches passes nothing.
class Progress {
 public:
  /// `done` of `total` steps of `what` are behind. May be called as often as one likes.
  virtual void Tell(std::string_view what, std::uint64_t done, std::uint64_t total) = 0;

 protected:
  ~Progress() = default;
};

/// One line on stderr that is written over, a few times a second, once a run takes a while.
class ProgressLine final : public Progress {
 public:
  ProgressLine() = default;
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  /// Takes the line away.
  ~ProgressLine();

  void Tell(std::string_view what, std::uint64_t done, std::uint64_t total) override;

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point next_ = Clock::now() + std::chrono::milliseconds(500);
  std::size_t width_ = 0;
};

}  // namespace pageward::tool
