#include "runtime/keys/thread_pins.h"

namespace pageward::keys {

Status ThreadPins::Add(ThreadState& thread) {
  PW_ASSERT(thread.ticket == 0);
  std::uint32_t at = 0;
  if (count_ == used_) {
    at = used_;
  } else {
    while (places_[at] != nullptr) {
      ++at;
    }
  }
  if (at == places_.size()) {
    return Error::kLimit;
  }
  places_[at] = &thread;
  used_ = at == used_ ? used_ + 1 : used_;
  ++count_;
  thread.ticket = ++last_ticket_;
  return Status();
}

void ThreadPins::Remove(ThreadState& thread) {
  for (std::uint32_t i = 0; i < used_; ++i) {
    if (places_[i] == &thread) {
      places_[i] = nullptr;
      --count_;
      thread = ThreadState{};
      return;
    }
  }
}

void ThreadPins::KeepOnly(ThreadState& thread) {
  const bool is_known = thread.ticket != 0;
  for (std::uint32_t i = 0; i < used_; ++i) {
    places_[i] = nullptr;
  }
  used_ = 0;
  count_ = 0;
  thread = ThreadState{};
  if (is_known) {
    const Status added = Add(thread);
    PW_ASSERT(added.ok());
  }
}

bool ThreadPins::IsPinned(arch::Pkey key) const {
  for (std::uint32_t i = 0; i < used_; ++i) {
    const ThreadState* thread = places_[i];
    if (thread != nullptr && __atomic_load_n(&thread->pins[key.value()], __ATOMIC_RELAXED) != 0) {
      return true;
    }
  }
  return false;
}

}  // namespace pageward::keys
