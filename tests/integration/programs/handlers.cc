// Signal handlers that use the heap, are left by jumps, and are asked about: everything behaves as
// it does without the preload library. Prints a line about each.
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

sigjmp_buf g_back;
void* g_kept[64];
volatile int g_calls = 0;

void UseHeap() {
  for (int i = 0; i < 64; ++i) {
    std::free(g_kept[i]);
    g_kept[i] = std::malloc(static_cast<std::size_t>(i * 700 + 16));
  }
}

void Count(int) {
  ++g_calls;
}
void UseHeapIn(int) {
  ++g_calls;
  UseHeap();
}
void JumpOut(int) {
  siglongjmp(g_back, 1);
}
void WithInfo(int number, siginfo_t* info, void*) {
  std::printf("info %d %d\n", info->si_signo == number, info->si_value.sival_int);
}
void OnSegv(int, siginfo_t* info, void*) {
  g_calls = info->si_code == SEGV_MAPERR ? 100 : 200;
  UseHeap();
  siglongjmp(g_back, 1);
}

struct sigaction ActionOf(void (*handler)(int), int flags = 0) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  return action;
}

void UseInHandlers() {
  const struct sigaction action = ActionOf(&UseHeapIn);
  sigaction(SIGUSR1, &action, nullptr);
  for (int i = 0; i < 20; ++i) {
    UseHeap();
    raise(SIGUSR1);
  }
  std::printf("used in a handler %d\n", g_calls);
}

void LeaveByJump() {
  int jumps = 0;
  signal(SIGUSR2, &JumpOut);
  for (int i = 0; i < 20; ++i) {
    if (sigsetjmp(g_back, 1) == 0) {
      raise(SIGUSR2);
    } else {
      ++jumps;
      UseHeap();
      std::thread([] { UseHeap(); }).join();
    }
  }
  std::printf("left by a jump %d\n", jumps);
}

void Ask() {
  struct sigaction old = {};
  sigaction(SIGUSR1, nullptr, &old);
  std::printf("asked %d %d\n", old.sa_handler == &UseHeapIn, (old.sa_flags & SA_SIGINFO) != 0);
  std::printf("replaced %d\n", signal(SIGUSR1, &Count) == &UseHeapIn);
  sigaction(SIGUSR1, nullptr, &old);
  std::printf("as signal() does %d %d\n", (old.sa_flags & SA_RESTART) != 0,
              old.sa_handler == &Count && sigismember(&old.sa_mask, SIGUSR1) == 1);
  siginterrupt(SIGUSR1, 1);
  signal(SIGUSR1, &Count);
  sigaction(SIGUSR1, nullptr, &old);
  std::printf("interrupting %d\n", (old.sa_flags & SA_RESTART) == 0 && old.sa_handler == &Count);
  std::printf("ignored %d\n", signal(SIGUSR1, SIG_IGN) == &Count);
  std::printf("default %d\n", signal(SIGUSR1, SIG_DFL) == SIG_IGN);
  std::printf("wrong %d %d\n", signal(SIGKILL, &Count) == SIG_ERR, signal(999, &Count) == SIG_ERR);
  struct sigaction masked = ActionOf(&Count);
  sigfillset(&masked.sa_mask);
  sigaction(SIGUSR1, &masked, nullptr);
  sigaction(SIGUSR1, nullptr, &old);
  std::printf("mask %d\n", sigismember(&old.sa_mask, SIGSEGV));
  struct sigaction once = ActionOf(&Count, static_cast<int>(SA_RESETHAND));
  sigaction(SIGUSR1, &once, nullptr);
  raise(SIGUSR1);
  sigaction(SIGUSR1, nullptr, &old);
  std::printf("once %d\n", old.sa_handler == SIG_DFL);
}

void TakeInfo() {
  struct sigaction action = {};
  action.sa_sigaction = &WithInfo;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGRTMIN, &action, nullptr);
  sigqueue(getpid(), SIGRTMIN, sigval{.sival_int = 7});
}

void CatchFaults() {
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_sigaction = &OnSegv;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
  int caught = 0;
  auto* nothing = static_cast<volatile char*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  munmap(const_cast<char*>(nothing), 4096);
  for (int i = 0; i < 10; ++i) {
    if (sigsetjmp(g_back, 1) == 0) {
      *nothing = 1;
    } else {
      ++caught;
      UseHeap();
    }
  }
  std::printf("faults caught %d %d\n", caught, g_calls);
  sigaction(SIGSEGV, nullptr, &old);
  std::printf("fault handler %d\n", old.sa_sigaction == &OnSegv);
}

// What a launcher does between vfork() and exec.
void ResetInChild() {
  const pid_t child = vfork();
  if (child == 0) {
    signal(SIGUSR2, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  struct sigaction old = {};
  sigaction(SIGSEGV, nullptr, &old);
  int jumped = 0;
  if (sigsetjmp(g_back, 1) == 0) {
    raise(SIGUSR2);
  } else {
    jumped = 1;
  }
  std::printf("after vfork %d %d %d\n", status, old.sa_sigaction == &OnSegv, jumped);
}

void DieInChild() {
  std::fflush(stdout);
  for (const bool own : {false, true}) {
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGSEGV, own ? [](int) { _exit(42); } : SIG_DFL);
      UseHeap();
      raise(SIGSEGV);
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    std::printf("child %d %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                WIFEXITED(status) ? WEXITSTATUS(status) : 0);
  }
}

}  // namespace

int main() {
  UseInHandlers();
  LeaveByJump();
  Ask();
  TakeInfo();
  CatchFaults();
  ResetInChild();
  DieInChild();
  return 0;
}
