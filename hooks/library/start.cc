// Bringing the library to life with its first call: an engine without a heap.
#include <pageward/window.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>

#include "runtime/core/mutex.h"
#include "runtime/core/text.h"
#include "runtime/engine/c_api.h"
#include "runtime/os/linux_os.h"

namespace pageward::engine {
namespace {

constinit os::LinuxOs g_os;
constinit Engine g_engine;
constinit Mutex g_start_mutex{LockRank::kEngine};
constinit std::atomic<bool> g_is_started{false};

void Say(std::string_view text) {
  Text<768> line;
  line.Append("pageward: PAGEWARD_CONF: ").Append(text);
  line.EndLine();
  g_os.Write(os::Descriptor{STDERR_FILENO}, line.view());
}

// A mistake must not pass for no requirement: domains are refused then.
bool TryReadConfig(Config* config) {
  const char* variable = secure_getenv("PAGEWARD_CONF");
  Text<600> complaint;
  Config read;
  if (variable == nullptr || ParseConfig(variable, &read, &complaint)) {
    *config = variable == nullptr ? *config : read;
    return true;
  }
  Say(complaint.view());
  return std::string_view(variable).find("require") == std::string_view::npos;
}

void PrepareFork() PW_NO_THREAD_SAFETY_ANALYSIS {
  g_engine.PrepareFork();
}

void InParent() PW_NO_THREAD_SAFETY_ANALYSIS {
  g_engine.ParentAfterFork();
}

void InChild() PW_NO_THREAD_SAFETY_ANALYSIS {
  g_engine.ChildAfterFork(pageward_this_thread);
}

bool TryStart() {
  Config config;
  if (!TryReadConfig(&config)) {
    return false;
  }
  g_engine.StartWithoutHeap(g_os, config);
  const Tier required = config.required.of(Asset::kDomain);
  if (required != Tier::kOff && g_engine.TierOf(Asset::kDomain) < required) {
    Say("the requirement for domains is not met: there are no protection keys here");
    return false;
  }
  return pthread_atfork(&PrepareFork, &InParent, &InChild) == 0;
}

}  // namespace

Engine* OwnEngine() {
  if (g_is_started.load(std::memory_order_acquire)) [[likely]] {
    return &g_engine;
  }
  MutexLock lock(g_start_mutex);
  static constinit bool has_failed = false;
  if (has_failed) {
    return nullptr;
  }
  if (!g_is_started.load(std::memory_order_relaxed)) {
    if (!TryStart()) {
      has_failed = true;
      return nullptr;
    }
    g_is_started.store(true, std::memory_order_release);
  }
  return &g_engine;
}

}  // namespace pageward::engine
