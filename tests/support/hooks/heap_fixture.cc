#include "tests/support/hooks/heap_fixture.h"

#include <pthread.h>

#include "hooks/jemalloc/extent_hooks.h"
#include "hooks/jemalloc/metadata_area.h"
#include "hooks/jemalloc/options.h"
#include "runtime/os/linux_os.h"

namespace pageward::testing_support {
namespace {

os::LinuxOs g_os;
engine::Engine g_engine;
hooks::Heap g_test_heap;

void StartOnce() {
  static const bool started = [] {
    engine::Config config;
    config.zone_bytes = std::uint64_t{64} << 30;
    PW_CHECK(g_engine.Start(g_os, config).ok(), Violation::kAssertion, 1);
    PW_CHECK(hooks::JemallocMetadata().Init(g_os).ok(), Violation::kAssertion, 2);
    hooks::AttachExtentHooks(g_engine.runs());
    Text<200> warning;
    static_cast<void>(
        hooks::StartJemalloc({.program = {}, .system = {}, .user = "dirty_decay_ms:0"},
                             hooks::Decay::kAsConfigured, &warning));
    hooks::HeapOptions options;
    options.arenas = 2;
    PW_CHECK(g_test_heap.Start(g_engine.MakeObjectMap(), options).ok(), Violation::kAssertion, 3);
    return true;
  }();
  static_cast<void>(started);
}

}  // namespace

engine::Engine& TestEngine() {
  StartOnce();
  return g_engine;
}

hooks::Heap& TestHeap() {
  StartOnce();
  return g_test_heap;
}

}  // namespace pageward::testing_support

extern "C" {

int pageward_jemalloc_atfork(void (*prepare)(), void (*parent)(), void (*child)());
int pageward_jemalloc_key_create(pthread_key_t* key, void (*destructor)(void*));

int pageward_jemalloc_atfork(void (*)(), void (*)(), void (*)()) {
  return 0;
}

namespace {
void (*g_thread_end)(void*) = nullptr;

void EndThread(void* data) {
  pageward::testing_support::TestHeap().LeaveThread();
  g_thread_end(data);
}
}  // namespace

int pageward_jemalloc_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  g_thread_end = destructor;
  return pthread_key_create(key, &EndThread);
}

}  // extern "C"
