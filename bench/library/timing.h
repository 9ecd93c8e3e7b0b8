// Times of things that take nanoseconds, and what both programs of this folder need.
#pragma once

#include <pageward/pageward.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pageward::bench {

inline bool IsQuick(int count, char** arguments) {
  return count > 1 && std::strcmp(arguments[1], "--quick") == 0;
}

[[noreturn]] inline void Give(int status, const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::exit(status);
}

inline void Require(pageward_status status) {
  if (status != PAGEWARD_OK) {
    Give(1, pageward_status_string(status));
  }
}

/// Ends the program where windows are no windows of a thread: their times would say nothing.
inline void RequireKeys() {
  if (std::strcmp(pageward_domain_tier(), "pku") != 0) {
    Give(77, "there are no protection keys on this machine: nothing was measured");
  }
}

/// Returns how many nanoseconds one of `count` calls of `step` takes.
template <typename Step>
double TimeOnce(std::uint64_t count, Step step) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    step(i);
  }
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  return taken.count() / static_cast<double>(count);
}

inline constexpr std::size_t kRounds = 9;

/// The times of rounds that were taken in turns.
class Times {
 public:
  void Add(double nanoseconds) { times_[count_++ % kRounds] = nanoseconds; }
  double Median() {
    std::sort(times_.begin(), times_.end());
    return times_[kRounds / 2];
  }

 private:
  std::array<double, kRounds> times_ = {};
  std::size_t count_ = 0;
};

inline pageward_stats Stats() {
  pageward_stats stats = {};
  stats.size = sizeof(stats);
  Require(pageward_stats_get(&stats));
  return stats;
}

inline std::size_t MappingsOfProcess() {
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  std::size_t lines = 0;
  for (int c = maps != nullptr ? std::fgetc(maps) : EOF; c != EOF; c = std::fgetc(maps)) {
    lines += c == '\n' ? 1u : 0u;
  }
  if (maps != nullptr) {
    std::fclose(maps);
  }
  return lines;
}

}  // namespace pageward::bench
