// Which threads hold windows, as seen by whoever wants to take a key away.
//
// A thread counts its pins in memory of its own, with plain stores (pageward/window.h). Here stands
// where that memory is, for all threads that have ever opened a window and still live. The list is
// kept apart from the threads' memory, which anybody can write: what is written there can spoil
// that thread's windows, and nothing else.
#pragma once

#include <pageward/window.h>

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/arch/pkru.h"
#include "runtime/core/result.h"

namespace pageward::keys {

using ThreadState = ::pageward_thread_state;

/// The states of the threads that have windows, or may have.
///
/// Externally synchronized, but for the pins, which their threads change meanwhile.
class ThreadPins {
 public:
  /// `places` is zero and has room for as many threads as there can be.
  explicit ThreadPins(std::span<ThreadState*> places) : places_(places) {}
  ThreadPins(const ThreadPins&) = delete;
  ThreadPins& operator=(const ThreadPins&) = delete;

  /// Makes `thread`, which is this thread's, known; it has a ticket from then on.
  /// Errors: kLimit, with as many threads as there are places.
  Status Add(ThreadState& thread);

  /// Forgets `thread`, which ends. What it had pinned is free.
  void Remove(ThreadState& thread);

  /// In a fork child: forgets everybody but `thread`, the only one that lives on, which loses its
  /// pins and gets another ticket, so that windows from before are known for what they are.
  void KeepOnly(ThreadState& thread);

  /// Returns whether some thread has a pin on `key`, as far as their stores have arrived.
  bool IsPinned(arch::Pkey key) const;

  std::uint32_t thread_count() const { return count_; }

 private:
  std::span<ThreadState*> places_;
  std::uint32_t used_ = 0;  // No place from here on has ever been taken.
  std::uint32_t count_ = 0;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace pageward::keys
