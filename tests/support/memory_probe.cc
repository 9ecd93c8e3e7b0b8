#include "tests/support/memory_probe.h"

#include <setjmp.h>
#include <signal.h>

#include <atomic>

#include "runtime/arch/cpu.h"
#include "runtime/arch/pku.h"

namespace pageward::testing_support {
namespace {

thread_local sigjmp_buf t_back;
thread_local bool t_is_probing = false;

struct sigaction g_old_segv = {};
struct sigaction g_old_bus = {};

Access Classify(int signal, int code) {
  if (signal == SIGBUS) {
    return Access::kBusError;
  }
  switch (code) {
    case SEGV_ACCERR:
      return Access::kNotAllowed;
    case SEGV_PKUERR:
      return Access::kKeyDenied;
    default:
      return Access::kNotMapped;
  }
}

void OnFault(int signal, siginfo_t* info, void* context) {
  if (t_is_probing) {
    siglongjmp(t_back, 1 + static_cast<int>(Classify(signal, info->si_code)));
  }
  const struct sigaction& old = signal == SIGBUS ? g_old_bus : g_old_segv;
  if ((old.sa_flags & SA_SIGINFO) != 0) {
    old.sa_sigaction(signal, info, context);
    return;
  }
  sigaction(signal, &old, nullptr);  // Faults again, with the old disposition.
}

void InstallHandlers() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = OnFault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &g_old_segv);
    sigaction(SIGBUS, &action, &g_old_bus);
    return true;
  }();
  static_cast<void>(installed);
}

// Not inlined: a function that is returned to twice should hold nothing else.
template <typename Touch>
[[gnu::noinline]] int Attempt(Touch touch) {
  // The signal mask is saved: a handler left by a jump must not leave SIGSEGV blocked.
  const int jumped = sigsetjmp(t_back, 1);
  if (jumped == 0) {
    touch();
  }
  return jumped;
}

template <typename Touch>
Access Try(Touch touch) {
  InstallHandlers();
  // A handler that is left by a jump leaves its thread with the handler's rights: all keys closed.
  const bool has_keys = arch::HasOspke();
  const arch::Pkru rights = has_keys ? arch::ReadPkru() : arch::Pkru();
  t_is_probing = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const int jumped = Attempt(touch);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  t_is_probing = false;
  if (jumped != 0 && has_keys) {
    arch::WritePkru(rights);
  }
  return jumped == 0 ? Access::kOk : static_cast<Access>(jumped - 1);
}

}  // namespace

Access TryRead(VirtAddr address) {
  return Try([address] { static_cast<void>(*address.AsPointer<const volatile std::uint8_t>()); });
}

Access TryWrite(VirtAddr address, std::uint8_t value) {
  return Try([address, value] { *address.AsPointer<volatile std::uint8_t>() = value; });
}

}  // namespace pageward::testing_support
