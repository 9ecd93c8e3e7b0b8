#include "hooks/preload/start.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>

#include "hooks/jemalloc/extent_hooks.h"
#include "hooks/jemalloc/metadata_area.h"
#include "hooks/jemalloc/options.h"
#include "hooks/preload/environment.h"
#include "hooks/preload/exit_report.h"
#include "hooks/preload/fork.h"
#include "hooks/preload/own_data.h"
#include "hooks/preload/shim.h"
#include "hooks/preload/sodium.h"
#include "hooks/preload/traffic.h"
#include "runtime/engine/c_api.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/fault_report.h"
#include "runtime/keys/gate.h"
#include "runtime/os/linux_os.h"
#include "runtime/os/syscall.h"

namespace pageward::hooks {

constinit Heap g_heap;
constinit BootstrapHeap g_bootstrap_heap;

namespace {

// Exit status of a program that was refused: EX_CONFIG of sysexits.h.
constexpr int kExitRefused = 78;

enum class State : std::uint8_t { kNot, kBegun, kDone };

constinit os::LinuxOs g_os;
constinit engine::Engine g_engine;
constinit std::atomic<State> g_state{State::kNot};
constinit std::atomic<std::uint32_t> g_starting_thread{0};

void Say(std::string_view text) {
  Text<768> line;
  line.Append("pageward: ").Append(text);
  line.EndLine();
  g_os.Write(os::Descriptor{STDERR_FILENO}, line.view());
}

[[noreturn]] void Refuse(std::string_view why) {
  Say(why);
  static_cast<void>(os::Syscall(SYS_exit_group, kExitRefused));
  __builtin_unreachable();
}

// A mistake in a requirement must not pass for no requirement.
void OnMistake(std::string_view where, std::string_view text, std::string_view complaint) {
  Text<700> message;
  message.Append(where).Append(": ").Append(complaint);
  if (text.find("require") != std::string_view::npos) {
    Refuse(message.view());
  }
  Say(message.view());
}

engine::Config ReadConfig(const Environment& environment) {
  engine::Config config;
  Text<600> complaint;
  const std::string_view file = environment.ConfigFile();
  if (!engine::ParseConfigFile(file, environment.ProgramName(), &config, &complaint)) {
    OnMistake(Environment::kConfigPath, file, complaint.view());
    config = engine::Config();
  }
  complaint.Clear();
  const std::string_view variable = environment.Value("PAGEWARD_CONF");
  engine::Config with_variable = config;
  if (!engine::ParseConfig(variable, &with_variable, &complaint)) {
    OnMistake("PAGEWARD_CONF", variable, complaint.view());
    return config;
  }
  return with_variable;
}

void RequireTiers(const engine::Config& config) {
  const std::optional<engine::Asset> unmet = g_engine.FirstUnmetRequirement();
  if (unmet) {
    Text<160> message;
    message.Append("requirement ").Append(engine::NameOf(*unmet)).Append("=");
    message.Append(engine::NameOf(config.required.of(*unmet))).Append(" is not met: here it is ");
    message.Append(engine::NameOf(g_engine.TierOf(*unmet)));
    Refuse(message.view());
  }
}

std::uint32_t ProcessorCount() {
  cpu_set_t set;
  const os::SyscallResult got = os::Syscall(SYS_sched_getaffinity, 0, sizeof(set), &set);
  const int count = got.ok() ? CPU_COUNT_S(static_cast<std::size_t>(got.value()), &set) : 1;
  return count > 0 ? static_cast<std::uint32_t>(count) : 1;
}

HeapOptions OptionsOf(const engine::Config& config, const JemallocOptions& jemalloc) {
  HeapOptions options;
  options.bypasses_caches = jemalloc.bypasses_caches;
  if (config.profile == engine::Profile::kStrict) {
    // From a page on, what is freed must be seen to go at once.
    options.uncached_from_bytes = kFrameBytes;
  }
  options.arenas = config.arenas != 0     ? config.arenas
                   : jemalloc.arenas != 0 ? jemalloc.arenas
                                          : ProcessorCount();
  return options;
}

// Where this can't be done metadata stays open, and its tier says so.
void CloseMetadata() {
  engine::MetadataPart parts[4] = {
      {JemallocMetadata().reserved(), "jemalloc's metadata", os::Protection::kNone}};
  VirtRange data[3];
  const std::size_t count = FindOwnData(data);
  for (std::size_t i = 0; i < count; ++i) {
    parts[1 + i] = {data[i], "the data of Pageward and jemalloc", os::Protection::kReadWrite};
  }
  static_cast<void>(g_engine.CloseMetadata(std::span(parts, 1 + count)));
}

// Sealing all of it takes more of the process than of its memory: what is reserved for tables
// counts as data (RLIMIT_DATA). So it is done where it is asked for.
bool WantsAllSealed(const engine::Config& config) {
  return config.profile == engine::Profile::kStrict ||
         config.required.of(engine::Asset::kMetadata) >= engine::Tier::kSealed;
}

// Where this can't be done mappings can be changed, and the tier says so.
void SealMetadata(const engine::Config& config) {
  if (!g_engine.metadata_key()) {
    return;
  }
  VirtRange parts[4] = {keys::GateWord()};
  const std::size_t count = FindOwnData(std::span(parts).subspan(1));
  if (!g_engine.SealParts(std::span(parts, 1 + count)).ok() || !WantsAllSealed(config)) {
    return;
  }
  const VirtRange area = JemallocMetadata().reserved();
  if (JemallocMetadata().OpenWhole().ok() && g_engine.SealParts({&area, 1}).ok()) {
    static_cast<void>(g_engine.SealTables());
  }
}

void Start() {
  static constinit Environment environment;
  environment.Read(g_os);
  const engine::Config config = ReadConfig(environment);
  if (const Status started = g_engine.Start(g_os, config); !started.ok()) {
    Refuse("cannot reserve addresses for the heap; is RLIMIT_AS (ulimit -v) below 256 MiB?");
  }
  if (!JemallocMetadata().Init(g_os).ok()) {
    Refuse("cannot reserve addresses for the heap's metadata");
  }
  CloseMetadata();
  const keys::Gate gate;
  SealMetadata(config);
  RequireTiers(config);
  if (config.profile != engine::Profile::kOff) {
    engine::InstallFaultReport(g_engine);
  }
  AttachExtentHooks(g_engine.runs());
  Text<400> warning;
  StartTraffic(g_engine, config, {environment.ProgramName(), ProcessorCount()}, &warning);
  if (!warning.view().empty()) {
    Say(warning.view());
    warning.Clear();
  }
  const JemallocOptions jemalloc = StartJemalloc(
      {.program = malloc_conf != nullptr ? std::string_view(malloc_conf) : std::string_view(),
       .system = environment.SystemMallocConf(),
       .user = environment.Value("MALLOC_CONF")},
      config.profile == engine::Profile::kStrict ? Decay::kAtOnce : Decay::kAsConfigured, &warning);
  if (!warning.view().empty()) {
    Say(warning.view());
  }
  if (!g_heap.Start(g_engine.MakeObjectMap(), OptionsOf(config, jemalloc)).ok()) {
    Refuse("cannot make the first arena: no memory");
  }
  PrepareExitReport(g_engine, config);
  RegisterForkHandlers(g_engine);
  PrepareSodium(g_engine);
}

}  // namespace

bool IsStarted() {
  return g_state.load(std::memory_order_acquire) == State::kDone;
}

Started EnsureStarted() {
  if (IsStarted()) [[likely]] {
    return Started::kYes;
  }
  const auto thread = static_cast<std::uint32_t>(os::Syscall(SYS_gettid).value());
  State expected = State::kNot;
  // Looked at first: a comparison that fails writes as well, and the state is closed by then.
  if (g_state.load(std::memory_order_relaxed) == State::kNot &&
      g_state.compare_exchange_strong(expected, State::kBegun)) {
    g_starting_thread.store(thread, std::memory_order_relaxed);
    Start();
    const keys::Gate gate;
    g_state.store(State::kDone, std::memory_order_release);
    return Started::kYes;
  }
  if (g_starting_thread.load(std::memory_order_relaxed) == thread) {
    return IsStarted() ? Started::kYes : Started::kByThisThread;
  }
  while (!IsStarted()) {
    static_cast<void>(os::Syscall(SYS_sched_yield));
  }
  return Started::kYes;
}

namespace {

using ThreadEnd = void (*)(void*);
constinit ThreadEnd g_jemalloc_thread_end = nullptr;

// The objects of a thread go back before jemalloc takes leave of it.
void EndThread(void* jemalloc_data) {
  g_heap.LeaveThread();
  const keys::Gate gate;
  g_jemalloc_thread_end(jemalloc_data);
  keys::PublishThreadOpenings();
}

}  // namespace
}  // namespace pageward::hooks

