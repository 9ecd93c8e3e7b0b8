// Whether this thread is in a signal handler, as far as that can be known.
//
// What a thread does step by step must not be begun anew by a handler that interrupts it. Two signs
// tell a handler, and either suffices; without keys and with nobody in between there is none:
//
//   * whoever calls the program's handlers for it holds a HandlerScope meanwhile;
//   * where there are protection keys, the kernel enters handlers with the rights of a new program.
//     A thread that has been marked has rights which that register never holds, for a key that
//     nobody opens: both of its bits are set, while the kernel sets one.
//
// A thread that leaves a handler by longjmp looks as if it still were in there, by either sign; it
// has to say that it is not.
// Source: init_pkru_value in arch/x86/mm/pkeys.c; both bits close alike, Intel SDM, volume 3A,
// section 4.6.2.
#pragma once

#include <cstdint>

#include "runtime/arch/pku.h"

namespace pageward::keys {

namespace internal {

inline constinit thread_local bool t_is_in_handler = false;

}  // namespace internal

/// Notes that a handler of the program's runs, for as long as it lives.
class HandlerScope {
 public:
  HandlerScope() : was_in_handler_(internal::t_is_in_handler) { internal::t_is_in_handler = true; }
  ~HandlerScope() { internal::t_is_in_handler = was_in_handler_; }
  HandlerScope(const HandlerScope&) = delete;
  HandlerScope& operator=(const HandlerScope&) = delete;

 private:
  bool was_in_handler_;
};

/// Returns whether a HandlerScope is around the caller, or was left by longjmp.
inline bool IsInHandlerScope() {
  return internal::t_is_in_handler;
}

/// Forgets scopes that were left by longjmp. Requires: this is no handler.
inline void ForgetHandlerScopes() {
  internal::t_is_in_handler = false;
}

/// Marks this thread: from now on LooksLikeHandler() tells its handlers. The rights of `key` stay
/// closed. Requires: HasOspke(), and nobody opens `key`.
inline void MarkThread(arch::Pkey key) {
  arch::WritePkru(arch::Pkru(arch::ReadPkru().value() | 3u << (2 * key.value())));
}

/// Returns whether the rights are those of a handler, of a thread that was marked with `key`.
inline bool LooksLikeHandler(arch::Pkey key) {
  return (arch::ReadPkru().value() >> (2 * key.value()) & 3) != 3;
}

}  // namespace pageward::keys
