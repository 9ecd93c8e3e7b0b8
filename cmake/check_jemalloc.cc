// Tries out what the hooks rely on in the jemalloc that they were given. Run at configure time.
//
// Exit status: 0 all is well, 1 this jemalloc is unfit, 2 it is fit but for the batch entry points.
// One sentence on standard output says what was found.
#include <jemalloc/jemalloc.h>
#include <pthread.h>
#include <sys/mman.h>

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

#include "hooks/jemalloc/jemalloc_api.h"
#include "hooks/jemalloc/jemalloc_batch.h"
#include "runtime/object/size_class.h"

using pageward::hooks::AllocxArena;
using pageward::hooks::BatchFill;
using pageward::hooks::BatchFlush;
using pageward::hooks::FindArenaWord;
using pageward::hooks::FlushTarget;
using pageward::hooks::kAllocxNoCache;
using pageward::hooks::kAllocxZero;

static_assert(JEMALLOC_VERSION_MAJOR == 5 && JEMALLOC_VERSION_MINOR == 3, "jemalloc 5.3 is needed");
static_assert(sizeof(JemallocExtentHooks) == sizeof(extent_hooks_t));
static_assert(offsetof(JemallocExtentHooks, merge) == offsetof(extent_hooks_t, merge));
static_assert(kAllocxZero == MALLOCX_ZERO);
static_assert(kAllocxNoCache == MALLOCX_TCACHE_NONE);
static_assert(AllocxArena(7) == MALLOCX_ARENA(7));

extern "C" {
// Without effect on this check, but for the counts.
const char* jemalloc_malloc_conf = "narenas:1,tcache:false,oversize_threshold:0,retain:false";
int g_key_count = 0;
int g_fork_count = 0;
void* pageward_jemalloc_mmap(void* a, size_t n, int p, int f, int d, off_t o) {
  return mmap(a, n, p, f, d, o);
}
int pageward_jemalloc_munmap(void* a, size_t n) {
  return munmap(a, n);
}
int pageward_jemalloc_mprotect(void* a, size_t n, int p) {
  return mprotect(a, n, p);
}
int pageward_jemalloc_madvise(void* a, size_t n, int v) {
  return madvise(a, n, v);
}
void* pageward_jemalloc_sbrk(intptr_t) {
  return reinterpret_cast<void*>(-1);
}
int pageward_jemalloc_atfork(void (*)(), void (*)(), void (*)()) {
  return ++g_fork_count, 0;
}
int pageward_jemalloc_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  ++g_key_count;
  return pthread_key_create(key, destructor);
}
int pageward_jemalloc_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                     void* (*run)(void*), void* argument) {
  return pthread_create(thread, attributes, run, argument);
}
void* pageward_jemalloc_dlsym(void*, const char*) {
  return nullptr;
}
int pageward_jemalloc_atexit(void (*at_exit)()) {
  return atexit(at_exit);
}
}

namespace {

int g_hook_calls = 0;

void* Alloc(JemallocExtentHooks*, void* new_addr, size_t size, size_t alignment, bool* zero,
            bool* commit, unsigned) {
  ++g_hook_calls;
  if (new_addr != nullptr) {
    return nullptr;
  }
  char* raw = static_cast<char*>(
      mmap(nullptr, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  *zero = *commit = true;
  return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(raw) + alignment - 1) &
                                 ~(alignment - 1));
}
bool Refuse(JemallocExtentHooks*, void*, size_t, size_t, size_t, unsigned) {
  return true;
}
bool Accept(JemallocExtentHooks*, void*, size_t, bool, unsigned) {
  return false;
}
void Destroy(JemallocExtentHooks*, void*, size_t, bool, unsigned) {}
bool Split(JemallocExtentHooks*, void*, size_t, size_t, size_t, bool, unsigned) {
  return false;
}
bool Merge(JemallocExtentHooks*, void*, size_t, void*, size_t, bool, unsigned) {
  return false;
}

JemallocExtentHooks g_hooks = {Alloc,  Accept, Destroy, Refuse, Refuse,
                               Refuse, Refuse, Split,   Merge};

[[noreturn]] void Unfit(const char* why) {
  std::printf("%s", why);
  std::fflush(stdout);
  _exit(1);
}

[[noreturn]] void NoBatch(const char* why) {
  std::printf("%s", why);
  std::fflush(stdout);
  _exit(2);
}

template <typename T>
T Read(const char* name) {
  T value{};
  size_t length = sizeof(value);
  if (jemalloc_mallctl(name, &value, &length, nullptr, 0) != 0) {
    Unfit(name);
  }
  return value;
}

void CheckSizes() {
  using namespace pageward::object;
  if (Read<unsigned>("arenas.nbins") != kSlabClassCount + 1) {
    Unfit("it has other small size classes than ours");
  }
  for (unsigned i = 0; i < kSlabClassCount; ++i) {
    char name[64];
    std::snprintf(name, sizeof(name), "arenas.bin.%u.size", i + 1);
    if (Read<size_t>(name) != BytesOf(SizeClass(i))) {
      Unfit("its small size classes differ from ours");
    }
  }
  for (size_t i = kSlabClassCount; i < kSizeClassCount; ++i) {
    if (jemalloc_nallocx(BytesOf(SizeClass(i)), 0) != BytesOf(SizeClass(i))) {
      Unfit("its large size classes differ from ours");
    }
  }
}

// Objects of bin `bin_index` that are out of `arena`.
size_t ObjectsOut(unsigned arena, size_t bin_index) {
  uint64_t epoch = 1;
  jemalloc_mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch));
  char name[64];
  std::snprintf(name, sizeof(name), "stats.arenas.%u.bins.%zu.curregs", arena, bin_index);
  return Read<size_t>(name);
}

