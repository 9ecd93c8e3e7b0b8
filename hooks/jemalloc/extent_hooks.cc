#include "hooks/jemalloc/extent_hooks.h"

namespace pageward::hooks {
namespace {

constinit extent::RunAllocator* g_runs = nullptr;

VirtRange RangeOf(void* address, std::size_t bytes) {
  return VirtRange{VirtAddr::Of(address), bytes};
}

// In jemalloc's convention true means that a hook did not do what it was asked for.
constexpr bool kDone = false;
constexpr bool kRefused = true;

void* Alloc(JemallocExtentHooks*, void* new_addr, std::size_t size, std::size_t alignment,
            bool* zero, bool* commit, unsigned) {
  void* extent = nullptr;
  if (new_addr != nullptr) {
    extent = g_runs->TryAllocateAt(VirtAddr::Of(new_addr), size) ? new_addr : nullptr;
  } else if (const Result<VirtRange> run = g_runs->Allocate(size, alignment); run.ok()) {
    extent = run->begin.AsPointer();
  }
  // A run is zero and usable whether jemalloc needs it or not; telling it so saves a memset.
  *zero = true;
  *commit = true;
  return extent;
}

bool Dalloc(JemallocExtentHooks*, void* addr, std::size_t size, bool, unsigned) {
  g_runs->Free(RangeOf(addr, size));
  return kDone;
}

void Destroy(JemallocExtentHooks*, void* addr, std::size_t size, bool, unsigned) {
  g_runs->Free(RangeOf(addr, size));
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

std::optional<VirtRange> FindRun(VirtAddr address) {
  return g_runs != nullptr ? g_runs->RunContaining(address) : std::nullopt;
}

}  // namespace pageward::hooks
