#include "hooks/jemalloc/extent_hooks.h"

#include <atomic>
#include <optional>

namespace pageward::hooks {
namespace {

constinit extent::RunAllocator* g_runs = nullptr;
constinit std::atomic<unsigned> g_watched_arena{~0u};
constinit std::atomic<std::uint64_t> g_watched_bytes{0};

bool IsWatched(unsigned arena) {
  return arena == g_watched_arena.load(std::memory_order_relaxed);
}

VirtRange RangeOf(void* address, std::size_t bytes) {
  return VirtRange{VirtAddr::Of(address), bytes};
}

// In jemalloc's convention true means that a hook did not do what it was asked for.
constexpr bool kDone = false;
constexpr bool kRefused = true;

std::optional<VirtRange> AllocateAt(void* address, std::size_t bytes) {
  const VirtRange run = RangeOf(address, bytes);
  return g_runs->TryAllocateAt(run.begin, bytes) ? std::optional(run) : std::nullopt;
}

std::optional<VirtRange> AllocateZeroed(std::size_t bytes, std::size_t alignment) {
  const Result<VirtRange> run = g_runs->Allocate(bytes, alignment);
  return run.ok() ? std::optional(*run) : std::nullopt;
}

void* Alloc(JemallocExtentHooks*, void* new_addr, std::size_t size, std::size_t alignment,
            bool* zero, bool* commit, unsigned arena) {
  std::optional<VirtRange> run;
  bool is_zero = false;
  if (new_addr == nullptr && !*zero) {
    run = g_runs->TryReuse(size, alignment);
  }
  if (!run) {
    run = new_addr != nullptr ? AllocateAt(new_addr, size) : AllocateZeroed(size, alignment);
    is_zero = true;
  }
  if (!run) {
    return nullptr;
  }
  if (IsWatched(arena)) {
    g_watched_bytes.fetch_add(size, std::memory_order_relaxed);
  }
  // Most runs are zero whether jemalloc needs it or not; telling it so saves a memset.
  *zero = is_zero;
  *commit = true;
  return run->begin.AsPointer();
}

void Destroy(JemallocExtentHooks*, void* addr, std::size_t size, bool, unsigned arena) {
  g_runs->Free(RangeOf(addr, size));
  if (IsWatched(arena)) {
    g_watched_bytes.fetch_sub(size, std::memory_order_relaxed);
  }
}

bool Dalloc(JemallocExtentHooks* hooks, void* addr, std::size_t size, bool committed,
            unsigned arena) {
  Destroy(hooks, addr, size, committed, arena);
  return kDone;
}

bool Commit(JemallocExtentHooks*, void* addr, std::size_t, std::size_t offset, std::size_t length,
            unsigned) {
  return g_runs->Commit(RangeOf(static_cast<char*>(addr) + offset, length)).ok() ? kDone : kRefused;
}

bool Decommit(JemallocExtentHooks*, void* addr, std::size_t, std::size_t offset, std::size_t length,
              unsigned) {
  g_runs->Decommit(RangeOf(static_cast<char*>(addr) + offset, length));
  return kDone;
}

// Lazily purged pages would keep their contents for as long as the system likes: not here.
bool PurgeLazy(JemallocExtentHooks*, void*, std::size_t, std::size_t, std::size_t, unsigned) {
  return kRefused;
}

// The range stays in use, so it must stay usable, and read as zeros.
bool PurgeForced(JemallocExtentHooks*, void* addr, std::size_t, std::size_t offset,
                 std::size_t length, unsigned) {
  const VirtRange part = RangeOf(static_cast<char*>(addr) + offset, length);
  g_runs->Decommit(part);
  return g_runs->Commit(part).ok() ? kDone : kRefused;
}

bool Split(JemallocExtentHooks*, void* addr, std::size_t size, std::size_t size_a, std::size_t,
           bool, unsigned) {
  return g_runs->TrySplit(RangeOf(addr, size), size_a) ? kDone : kRefused;
}

bool Merge(JemallocExtentHooks*, void* addr_a, std::size_t size_a, void* addr_b, std::size_t size_b,
           bool, unsigned) {
  return g_runs->TryMerge(RangeOf(addr_a, size_a), RangeOf(addr_b, size_b)) ? kDone : kRefused;
}

constinit JemallocExtentHooks g_hooks = {Alloc,     Dalloc,      Destroy, Commit, Decommit,
                                         PurgeLazy, PurgeForced, Split,   Merge};

}  // namespace

void AttachExtentHooks(extent::RunAllocator& runs) {
  g_runs = &runs;
}

JemallocExtentHooks* ExtentHooks() {
  return &g_hooks;
}

Result<unsigned> CreateArena() {
  JemallocArenaConfig config = {ExtentHooks(), false};
  unsigned index = 0;
  std::size_t length = sizeof(index);
  const int error =
      jemalloc_mallctl("experimental.arenas_create_ext", &index, &length, &config, sizeof(config));
  return error == 0 ? Result<unsigned>(index) : Error::kNoMemory;
}

void WatchArena(unsigned arena) {
  g_watched_arena.store(arena, std::memory_order_relaxed);
  g_watched_bytes.store(0, std::memory_order_relaxed);
}

std::uint64_t WatchedBytes() {
  return g_watched_bytes.load(std::memory_order_relaxed);
}

void FinishPurge() {
  g_runs->CloseFreedRuns();
}

std::optional<VirtRange> FindRun(VirtAddr address) {
  return g_runs != nullptr ? g_runs->RunContaining(address) : std::nullopt;
}

}  // namespace pageward::hooks
