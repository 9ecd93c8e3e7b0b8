#include "runtime/engine/process_pool.h"

#include <pthread.h>

#include <new>

#include "runtime/core/bits.h"
#include "runtime/core/mutex.h"
#include "runtime/keys/gate.h"

namespace pageward::engine {
namespace {

// What stands here may be closed, as the data of the library that this is linked into: it is
// written inside the gate. The pool is not, since views would have to open it each time.
constinit Mutex g_mutex(LockRank::kEngine);
constinit std::atomic<UnmappedPool*> g_pool{nullptr};
constinit bool g_has_handlers = false;
constinit UnmappedPool::Options g_options;
constinit pthread_key_t g_thread_end = 0;
// Where the pool lies. It is made anew in a child of fork(2): nothing of the parent's is left
// there.
constinit VirtRange g_memory;

constinit thread_local ThreadViews* t_views = nullptr;

void EndThread(void* views) {
  t_views = nullptr;
  g_pool.load(std::memory_order_acquire)->RemoveThread(*static_cast<ThreadViews*>(views));
}

void BeforeFork() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  g_mutex.Lock();
  if (UnmappedPool* pool = g_pool.load(std::memory_order_relaxed)) {
    pool->LockForFork();
  }
}

void AfterForkInParent() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  if (UnmappedPool* pool = g_pool.load(std::memory_order_relaxed)) {
    pool->UnlockAfterFork();
  }
  g_mutex.Unlock();
}

void AfterForkInChild() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  ForgetLocksHeld();
  g_mutex.ReinitializeAfterFork();
  UnmappedPool* pool = g_pool.load(std::memory_order_relaxed);
  if (pool == nullptr) {
    return;
  }
  // Where something has been mapped into the hole by now, it is not the parent's memory.
  static_cast<void>(pool->ReserveAfterFork());
  g_pool.store(nullptr, std::memory_order_relaxed);
  ++g_options.epoch;
  if (t_views != nullptr) {
    t_views = nullptr;
    static_cast<void>(pthread_setspecific(g_thread_end, nullptr));
  }
}

Status InstallHandlers() {
  if (g_has_handlers) {
    return Status();
  }
  if (pthread_key_create(&g_thread_end, &EndThread) != 0) {
    return Error::kLimit;
  }
  if (pthread_atfork(&BeforeFork, &AfterForkInParent, &AfterForkInChild) != 0) {
    static_cast<void>(pthread_key_delete(g_thread_end));
    return Error::kNoMemory;
  }
  g_has_handlers = true;
  return Status();
}

Status StartLocked(os::Os& os, keys::KeyBroker& keys, const UnmappedPool::Options& options)
    PW_REQUIRES(g_mutex) {
  if (const Status installed = InstallHandlers(); !installed.ok()) {
    return installed;
  }
  if (g_memory.bytes == 0) {
    const Result<VirtRange> memory =
        os.MapZeroed(AlignUp(std::uint64_t{sizeof(UnmappedPool)}, kFrameBytes));
    if (!memory.ok()) {
      return memory.error();
    }
    g_memory = *memory;
  }
  auto* pool = ::new (g_memory.begin.AsPointer()) UnmappedPool();
  const std::uint32_t epoch = g_options.epoch;
  g_options = options;
  g_options.epoch = epoch;
  const Status started = pool->Start(os, keys, g_options);
  if (started.ok()) {
    g_pool.store(pool, std::memory_order_release);
  }
  return started;
}

}  // namespace

Status StartProcessPool(os::Os& os, keys::KeyBroker& keys, const UnmappedPool::Options& options) {
  const keys::Gate gate;
  MutexLock lock(g_mutex);
  if (g_pool.load(std::memory_order_relaxed) != nullptr) {
    return Error::kInUse;
  }
  return StartLocked(os, keys, options);
}

Result<UnmappedPool*> ProcessPool(os::Os& os, keys::KeyBroker& keys) {
  const keys::Gate gate;
  MutexLock lock(g_mutex);
  if (FindProcessPool() == nullptr) {
    if (const Status started = StartLocked(os, keys, g_options); !started.ok()) {
      return started.error();
    }
  }
  return FindProcessPool();
}

UnmappedPool* FindProcessPool() {
  return g_pool.load(std::memory_order_acquire);
}

ThreadViews* ThisThreadsViews() {
  return t_views;
}

Result<ThreadViews*> PrepareThisThread(UnmappedPool& pool) {
  if (t_views != nullptr) [[likely]] {
    return t_views;
  }
  const Result<ThreadViews*> views = [&] {
    const keys::Gate gate;  // A key may be claimed for the thread.
    return pool.AddThread();
  }();
  if (!views.ok()) {
    return views;
  }
  if (pthread_setspecific(g_thread_end, *views) != 0) {
    pool.RemoveThread(**views);
    return Error::kNoMemory;
  }
  t_views = *views;
  return views;
}

}  // namespace pageward::engine
