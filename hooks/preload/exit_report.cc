#include "hooks/preload/exit_report.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hooks/jemalloc/metadata_area.h"
#include "hooks/preload/start.h"
#include "runtime/engine/report.h"
#include "runtime/keys/gate.h"
#include "runtime/os/syscall.h"

namespace pageward::hooks {
namespace {

constinit engine::Engine* g_reported_engine = nullptr;
constinit std::uint32_t g_reporting_process = 0;

// Which file a number stands for.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool Read(os::Descriptor descriptor) {
    struct stat about = {};
    const bool is_open = os::Syscall(SYS_fstat, descriptor.value, &about).ok();
    device = about.st_dev;
    inode = about.st_ino;
    return is_open;
  }
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

struct StandardError {
  os::Descriptor descriptor;
  FileIdentity file;
};

constinit StandardError g_standard_error;

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
  heap.metadata_area_bytes = JemallocMetadata().usable_bytes();
  heap.arenas = g_heap.arenas().count();
  heap.threads = g_heap.ThreadCount();
  return heap;
}

[[gnu::destructor]] void ReportAtExit() {
  // A fork child that ends without exec is a part of the program, and no program of its own.
  if (g_reported_engine != nullptr && g_reported_engine->os().ProcessId() == g_reporting_process) {
    const keys::Gate gate;
    static constinit char buffer[8192];
    TextWriter text(buffer, sizeof(buffer));
    engine::WriteReport(*g_reported_engine, HeapFiguresNow(), &text);
    WriteToStandardError(g_reported_engine->os(), text.view());
  }
}

}  // namespace

bool KeepStandardError(os::Os& os) {
  // Out of the way of the low numbers that programs count on.
  constexpr int kLeastDescriptor = 200;
  if (g_standard_error.descriptor.value < 0) {
    const os::SyscallResult copied =
        os::Syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, kLeastDescriptor);
    if (!copied.ok()) {
      return false;
    }
    g_standard_error.descriptor.value = static_cast<int>(copied.value());
    if (!g_standard_error.file.Read(g_standard_error.descriptor)) {
      os.Close(g_standard_error.descriptor);
      g_standard_error = StandardError();
    }
  }
  return g_standard_error.descriptor.value >= 0;
}

void WriteToStandardError(os::Os& os, std::string_view text) {
  FileIdentity now;
  if (now.Read(g_standard_error.descriptor) && now == g_standard_error.file) {
    os.Write(g_standard_error.descriptor, text);
  }
}

void PrepareExitReport(engine::Engine& engine, const engine::Config& config) {
  if (config.report != engine::ReportAt::kExit) {
    return;
  }
  if (KeepStandardError(engine.os())) {
    g_reporting_process = engine.os().ProcessId();
    g_reported_engine = &engine;
  }
}

}  // namespace pageward::hooks
