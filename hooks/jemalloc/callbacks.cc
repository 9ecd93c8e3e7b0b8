#include "hooks/jemalloc/callbacks.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

using Run = void* (*)(void*);
using AtExit = void (*)();

constinit std::atomic<Run> g_run{nullptr};

constexpr int kMostAtExit = 4;
constinit AtExit g_at_exit[kMostAtExit] = {};
constinit int g_at_exit_count = 0;

void* RunInsideGate(void* argument) {
  const keys::Gate gate;
  return g_run.load(std::memory_order_acquire)(argument);
}

void RunAtExit() {
  const keys::Gate gate;
  for (int i = g_at_exit_count; i-- > 0;) {
    g_at_exit[i]();
  }
}

}  // namespace
}  // namespace pageward::hooks

extern "C" {

int pageward_jemalloc_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                     void* (*run)(void*), void* argument) {
  using namespace pageward;
  hooks::Run known = nullptr;
  if (!hooks::g_run.compare_exchange_strong(known, run) && known != run) {
    return EAGAIN;
  }
  pthread_t made = {};  // `thread` is metadata.
  int error = 0;
  {
    // A thread begins with the rights of its creator, who is inside the gate.
    const keys::BaselineScope closed;
    error = pthread_create(&made, attributes, &hooks::RunInsideGate, argument);
  }
  if (error == 0) {
    *thread = made;
  }
  return error;
}

void* pageward_jemalloc_dlsym(void*, const char*) {
  return nullptr;
}

int pageward_jemalloc_atexit(void (*at_exit)()) {
  using namespace pageward::hooks;
  if (g_at_exit_count == kMostAtExit) {
    return -1;
  }
  g_at_exit[g_at_exit_count++] = at_exit;
  return g_at_exit_count == 1 ? std::atexit(&RunAtExit) : 0;
}

}  // extern "C"
