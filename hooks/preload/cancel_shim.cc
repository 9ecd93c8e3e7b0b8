// pthread_cancel(), so that a cancelled thread ends with the rights that its code has.
//
// libc cancels a thread by a signal of its own. It installs the handler for it at the first call,
// past sigaction(), and a thread that it ends never comes back from there: cleanup functions and
// destructors of its data would have the rights of a handler. So ours is put in front of libc's,
// as it is in front of the program's (signal_shim.cc).
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdint>

#include "hooks/preload/shim.h"
#include "runtime/keys/gate.h"
#include "runtime/os/syscall.h"

namespace pageward::hooks {
namespace {

using Cancel = int (*)(pthread_t);
using InfoHandler = void (*)(int, siginfo_t*, void*);

// The first real-time signal. Source: sysdeps/unix/sysv/linux/internal-signals.h of glibc.
constexpr int kCancelSignal = 32;

// The kernel's struct sigaction on x86-64. Source: linux/signal_types.h of Linux.
struct KernelAction {
  InfoHandler handler = nullptr;
  std::uint64_t flags = 0;
  void (*restorer)() = nullptr;
  std::uint64_t mask = 0;
};

constinit std::atomic<Cancel> g_libc_cancel{nullptr};
constinit std::atomic<InfoHandler> g_libc_handler{nullptr};

Cancel LibcCancel() {
  Cancel cancel = g_libc_cancel.load(std::memory_order_acquire);
  if (cancel == nullptr) {
    cancel = reinterpret_cast<Cancel>(dlsym(RTLD_NEXT, "pthread_cancel"));
    PW_CHECK(cancel != nullptr, Violation::kUnexpectedErrno, 0);
    const keys::Gate gate;
    g_libc_cancel.store(cancel, std::memory_order_release);
  }
  return cancel;
}

void OnCancel(int signal, siginfo_t* info, void* context) {
  keys::RestoreBaseline();
  g_libc_handler.load(std::memory_order_acquire)(signal, info, context);
}

KernelAction CurrentAction() {
  KernelAction action;
  static_cast<void>(os::Syscall(SYS_rt_sigaction, kCancelSignal, 0, &action, sizeof(action.mask)));
  return action;
}

void* BeCancelledAndStay(void*) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  LibcCancel()(pthread_self());
  return nullptr;
}

// Makes libc install its handler, by cancelling a thread that ends anyway.
void LetLibcInstall() {
  pthread_t thread = {};
  if (pthread_create(&thread, nullptr, &BeCancelledAndStay, nullptr) == 0) {
    pthread_join(thread, nullptr);
  }
}

// Where it can't be done, a thread that is cancelled gets its rights back when it misses them
// (engine/fault_report.h).
void PutOursInFront() {
  KernelAction action = CurrentAction();
  if (action.handler == nullptr) {
    LetLibcInstall();
    action = CurrentAction();
  }
  if (action.handler == nullptr || action.handler == &OnCancel) {
    return;
  }
  {
    const keys::Gate gate;
    g_libc_handler.store(action.handler, std::memory_order_release);
  }
  action.handler = &OnCancel;
  static_cast<void>(os::Syscall(SYS_rt_sigaction, kCancelSignal, &action, 0, sizeof(action.mask)));
}

}  // namespace
}  // namespace pageward::hooks

PW_EXPORT int pthread_cancel(pthread_t thread) {
  if (pageward::keys::IsMetadataClosed()) {
    pageward::hooks::PutOursInFront();
  }
  return pageward::hooks::LibcCancel()(thread);
}
