#include "hooks/preload/fork.h"

#include <pageward/window.h>
#include <pthread.h>

#include "hooks/jemalloc/metadata_area.h"
#include "hooks/preload/start.h"
#include "hooks/preload/traffic.h"
#include "runtime/core/lock_rank.h"
#include "runtime/engine/fault_report.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

using Handler = void (*)();

struct Handlers {
  Handler prepare = nullptr;
  Handler parent = nullptr;
  Handler child = nullptr;
};

constinit engine::Engine* g_forking_engine = nullptr;
constinit Handlers g_jemalloc_handlers;

void Call(Handler handler) {
  if (handler != nullptr) {
    handler();
  }
}

// The analysis can't follow a lock from one handler to the next.
void Prepare() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  g_heap.PrepareFork();
  Call(g_jemalloc_handlers.prepare);
  LockTrafficForFork();
  g_forking_engine->PrepareFork();
  JemallocMetadata().LockForFork();
}

void InParent() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  JemallocMetadata().UnlockAfterFork();
  g_forking_engine->ParentAfterFork();
  UnlockTrafficInParent();
  Call(g_jemalloc_handlers.parent);
  g_heap.ParentAfterFork();
}

void InChild() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  JemallocMetadata().UnlockAfterFork();
  g_forking_engine->ChildAfterFork(pageward_this_thread);
  UnlockTrafficInChild();
  Call(g_jemalloc_handlers.child);
  g_heap.ChildAfterFork();
  engine::TakeOverFaultReport();
}

}  // namespace

void RegisterForkHandlers(engine::Engine& engine) {
  g_forking_engine = &engine;
  const int failed = pthread_atfork(&Prepare, &InParent, &InChild);
  PW_CHECK(failed == 0, Violation::kUnexpectedErrno, failed);
}

}  // namespace pageward::hooks

extern "C" int pageward_jemalloc_atfork(void (*prepare)(), void (*parent)(), void (*child)());

// jemalloc's pthread_atfork().
extern "C" int pageward_jemalloc_atfork(void (*prepare)(), void (*parent)(), void (*child)()) {
  pageward::hooks::g_jemalloc_handlers = {prepare, parent, child};
  return 0;
}
