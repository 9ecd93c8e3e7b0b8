// Makes chosen calls of an Os fail, and counts them.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/core/result.h"

namespace pageward::testing_support {

/// Counting is thread-safe; the rest is for the test's own thread, while no call is under way.
class FaultInjector {
 public:
  /// What a call is about.
  enum class Kind : std::uint8_t {
    kReserve,
    kMap,
    kUnmap,
    kProtect,
    kKey,
    kDiscard,
    kGuard,
    kPopulate,
    kAdvise,
    kLock,
    kShared,
    kAlias,
    kSeal,
    kSynchronize,
    kRead,
  };

  /// Lets the next calls of `kind` succeed `successes` times and then fail with `error`, `failures`
  /// times.
  void FailAfter(Kind kind, std::uint32_t successes, Error error, std::uint32_t failures = ~0u) {
    failures_[kind] = Failure{successes, failures, error};
  }

  /// Lets the n-th call that can fail (0 is the next) fail once, whatever it is.
  void FailNthCall(std::uint32_t n, Error error) { nth_failure_ = {n, error}; }

  void StopFailing() {
    failures_.clear();
    nth_failure_.reset();
  }

  /// Counts a call; returns the error that it shall fail with, if any.
  std::optional<Error> Count(Kind kind) {
    std::lock_guard lock(mutex_);
    ++calls_[kind];
    ++all_calls_;
    if (nth_failure_ && nth_failure_->first-- == 0) {
      const Error error = nth_failure_->second;
      nth_failure_.reset();
      return error;
    }
    const auto found = failures_.find(kind);
    if (found == failures_.end()) {
      return std::nullopt;
    }
    Failure& failure = found->second;
    if (failure.successes > 0) {
      --failure.successes;
      return std::nullopt;
    }
    if (failure.failures == 0) {
      return std::nullopt;
    }
    --failure.failures;
    return failure.error;
  }

  /// Calls of `kind` since construction, those that failed included.
  std::uint32_t CallsOf(Kind kind) const {
    const auto found = calls_.find(kind);
    return found == calls_.end() ? 0 : found->second;
  }

  std::uint32_t all_calls() const { return all_calls_; }

 private:
  struct Failure {
    std::uint32_t successes = 0;
    std::uint32_t failures = 0;
    Error error = Error::kNoMemory;
  };

  std::mutex mutex_;
  std::map<Kind, Failure> failures_;
  std::map<Kind, std::uint32_t> calls_;
  std::optional<std::pair<std::uint32_t, Error>> nth_failure_;
  std::uint32_t all_calls_ = 0;
};

}  // namespace pageward::testing_support
