// The keys that views carry, and who has which of them open.
//
// A thread reaches its views because it has their key open, so two threads must not have the same
// key open if that can be helped. The keys rotate: a thread whose views carry a key that another
// one has open by now takes a key that nobody has, and makes its views anew. Only if more threads
// have views open than there are keys do two of them share one, and each can reach the other's
// views then. That is counted.
//
// Views that have been put and not flushed carry their key on; another thread that opens it
// reaches them, too. So keys that no region's views carry are taken first.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/keys/key_broker.h"

namespace pageward::space {

/// The window keys of a process. Thread-safe; never allocates.
class WindowKeys {
 public:
  static constexpr unsigned kMost = 3;

  explicit WindowKeys(keys::KeyBroker& broker) : broker_(broker) {}
  WindowKeys(const WindowKeys&) = delete;
  WindowKeys& operator=(const WindowKeys&) = delete;

  /// Prepares for one more region: claims a key for it, as long as there are any and not more than
  /// kMost. Where there are none at all views are not closed by key.
  void AddRegion();
  void RemoveRegion() { regions_.fetch_sub(1, std::memory_order_relaxed); }

  unsigned count() const { return count_.load(std::memory_order_acquire); }
  /// Requires: index < count().
  arch::Pkey key(unsigned index) const { return keys_[index]; }

  /// Picks the key that a thread opens now and notes that it has it open: `carried`, which its
  /// views carry, if nobody else has that open; else one that nobody has open; else a shared one.
  ///
  /// Requires: count() > 0. The caller flushes its views if the answer is not `carried`.
  unsigned Open(std::optional<unsigned> carried);
  void Close(unsigned index) { open_[index].fetch_sub(1, std::memory_order_release); }

  /// Notes that the views of one more region, or one less, carry this key.
  void Carry(unsigned index) { carried_[index].fetch_add(1, std::memory_order_relaxed); }
  void Drop(unsigned index) { carried_[index].fetch_sub(1, std::memory_order_relaxed); }

  /// How often a thread took a key that another had open.
  std::uint64_t shared_openings() const { return shared_.load(std::memory_order_relaxed); }
  /// How often a thread changed to another key than its views carried.
  std::uint64_t rotations() const { return rotations_.load(std::memory_order_relaxed); }

  /// Forgets who has what open: in a child of fork(2), whose regions are gone.
  void ForgetAfterFork();

 private:
  std::optional<unsigned> OpenUnused(bool may_be_carried);

  keys::KeyBroker& broker_;
  std::array<arch::Pkey, kMost> keys_{};
  std::array<std::atomic<std::uint32_t>, kMost> open_{};
  std::array<std::atomic<std::uint32_t>, kMost> carried_{};
  std::atomic<unsigned> count_{0};
  std::atomic<std::uint32_t> regions_{0};
  Mutex mutex_{LockRank::kSpace};
  std::atomic<std::uint64_t> shared_{0};
  std::atomic<std::uint64_t> rotations_{0};
};

/// How many mappings all views of the process may have together: far below the system's limit,
/// which the program has a right to. Thread-safe.
class ViewBudget {
 public:
  explicit constexpr ViewBudget(std::uint32_t most) : most_(most) {}
  ViewBudget(const ViewBudget&) = delete;
  ViewBudget& operator=(const ViewBudget&) = delete;

  /// Returns whether one more mapping may be made, and counts it then.
  [[nodiscard]] bool TryTake() {
    if (used_.fetch_add(1, std::memory_order_relaxed) < most_) {
      return true;
    }
    GiveBack(1);
    return false;
  }
  void GiveBack(std::uint32_t mappings) { used_.fetch_sub(mappings, std::memory_order_relaxed); }
  /// Counts a mapping that was there already, as a part of another.
  void Add() { used_.fetch_add(1, std::memory_order_relaxed); }

  std::uint32_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint32_t most() const { return most_; }

 private:
  const std::uint32_t most_;
  std::atomic<std::uint32_t> used_{0};
};

}  // namespace pageward::space
