// Finding out what is possible without dying of it.
//
// Trying a system call in a child, so that a seccomp filter kills the child and not the program.
//
// The child is a plain copy made by clone(2) without a termination signal: no fork handler of the
// program runs, and its own wait() never sees it. It does not share our memory (CLONE_VM): before
// Linux 5.16 a core dump of the killed child would take every process with the same memory along.
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>

#include "runtime/os/linux_abi.h"
#include "runtime/os/linux_os.h"
#include "runtime/os/syscall.h"

namespace pageward::os {
namespace {

constexpr int kExitWorks = 0;
constexpr int kExitRefused = 1;

bool Attempt(ProbedCall call) {
  switch (call) {
    case ProbedCall::kPkeyAlloc: {
      // Closed for the child; a shared address space does not share PKRU, and the key goes back.
      const SyscallResult key = Syscall(SYS_pkey_alloc, 0, 1);
      return key.ok() && Syscall(SYS_pkey_free, key.value()).ok();
    }
    case ProbedCall::kMemfdSecret: {
      const SyscallResult descriptor = Syscall(kSysMemfdSecret, 0);
      return descriptor.ok() && Syscall(SYS_close, descriptor.value()).ok();
    }
    case ProbedCall::kMseal:
      // Sealing nothing succeeds where the call exists: mm/mseal.c returns 0 for an empty range.
      return Syscall(kSysMseal, 0, 0, 0).ok();
    case ProbedCall::kGuardInstall:
      return Syscall(SYS_madvise, 0, 0, kMadvGuardInstall).ok();
  }
  return false;
}

}  // namespace

bool LinuxOs::CanRead(VirtAddr address) {
  // The kernel reads the word, compares it with 0 and does not wait for anything: EAGAIN if it is
  // another, ETIMEDOUT if it is not. A filter that forbids futex(2) would have stopped libc.
  timespec no_time = {};
  const SyscallResult result =
      Syscall(SYS_futex, address.value(), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &no_time);
  return result.ok() || result.error() != EFAULT;
}

bool LinuxOs::CanWrite(VirtAddr address) {
  return Syscall(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, address.value()).ok();
}

bool LinuxOs::IsFiltered() {
  // Not prctl(PR_GET_SECCOMP), for which strict filters kill.
  char status[4096];
  const Result<std::size_t> length = ReadFile("/proc/self/status", status);
  if (!length.ok()) {
    return true;  // Somebody keeps /proc from us: be careful.
  }
  constexpr std::string_view kField = "\nSeccomp:\t";
  const std::string_view text(status, *length);
  const std::size_t at = text.find(kField);
  return at != std::string_view::npos && at + kField.size() < text.size() &&
         text[at + kField.size()] != '0';
}

ProbeOutcome LinuxOs::ProbeInChild(ProbedCall call) {
  const SyscallResult child = Syscall(SYS_clone, 0, 0, 0, 0, 0);
  if (!child.ok()) {
    return ProbeOutcome::kUnknown;
  }
  if (child.value() == 0) {
    static_cast<void>(Syscall(SYS_exit_group, Attempt(call) ? kExitWorks : kExitRefused));
    __builtin_unreachable();
  }
  int status = 0;
  for (;;) {
    const SyscallResult waited = Syscall(SYS_wait4, child.value(), &status, __WALL, 0);
    if (waited.ok()) {
      break;
    }
    if (waited.error() != EINTR) {
      return ProbeOutcome::kUnknown;
    }
  }
  if (WIFEXITED(status)) {
    return WEXITSTATUS(status) == kExitWorks ? ProbeOutcome::kWorks : ProbeOutcome::kRefused;
  }
  return ProbeOutcome::kKilled;
}

}  // namespace pageward::os
