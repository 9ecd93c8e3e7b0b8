// What glibc offers about its heap beyond POSIX, answered for ours.
#include <malloc.h>

#include <cerrno>
#include <cstdio>

#include "hooks/jemalloc/extent_hooks.h"
#include "hooks/jemalloc/jemalloc_api.h"
#include "hooks/preload/shim.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

std::size_t ReadSize(const char* name) {
  std::size_t value = 0;
  std::size_t length = sizeof(value);
  return jemalloc_mallctl(name, &value, &length, nullptr, 0) == 0 ? value : 0;
}

void RefreshStatistics() {
  std::uint64_t epoch = 1;
  static_cast<void>(jemalloc_mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch)));
}

int Clamped(std::size_t value) {
  return value > static_cast<std::size_t>(__INT_MAX__) ? __INT_MAX__ : static_cast<int>(value);
}

}  // namespace
}  // namespace pageward::hooks

using namespace pageward::hooks;

/// Gives back what can be given back; returns 1 if that was anything. The pad is ignored: there is
/// no top of the heap here.
PW_EXPORT int malloc_trim(std::size_t) {
  if (EnsureStarted() == Started::kByThisThread) {
    return 0;
  }
  const pageward::keys::Gate gate;
  g_heap.FlushThread();
  RefreshStatistics();
  const std::size_t before = ReadSize("stats.resident");
  // 4096 stands for all arenas (MALLCTL_ARENAS_ALL).
  static_cast<void>(jemalloc_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0));
  FinishPurge();
  RefreshStatistics();
  return ReadSize("stats.resident") < before ? 1 : 0;
}

PW_EXPORT struct mallinfo2 mallinfo2() {
  struct mallinfo2 info = {};
  if (EnsureStarted() == Started::kYes) {
    const pageward::keys::Gate gate;
    RefreshStatistics();
    info.arena = ReadSize("stats.mapped");
    info.uordblks = ReadSize("stats.allocated");
    info.fordblks = info.arena > info.uordblks ? info.arena - info.uordblks : 0;
    info.keepcost = ReadSize("stats.resident");
  }
  return info;
}

PW_EXPORT struct mallinfo mallinfo() {
  const struct mallinfo2 wide = mallinfo2();
  struct mallinfo info = {};
  info.arena = Clamped(wide.arena);
  info.uordblks = Clamped(wide.uordblks);
  info.fordblks = Clamped(wide.fordblks);
  info.keepcost = Clamped(wide.keepcost);
  return info;
}

/// Accepts every parameter, as hints about another design.
PW_EXPORT int mallopt(int, int) {
  return 1;
}

PW_EXPORT void malloc_stats() {
  if (EnsureStarted() == Started::kYes) {
    const pageward::keys::Gate gate;
    jemalloc_malloc_stats_print(nullptr, nullptr, "mdablxeg");
  }
}

PW_EXPORT int malloc_info(int options, FILE* stream) {
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  const struct mallinfo2 info = mallinfo2();
  const int written = std::fprintf(
      stream,
      "<malloc version=\"pageward-1\">\n<total type=\"allocated\" size=\"%zu\"/>\n"
      "<total type=\"mapped\" size=\"%zu\"/>\n<total type=\"resident\" size=\"%zu\"/>\n</malloc>\n",
      info.uordblks, info.arena, info.keepcost);
  return written < 0 ? -1 : 0;
}
