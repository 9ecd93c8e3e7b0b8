// fork() from one of several threads that all use the heap, again and again; the child uses it at
// once, and neither sees what the other writes afterwards. Then the other ways to make a process
// and to end a thread.
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

extern char** environ;

namespace {

std::atomic<bool> g_stop{false};

void Churn(unsigned seed) {
  std::vector<void*> held(100);
  while (!g_stop.load(std::memory_order_relaxed)) {
    seed = seed * 1664525 + 1013904223;
    void*& object = held[(seed >> 8) % held.size()];
    std::free(object);
    object = std::malloc((seed >> 12) % ((seed & 63) == 0 ? 300000 : 600));
  }
  for (void* object : held) {
    std::free(object);
  }
}

[[noreturn]] void Fail(const char* what) {
  std::printf("broken: %s\n", what);
  std::fflush(stdout);
  _exit(1);
}

int ChildWork(char* shared, std::size_t bytes) {
  std::memset(shared, 'c', bytes);
  for (int i = 0; i < 2000; ++i) {
    std::free(std::malloc(static_cast<std::size_t>(i * 37 % 50000)));
  }
  // Threads of its own.
  std::thread other([] { std::free(std::malloc(1000)); });
  other.join();
  std::free(shared);
  return 7;
}

void ForkOften() {
  constexpr std::size_t kBytes = 200000;
  for (int round = 0; round < 60; ++round) {
    char* shared = static_cast<char*>(std::malloc(kBytes));
    std::memset(shared, 'p', kBytes);
    const pid_t child = fork();
    if (child == 0) {
      _exit(ChildWork(shared, kBytes));
    }
    std::memset(shared, 'q', kBytes);
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7) {
      Fail("a fork child did not end well");
    }
    for (std::size_t i = 0; i < kBytes; ++i) {
      if (shared[i] != 'q') {
        Fail("the child's writes reached the parent");
      }
    }
    std::free(shared);
  }
}

int Waited(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void OtherProcesses() {
  char* const arguments[] = {const_cast<char*>("true"), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, "true", nullptr, nullptr, arguments, environ) != 0 ||
      Waited(child) != 0) {
    Fail("posix_spawn");
  }
  child = vfork();
  if (child == 0) {
    execvp("true", arguments);
    _exit(127);
  }
  if (Waited(child) != 0) {
    Fail("vfork");
  }
  // clone with a stack of its own, sharing the memory.
  static char stack[256 * 1024] __attribute__((aligned(16)));
  const int cloned = clone(
      [](void*) {
        std::free(std::malloc(123));
        return 5;
      },
      stack + sizeof(stack), CLONE_VM | SIGCHLD, nullptr);
  if (cloned < 0 || Waited(cloned) != 5) {
    Fail("clone");
  }
  if (std::system("exit 3") != 3 << 8) {
    Fail("system");
  }
}

void* WaitToBeCancelled(void*) {
  void* object = std::malloc(1000);
  pthread_cleanup_push([](void* held) { std::free(held); }, object);
  for (;;) {
    pause();
  }
  pthread_cleanup_pop(1);
  return nullptr;
}

void EndingThreads() {
  for (int i = 0; i < 20; ++i) {
    pthread_t thread;
    pthread_create(&thread, nullptr, WaitToBeCancelled, nullptr);
    usleep(1000);
    pthread_cancel(thread);
    void* result = nullptr;
    pthread_join(thread, &result);
    if (result != PTHREAD_CANCELED) {
      Fail("pthread_cancel");
    }
  }
  std::thread exits([] {
    std::free(std::malloc(100));
    pthread_exit(nullptr);
  });
  exits.join();
}

}  // namespace

int main() {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i) {
    threads.emplace_back(Churn, i + 1);
  }
  ForkOften();
  OtherProcesses();
  EndingThreads();
  g_stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::puts("processes and threads end well");
  return 0;
}
