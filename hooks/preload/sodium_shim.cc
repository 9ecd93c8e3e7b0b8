// sodium_malloc and its family: libsodium's rules about arguments, results and errno, over the
// guarded heap, or libsodium's own functions.
//
// Source of the rules: "Secure memory" in libsodium's documentation. sodium_mlock, sodium_munlock
// and sodium_memzero work on any memory and stay libsodium's.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "hooks/preload/shim.h"
#include "hooks/preload/sodium.h"
#include "hooks/sodium/guarded_heap.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

constinit GuardedHeap g_guarded_heap;
constinit bool g_serves_sodium = false;

// The analysis can't follow a lock from one handler to the next.
void LockBeforeFork() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  g_guarded_heap.LockForFork();
}
void UnlockInParent() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  g_guarded_heap.UnlockAfterFork();
}
void UnlockInChild() PW_NO_THREAD_SAFETY_ANALYSIS {
  const keys::Gate gate;
  g_guarded_heap.UnlockInChild();
}

// The first call may come before the heap has started, but none can come from within its start.
bool Serves() {
  static_cast<void>(EnsureStarted());
  return g_serves_sodium;
}

int NoMemory() {
  errno = ENOMEM;
  return -1;
}

// One of libsodium's own functions, looked up once.
template <typename Function>
class Next {
 public:
  explicit constexpr Next(const char* name) : name_(name) {}

  /// Returns null if there is no libsodium behind this library.
  Function* Get() {
    void* found = found_.load(std::memory_order_acquire);
    if (found == nullptr) {
      found = ::dlsym(RTLD_NEXT, name_);
      const keys::Gate gate;
      found_.store(found, std::memory_order_release);
    }
    return reinterpret_cast<Function*>(found);
  }

 private:
  const char* name_;
  std::atomic<void*> found_{nullptr};
};

constinit Next<void*(std::size_t)> g_next_malloc("sodium_malloc");
constinit Next<void*(std::size_t, std::size_t)> g_next_allocarray("sodium_allocarray");
constinit Next<void(void*)> g_next_free("sodium_free");
constinit Next<int(void*)> g_next_noaccess("sodium_mprotect_noaccess");
constinit Next<int(void*)> g_next_readonly("sodium_mprotect_readonly");
constinit Next<int(void*)> g_next_readwrite("sodium_mprotect_readwrite");

void* Allocate(std::size_t bytes) {
  void* object = g_guarded_heap.Allocate(bytes);
  if (object == nullptr) {
    errno = ENOMEM;
  }
  return object;
}

int Protect(void* object, os::Protection protection, Next<int(void*)>& next) {
  if (!Serves()) {
    int (*const real)(void*) = next.Get();
    return real != nullptr ? real(object) : NoMemory();
  }
  return g_guarded_heap.Protect(object, protection).ok() ? 0 : NoMemory();
}

}  // namespace

void PrepareSodium(engine::Engine& engine) {
  const engine::Config& config = engine.config();
  if (config.sodium == engine::SodiumMode::kOff || config.profile == engine::Profile::kOff) {
    return;
  }
  g_guarded_heap.Prepare(engine.os(), {.uses_guards = config.uses_guards,
                                       .uses_huge_pages = config.uses_huge_pages,
                                       .metadata_key = engine.metadata_key()});
  const int failed = pthread_atfork(&LockBeforeFork, &UnlockInParent, &UnlockInChild);
  PW_CHECK(failed == 0, Violation::kUnexpectedErrno, failed);
  g_serves_sodium = true;
}

}  // namespace pageward::hooks

using namespace pageward::hooks;

PW_EXPORT void* sodium_malloc(std::size_t bytes) {
  if (!Serves()) {
    void* (*const real)(std::size_t) = g_next_malloc.Get();
    return real != nullptr ? real(bytes) : (NoMemory(), nullptr);
  }
  return Allocate(bytes);
}

PW_EXPORT void* sodium_allocarray(std::size_t count, std::size_t size) {
  if (!Serves()) {
    void* (*const real)(std::size_t, std::size_t) = g_next_allocarray.Get();
    return real != nullptr ? real(count, size) : (NoMemory(), nullptr);
  }
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return Allocate(bytes);
}

PW_EXPORT void sodium_free(void* object) {
  if (object == nullptr) {
    return;
  }
  if (Serves()) {
    g_guarded_heap.Free(object);
  } else if (void (*const real)(void*) = g_next_free.Get(); real != nullptr) {
    real(object);
  }
}

PW_EXPORT int sodium_mprotect_noaccess(void* object) {
  return Protect(object, pageward::os::Protection::kNone, g_next_noaccess);
}

PW_EXPORT int sodium_mprotect_readonly(void* object) {
  return Protect(object, pageward::os::Protection::kRead, g_next_readonly);
}

PW_EXPORT int sodium_mprotect_readwrite(void* object) {
  return Protect(object, pageward::os::Protection::kReadWrite, g_next_readwrite);
}
