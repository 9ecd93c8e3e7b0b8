// Threads that use the heap after they have lost their rights to read its metadata, in every way
// that the preload library can't foresee; without keys there is nothing to lose. Prints what was
// done.
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace {

// What Linux gives a program that knows nothing of keys: all closed but key 0.
// Source: init_pkru_value in arch/x86/mm/pkeys.c.
constexpr std::uint32_t kInitialRights = 0x55555554;

bool g_has_keys = false;
sigjmp_buf g_back;
volatile int g_calls = 0;

bool HasKeys() {
  std::ifstream file("/proc/cpuinfo");
  std::string word;
  while (file >> word) {
    if (word == "ospke") {
      return true;
    }
  }
  return false;
}

void LoseRights() {
  if (g_has_keys) {
    asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(kInitialRights), "c"(0), "d"(0) : "memory");
  }
}

void UseHeap() {
  void* objects[200];
  for (std::size_t i = 0; i < 200; ++i) {
    objects[i] = std::malloc(i * 90);
  }
  for (void* object : objects) {
    std::free(object);
  }
}

// The kernel's struct sigaction (x86-64).
struct KernelAction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

[[gnu::naked]] void Restore() {
  asm volatile("mov $15, %eax\n syscall");  // rt_sigreturn
}

// Past libc, and so past everybody who would have liked to know.
void Install(int signal, void (*handler)(int, siginfo_t*, void*)) {
  constexpr unsigned long kRestorer = 0x04000000;  // SA_RESTORER
  KernelAction action = {handler, SA_SIGINFO | SA_NODEFER | kRestorer, &Restore, 0};
  if (syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(action.mask)) != 0) {
    std::exit(4);
  }
}

void UseHeapIn(int, siginfo_t*, void*) {
  ++g_calls;
  UseHeap();
}

void JumpOut(int, siginfo_t*, void*) {
  siglongjmp(g_back, 1);
}

void InHandler() {
  Install(SIGUSR1, &UseHeapIn);
  raise(SIGUSR1);
  UseHeap();
}

void AfterJump() {
  Install(SIGUSR2, &JumpOut);
  if (sigsetjmp(g_back, 1) == 0) {
    raise(SIGUSR2);
  }
  UseHeap();
}

// A thread that was there before there was a heap whose metadata was closed.
void OlderThanTheHeap() {
  LoseRights();
  UseHeap();
}

}  // namespace

int main() {
  g_has_keys = HasKeys();
  std::thread(&InHandler).join();
  std::thread(&AfterJump).join();
  std::thread(&OlderThanTheHeap).join();
  std::printf("handlers %d\n", g_calls);
  return 0;
}
