// The rights that a thread will have when a signal handler returns.
//
// The kernel enters a handler with every key but 0 closed, and puts back what it saved on the
// signal frame when the handler returns. So the rights of the interrupted code are there to be read
// and changed.
#pragma once

#include <ucontext.h>

#include <optional>

#include "runtime/arch/pkru.h"

namespace pageward::os {

/// Returns the rights that the interrupted code had, or nothing if the kernel has not saved them.
/// `context` is the third argument of a handler with SA_SIGINFO. Async-signal-safe.
std::optional<arch::Pkru> InterruptedRights(const ucontext_t& context);

/// Lets the interrupted code go on with `rights`. Returns false, with nothing changed, if they are
/// not on the frame. Async-signal-safe.
[[nodiscard]] bool SetInterruptedRights(ucontext_t* context, arch::Pkru rights);

}  // namespace pageward::os
