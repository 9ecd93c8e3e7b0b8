#include "hooks/preload/exit_report.h"

#include <fcntl.h>
#include <unistd.h>

#include "hooks/jemalloc/metadata_area.h"
#include "hooks/preload/start.h"
#include "runtime/engine/report.h"
#include "runtime/os/syscall.h"

namespace pageward::hooks {
namespace {

constinit engine::Engine* g_reported_engine = nullptr;
constinit os::Descriptor g_report_to;
constinit std::uint32_t g_reporting_process = 0;

std::uint64_t ReadStatistic(const char* name) {
  std::size_t value = 0;
  std::size_t length = sizeof(value);
  return jemalloc_mallctl(name, &value, &length, nullptr, 0) == 0 ? value : 0;
}

engine::HeapFigures HeapFiguresNow() {
  std::uint64_t epoch = 1;
  static_cast<void>(jemalloc_mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch)));
  engine::HeapFigures heap;
  heap.cached_bytes = g_heap.CachedBytes();
  const std::uint64_t allocated = ReadStatistic("stats.allocated");
  heap.live_bytes = allocated > heap.cached_bytes ? allocated - heap.cached_bytes : 0;
  heap.metadata_bytes = JemallocMetadata().used_bytes();
  heap.arenas = g_heap.arenas().count();
  heap.threads = g_heap.ThreadCount();
  return heap;
}

[[gnu::destructor]] void ReportAtExit() {
  // A fork child that ends without exec is a part of the program, and no program of its own.
  if (g_reported_engine != nullptr && g_reported_engine->os().ProcessId() == g_reporting_process) {
    static constinit char buffer[8192];
    TextWriter text(buffer, sizeof(buffer));
    engine::WriteReport(*g_reported_engine, HeapFiguresNow(), &text);
    g_reported_engine->os().Write(g_report_to, text.view());
  }
}

}  // namespace

os::Descriptor KeptStandardError() {
  // Out of the way of the low numbers that programs count on.
  constexpr int kLeastDescriptor = 200;
  static constinit os::Descriptor kept;
  if (kept.value < 0) {
    const os::SyscallResult copied =
        os::Syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, kLeastDescriptor);
    kept.value = copied.ok() ? static_cast<int>(copied.value()) : -1;
  }
  return kept;
}

void PrepareExitReport(engine::Engine& engine, const engine::Config& config) {
  if (config.report != engine::ReportAt::kExit) {
    return;
  }
  g_report_to = KeptStandardError();
  if (g_report_to.value >= 0) {
    g_reporting_process = engine.os().ProcessId();
    g_reported_engine = &engine;
  }
}

}  // namespace pageward::hooks