void CheckBatches(unsigned arena) {
  unsigned cache = 0;
  size_t length = sizeof(cache);
  if (jemalloc_mallctl("tcache.create", &cache, &length, nullptr, 0) != 0) {
    NoBatch("it makes no explicit thread caches");
  }
  const size_t arena_word = FindArenaWord(cache);
  if (arena_word == FlushTarget::kSlowWords) {
    NoBatch("its thread caches have another layout");
  }
  static FlushTarget target;
  target.Init(je_arenas[arena], arena_word);
  for (size_t i = 0; i < pageward::object::kSlabClassCount; ++i) {
    const size_t bytes = pageward::object::BytesOf(pageward::object::SizeClass(i));
    const auto bin = static_cast<unsigned>(i + 1);
    std::set<void*> seen;
    std::vector<void*> all;
    for (int round = 0; round < 6; ++round) {
      void* slots[50];
      if (BatchFill(je_arenas[arena], bin, slots) != 50) {
        NoBatch("a batch was not filled");
      }
      for (void* object : slots) {
        if (!seen.insert(object).second || jemalloc_sallocx(object, 0) != bytes) {
          NoBatch("a batch held a wrong object");
        }
        std::memset(object, 0x5a, bytes);
        all.push_back(object);
      }
    }
    if (ObjectsOut(arena, bin) != all.size()) {
      NoBatch("it counts other objects than it gave out");
    }
    BatchFlush(target, bin, all);
    if (ObjectsOut(arena, bin) != 0) {
      NoBatch("a batch that was given back did not arrive");
    }
  }
}

void OnFault(int) {
  NoBatch("its thread caches or arenas have another layout");
}

}  // namespace

int main() {
  if (std::strncmp(Read<const char*>("version"), "5.3.", 4) != 0) {
    Unfit("it is not jemalloc 5.3");
  }
  if (Read<unsigned>("opt.narenas") != 1 || Read<bool>("opt.tcache") || Read<bool>("opt.retain") ||
      Read<size_t>("opt.oversize_threshold") != 0) {
    Unfit("it does not take the options that the hooks set");
  }
  if (g_key_count != 1 || g_fork_count != 1) {
    Unfit("its thread or fork handlers are not where the hooks expect them");
  }
  CheckSizes();
  JemallocArenaConfig config = {&g_hooks, false};
  unsigned arena = 0;
  size_t length = sizeof(arena);
  if (jemalloc_mallctl("experimental.arenas_create_ext", &arena, &length, &config,
                       sizeof(config)) != 0) {
    Unfit("it cannot make an arena whose metadata stays away from the hooks");
  }
  if (g_hook_calls != 0) {
    Unfit("it asked the hooks for metadata");
  }
  void* large = jemalloc_mallocx(100000, AllocxArena(arena) | kAllocxNoCache);
  if (large == nullptr || g_hook_calls != 1) {
    Unfit("an allocation did not come through the hooks");
  }
  jemalloc_dallocx(large, kAllocxNoCache);
  std::signal(SIGSEGV, OnFault);
  CheckBatches(arena);
  std::printf("fit");
  return 0;
}
