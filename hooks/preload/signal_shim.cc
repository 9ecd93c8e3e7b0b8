// sigaction() and signal(), so that the program's handlers start with the rights that its code has.
//
// The kernel enters a handler with every key but 0 closed: a free() in there could not even read
// what it is given. So the program's handler is called from one of ours, which takes the baseline
// first; and the handler for SIGSEGV is called after the fault report (fault_report.h), which stays
// in its place. What the program asks about its handlers is answered as if none of this were.
//
// Where metadata is not closed, everything is handed to libc as it is.
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "hooks/preload/shim.h"
#include "runtime/engine/fault_report.h"
#include "runtime/keys/gate.h"
#include "runtime/keys/handler_context.h"

extern "C" {

// libc's own: sigaction() and signal() under names that are not ours.
int __sigaction(int signal, const struct sigaction* action, struct sigaction* old);
sighandler_t bsd_signal(int signal, sighandler_t handler);

}  // extern "C"

namespace pageward::hooks {
namespace {

using InfoHandler = void (*)(int, siginfo_t*, void*);

// The program's handler for one signal, as it installed it. Only ever replaced by another: a child
// of vfork() resets its signals in the memory of its parent.
struct Slot {
  std::atomic<std::uintptr_t> handler{0};
  std::atomic<int> flags{0};
  sigset_t mask = {};
};

constinit Slot g_slots[NSIG] = {};

bool IsSignal(int signal) {
  return signal > 0 && signal < NSIG;
}

std::uintptr_t HandlerOf(const struct sigaction& action) {
  // One word of a union; SIG_DFL and SIG_IGN are 0 and 1 in both of its members.
  return reinterpret_cast<std::uintptr_t>(action.sa_sigaction);
}

bool IsFunction(std::uintptr_t handler) {
  return handler != reinterpret_cast<std::uintptr_t>(SIG_DFL) &&
         handler != reinterpret_cast<std::uintptr_t>(SIG_IGN);
}

// What the kernel calls instead of the program's handler.
void OnSignal(int signal, siginfo_t* info, void* context) {
  keys::RestoreBaseline();
  const keys::HandlerScope in_handler;
  const Slot& slot = g_slots[signal];
  const std::uintptr_t handler = slot.handler.load(std::memory_order_acquire);
  if ((slot.flags.load(std::memory_order_relaxed) & SA_SIGINFO) != 0) {
    reinterpret_cast<InfoHandler>(handler)(signal, info, context);
  } else {
    reinterpret_cast<sighandler_t>(handler)(signal);
  }
}

// Says what the program installed where the kernel says what we did.
void Translate(const Slot& known, struct sigaction* action) {
  if (action->sa_sigaction != &OnSignal) {
    return;
  }
  action->sa_sigaction =
      reinterpret_cast<InfoHandler>(known.handler.load(std::memory_order_relaxed));
  action->sa_flags &= ~SA_SIGINFO;
  action->sa_flags |= known.flags.load(std::memory_order_relaxed) & SA_SIGINFO;
  action->sa_mask = known.mask;
}

void Store(const struct sigaction& action, Slot* slot) {
  const keys::Gate gate;
  slot->flags.store(action.sa_flags, std::memory_order_relaxed);
  slot->mask = action.sa_mask;
  slot->handler.store(HandlerOf(action), std::memory_order_release);
}

int Install(int signal, const struct sigaction& action, struct sigaction* old) {
  Slot& slot = g_slots[signal];
  struct sigaction former = {};
  if (__sigaction(signal, nullptr, &former) != 0) {
    return -1;
  }
  Translate(slot, &former);
  struct sigaction ours = action;
  if (IsFunction(HandlerOf(action))) {
    Store(action, &slot);
    ours.sa_sigaction = &OnSignal;
    ours.sa_flags |= SA_SIGINFO;
    // A fault while SIGSEGV is blocked is a death without a report.
    sigdelset(&ours.sa_mask, SIGSEGV);
  }
  if (__sigaction(signal, &ours, nullptr) != 0) {
    return -1;
  }
  if (old != nullptr) {
    *old = former;
  }
  return 0;
}

int SetAction(int signal, const struct sigaction* action, struct sigaction* old) {
  if (!keys::IsMetadataClosed() || !IsSignal(signal)) {
    return __sigaction(signal, action, old);
  }
  if (signal == SIGSEGV && engine::ReportsFaultsOfThisProcess()) {
    const struct sigaction former = engine::ProgramsFaultAction();
    if (action != nullptr) {
      const struct sigaction wanted = *action;
      const keys::Gate gate;
      engine::SetProgramsFaultAction(wanted);
    }
    if (old != nullptr) {
      *old = former;
    }
    return 0;
  }
  if (action != nullptr) {
    const struct sigaction wanted = *action;
    return Install(signal, wanted, old);
  }
  const int error = __sigaction(signal, nullptr, old);
  if (error == 0 && old != nullptr) {
    Translate(g_slots[signal], old);
  }
  return error;
}

}  // namespace
}  // namespace pageward::hooks

using namespace pageward;
using namespace pageward::hooks;

PW_EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) {
  return SetAction(signal, action, old);
}

/// BSD's: the handler stays, its signal is blocked while it runs, and system calls are begun again
/// unless siginterrupt() has said otherwise, which only libc knows.
PW_EXPORT sighandler_t signal(int signal, sighandler_t handler) {
  if (!keys::IsMetadataClosed() || !IsSignal(signal) || handler == SIG_ERR) {
    return bsd_signal(signal, handler);
  }
  struct sigaction former = {};
  if (SetAction(signal, nullptr, &former) != 0) {
    return SIG_ERR;
  }
  struct sigaction wanted = {};
  wanted.sa_handler = handler;
  wanted.sa_flags = SA_RESTART;
  sigemptyset(&wanted.sa_mask);
  sigaddset(&wanted.sa_mask, signal);
  if (signal != SIGSEGV) {
    if (bsd_signal(signal, handler) == SIG_ERR || __sigaction(signal, nullptr, &wanted) != 0) {
      return SIG_ERR;
    }
  }
  return SetAction(signal, &wanted, nullptr) == 0 ? former.sa_handler : SIG_ERR;
}