// The C functions of all libraries of the process come here (runtime/engine/c_api.h).
pageward::engine::Engine* pageward::engine::OwnEngine() {
  const bool is_there = hooks::EnsureStarted() == hooks::Started::kYes;
  return is_there ? &hooks::g_engine : nullptr;
}

extern "C" {

void pageward_preload_init();
int pageward_jemalloc_key_create(pthread_key_t* key, void (*destructor)(void*));

// What libc's static part knows this library by; the usual start files, which define it, also bring
// a handler that writes a variable of theirs when the process exits.
[[gnu::visibility("hidden")]] extern const void* const __dso_handle;
const void* const __dso_handle = &__dso_handle;

}  // extern "C"

// What the loader calls when it has loaded the library (DT_INIT; the linker is told its name). So
// an unmet requirement is refused before main() also in a program that never allocates. Not a
// constructor: those are refused in this tree, since they may run after the heap is in use.
extern "C" void pageward_preload_init() {
  static_cast<void>(pageward::hooks::EnsureStarted());
}

// jemalloc's pthread_key_create(): the one key that it has ends threads.
extern "C" int pageward_jemalloc_key_create(pthread_key_t* key, void (*destructor)(void*)) {
  pageward::hooks::g_jemalloc_thread_end = destructor;
  return pthread_key_create(key, &pageward::hooks::EndThread);
}
