// The keys that views carry, and who has which of them open.
//
// A thread reaches its views because it has their key open, so two threads must not have the same
// key open if that can be helped. The keys rotate: a thread whose views carry a key that another
// one has open by now takes a key that nobody has, and makes its views anew. Only if more threads
// have views open than there are keys do two of them share one, and each can reach the other's
// views then. That is counted.
//
// Views that have been put and not flushed carry their key on; another thread that opens it
// reaches them, too. So keys that no region uses are taken first.
//
// A thread that alone uses a key opens it by a plain store. Whoever comes to use it as well says so
// and lets every thread pass a barrier (membarrier(2)) before it looks; from then on both look.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/keys/key_broker.h"
#include "runtime/os/os.h"

namespace pageward::space {

/// The window keys of a process. Thread-safe; never allocates.
class WindowKeys {
 public:
  static constexpr unsigned kMost = 3;
  static constexpr std::uint8_t kNoKey = kMost;

  /// What is known of the views of one thread. A part of them.
  class Region {
   public:
    Region() = default;
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;

    /// Which key its views carry, or will; kNoKey if there are none.
    unsigned key() const { return key_; }

   private:
    friend class WindowKeys;

    std::atomic<std::uint8_t> is_open_{0};
    std::uint8_t key_ = kNoKey;  // Changed by its thread, with the lock.
    Region* next_ = nullptr;
  };

  WindowKeys(os::Os& os, keys::KeyBroker& broker);
  WindowKeys(const WindowKeys&) = delete;
  WindowKeys& operator=(const WindowKeys&) = delete;

  /// Adds a region and claims a key for it, as long as there are any and not more than kMost. Where
  /// there are none at all views are not closed by key.
  void Add(Region& region) PW_EXCLUDES(mutex_);
  void Remove(Region& region) PW_EXCLUDES(mutex_);

  unsigned count() const { return count_.load(std::memory_order_acquire); }
  /// Requires: index < count().
  arch::Pkey key(unsigned index) const { return keys_[index]; }

  /// Picks the key that a thread opens now and notes that it has it open: its region's, if nobody
  /// else has that open; else one that nobody has; else a shared one.
  ///
  /// Requires: count() > 0. Returns region.key(); if that was another one before, the caller
  /// flushes its views, which carry that.
  unsigned Open(Region& region) PW_EXCLUDES(mutex_) {
    if (has_barrier_) {
      region.is_open_.store(1, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      region.is_open_.exchange(1, std::memory_order_seq_cst);
    }
    const unsigned key = region.key_;
    if (key != kNoKey && is_shared_[key].load(std::memory_order_acquire) == 0) [[likely]] {
      return key;
    }
    return OpenSlowly(region);
  }
  void Close(Region& region) { region.is_open_.store(0, std::memory_order_release); }

  /// Notes that no view of a region that is not open carries a key any more.
  void Release(Region& region) PW_EXCLUDES(mutex_);

  /// How often a thread took a key that another had open.
  std::uint64_t shared_openings() const { return shared_.load(std::memory_order_relaxed); }
  /// How often a thread changed to another key than its views carried.
  std::uint64_t rotations() const { return rotations_.load(std::memory_order_relaxed); }

 private:
  unsigned OpenSlowly(Region& region) PW_EXCLUDES(mutex_);
  unsigned Pick(const Region& region) PW_REQUIRES(mutex_);
  unsigned UsersOf(unsigned key) const PW_REQUIRES(mutex_);
  unsigned OpenersOf(unsigned key, const Region& but) const PW_REQUIRES(mutex_);
  void NoteSharing() PW_REQUIRES(mutex_);

  os::Os& os_;
  keys::KeyBroker& broker_;
  std::array<arch::Pkey, kMost> keys_{};
  std::atomic<unsigned> count_{0};
  std::array<std::atomic<std::uint8_t>, kMost> is_shared_{};  // More than one region uses it.
  bool has_barrier_ = false;
  Mutex mutex_{LockRank::kSpace};
  Region* first_ PW_GUARDED_BY(mutex_) = nullptr;
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
