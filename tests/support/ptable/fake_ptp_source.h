// A source of table pages that knows which are outside, and can run dry.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

#include "runtime/ptable/ptp_source.h"
#include "tests/support/ptable/fake_table_memory.h"

namespace pageward::testing_support {

/// Hands out the frames of a FakeTableMemory but the first, which is left for a root. Thread-safe.
///
/// What comes back is filled with kPoison: an entry that maps, and nothing in a test maps there. So
/// whoever still walks through a freed page gets to a place that can be recognised.
class FakePtpSource final : public ptable::PtpSource {
 public:
  /// Present, writable, user, accessed, dirty, large; the frame is 1 GiB aligned.
  static constexpr std::uint64_t kPoison = 0x7c'0000'0000 | 0xe7;

  explicit FakePtpSource(FakeTableMemory& memory) : memory_(memory) {
    for (std::uint32_t i = memory.frames(); i-- > 1;) {
      free_.push_back(FakeTableMemory::FrameAt(i));
    }
  }

  std::optional<PhysAddr> Allocate() override {
    std::lock_guard lock(mutex_);
    ++requests_;
    if (free_.empty() || (allowed_ && *allowed_ == 0)) {
      return std::nullopt;
    }
    if (allowed_) {
      --*allowed_;
    }
    const PhysAddr page = free_.back();
    free_.pop_back();
    outside_.insert(page);
    memory_.Fill(page, 0);
    return page;
  }

  void Free(PhysAddr page) override {
    std::lock_guard lock(mutex_);
    if (outside_.erase(page) == 0) {
      throw std::logic_error("a table page came back that was not outside");
    }
    memory_.Fill(page, kPoison);
    free_.push_back(page);
  }

  /// Grants `pages` more pages and then none.
  void FailAfter(std::uint64_t pages) { allowed_ = pages; }
  void StopFailing() { allowed_.reset(); }

  std::size_t outside() const {
    std::lock_guard lock(mutex_);
    return outside_.size();
  }
  bool IsOutside(PhysAddr page) const {
    std::lock_guard lock(mutex_);
    return outside_.contains(page);
  }
  /// Calls of Allocate(), those that failed included.
  std::uint64_t requests() const { return requests_; }

 private:
  FakeTableMemory& memory_;
  mutable std::mutex mutex_;
  std::vector<PhysAddr> free_;
  std::set<PhysAddr> outside_;
  std::optional<std::uint64_t> allowed_;
  std::uint64_t requests_ = 0;
};

}  // namespace pageward::testing_support
