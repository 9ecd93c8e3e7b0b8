#include "runtime/engine/process_pool.h"

#include <pthread.h>

#include <new>

#include "runtime/core/mutex.h"
#include "runtime/os/linux_os.h"

namespace pageward::engine {
namespace {

constinit os::LinuxOs g_own_os;
constinit keys::KeyBroker g_own_keys(g_own_os, keys::KeyUse::kIfPresent);
constinit os::Os* g_os = &g_own_os;
constinit keys::KeyBroker* g_keys = &g_own_keys;

constinit Mutex g_mutex(LockRank::kEngine);
constinit std::atomic<UnmappedPool*> g_pool{nullptr};
constinit bool g_has_handlers = false;
constinit UnmappedPool::Options g_options;
constinit pthread_key_t g_thread_end = 0;
// Made anew in a child of fork(2): nothing of the parent's pool is left there.
alignas(UnmappedPool) constinit unsigned char g_memory[sizeof(UnmappedPool)] = {};

constinit thread_local ThreadViews* t_views = nullptr;

void EndThread(void* views) {
  t_views = nullptr;
  g_pool.load(std::memory_order_acquire)->RemoveThread(*static_cast<ThreadViews*>(views));
}

void BeforeFork() PW_NO_THREAD_SAFETY_ANALYSIS {
  g_mutex.Lock();
  if (UnmappedPool* pool = g_pool.load(std::memory_order_relaxed)) {
    pool->LockForFork();
  }
}

void AfterForkInParent() PW_NO_THREAD_SAFETY_ANALYSIS {
  if (UnmappedPool* pool = g_pool.load(std::memory_order_relaxed)) {
    pool->UnlockAfterFork();
  }
  g_mutex.Unlock();
}

void AfterForkInChild() PW_NO_THREAD_SAFETY_ANALYSIS {
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

Status StartLocked(const UnmappedPool::Options& options) PW_REQUIRES(g_mutex) {
  if (const Status installed = InstallHandlers(); !installed.ok()) {
    return installed;
  }
  auto* pool = ::new (static_cast<void*>(g_memory)) UnmappedPool();
  const std::uint32_t epoch = g_options.epoch;
  g_options = options;
  g_options.epoch = epoch;
  const Status started = pool->Start(*g_os, *g_keys, g_options);
  if (started.ok()) {
    g_pool.store(pool, std::memory_order_release);
  }
  return started;
}

}  // namespace

void SetPoolSurroundings(os::Os& os, keys::KeyBroker& keys) {
  PW_ASSERT(g_pool.load(std::memory_order_relaxed) == nullptr);
  g_os = &os;
  g_keys = &keys;
}

Status StartProcessPool(const UnmappedPool::Options& options) {
  MutexLock lock(g_mutex);
  if (g_pool.load(std::memory_order_relaxed) != nullptr) {
    return Error::kInUse;
  }
  return StartLocked(options);
}

Result<UnmappedPool*> ProcessPool() {
  if (UnmappedPool* pool = g_pool.load(std::memory_order_acquire)) [[likely]] {
    return pool;
  }
  MutexLock lock(g_mutex);
  if (UnmappedPool* pool = g_pool.load(std::memory_order_relaxed)) {
    return pool;
  }
  const Status started = StartLocked(g_options);
  return started.ok() ? Result<UnmappedPool*>(g_pool.load(std::memory_order_relaxed))
                      : started.error();
}

ThreadViews* ThisThreadsViews() {
  return t_views;
}

Result<ThreadViews*> PrepareThisThread(UnmappedPool& pool) {
  if (t_views != nullptr) [[likely]] {
    return t_views;
  }
  const Result<ThreadViews*> views = pool.AddThread();
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
