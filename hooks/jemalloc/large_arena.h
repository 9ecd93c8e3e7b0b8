// The arena of large objects, and a bound on what it keeps of those that were freed.
//
// jemalloc keeps freed memory for a decay time, whatever its size. For small objects that is what
// makes the next one cheap; a few freed blocks of megabytes that fit no later request are most of a
// program's memory. Stock jemalloc gives blocks of 8 MiB and more back at once, which costs a page
// fault for each page of the next one. So large objects live in an arena of their own here, and
// what that holds beyond its live objects is given back when it exceeds a share of them: a program
// that allocates the same block again and again keeps it, one whose blocks come and go holds
// little.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pageward::hooks {

/// Knows how much of its arena is in use. Thread-safe, without locks of its own.
class LargeArena {
 public:
  /// Kept at the least, and as a share of the live objects beyond that.
  static constexpr std::uint64_t kLeastKeptBytes = std::uint64_t{8} << 20;
  static constexpr std::uint64_t kKeptShare = 8;

  constexpr LargeArena() = default;
  LargeArena(const LargeArena&) = delete;
  LargeArena& operator=(const LargeArena&) = delete;

  /// Lets jemalloc's arena `index` serve requests of at least `from_bytes`. Requires: it has our
  /// extent hooks and has served nothing yet.
  void Init(unsigned index, std::size_t from_bytes);

  /// Returns whether requests of `bytes` belong here. False before Init().
  bool Serves(std::size_t bytes) const { return bytes >= from_bytes_; }
  /// jemalloc's number. Requires: Init().
  unsigned index() const { return index_; }

  /// Notes objects that came from the arena or went back, by their usable bytes. May call back into
  /// jemalloc, to purge.
  void NoteAllocated(std::size_t bytes) { live_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void NoteFreed(std::size_t bytes);

  std::uint64_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }
  /// What the arena holds beyond its live objects.
  std::uint64_t kept_bytes() const;

 private:
  std::uint64_t MostKept() const;

  std::size_t from_bytes_ = SIZE_MAX;
  unsigned index_ = 0;
  std::atomic<std::uint64_t> live_bytes_{0};
  std::atomic<bool> is_purging_{false};
};

}  // namespace pageward::hooks
