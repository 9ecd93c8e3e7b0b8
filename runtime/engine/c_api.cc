#define PAGEWARD_NO_INLINE

#include "runtime/engine/c_api.h"

#include <pageward/runtime.h>
#include <pageward/stats.h>
#include <pthread.h>

#include <atomic>
#include <string_view>

#include "runtime/arch/pku.h"
#include "runtime/core/open_page.h"
#include "runtime/keys/gate.h"

extern "C" {

// Where inlined windows look: a page of its own, so that it can be made read-only, and none of
// metadata, so that every thread can read it always. Programs know it by its first member.
[[gnu::section("pageward_open"),
  gnu::visibility("hidden")]] constinit pageward::OpenPage<pageward_rights_state>
    pageward_rights_page;
extern PAGEWARD_API const pageward_rights_state pageward_rights
    __attribute__((alias("pageward_rights_page")));

PAGEWARD_API __thread pageward_thread_state pageward_this_thread = {};

}  // extern "C"

namespace pageward::engine {
namespace {

class RightsPage final : public domain::PublishedRights {
 public:
  Status Publish(const std::uint64_t* residents, std::uint32_t domain_key_bits) override;
};

constinit RightsPage g_rights_page;
constinit std::atomic<os::Os*> g_os{nullptr};

constinit pthread_key_t g_thread_key = 0;
constinit std::atomic<bool> g_has_thread_key{false};
constinit Mutex g_thread_key_mutex{LockRank::kLeaf};

Status RightsPage::Publish(const std::uint64_t* residents, std::uint32_t domain_key_bits) {
  os::Os& os = *g_os.load(std::memory_order_relaxed);
  const VirtRange page{VirtAddr::Of(&pageward_rights_page), kFrameBytes};
  if (const Status opened = os.Protect(page, os::Protection::kReadWrite); !opened.ok()) {
    return opened;
  }
  pageward_rights_state& rights = pageward_rights_page.value;
  __atomic_store_n(&rights.domain_key_bits, domain_key_bits, __ATOMIC_RELAXED);
  __atomic_store_n(&rights.residents, residents, __ATOMIC_RELEASE);
  // Read-only is a precaution; where it can't be had windows work as well.
  static_cast<void>(os.Protect(page, os::Protection::kRead));
  return Status();
}

void EndThread(void*) {
  Engine* engine = static_cast<Engine*>(pageward_engine_of_process(PAGEWARD_VERSION));
  if (engine != nullptr && engine->domains() != nullptr) {
    const keys::Gate gate;
    engine->domains()->RemoveThread(pageward_this_thread);
  }
}

bool EnsureThreadKey() {
  if (g_has_thread_key.load(std::memory_order_acquire)) {
    return true;
  }
  const keys::Gate gate;
  MutexLock lock(g_thread_key_mutex);
  if (!g_has_thread_key.load(std::memory_order_relaxed)) {
    if (pthread_key_create(&g_thread_key, &EndThread) != 0) {
      return false;
    }
    g_has_thread_key.store(true, std::memory_order_release);
  }
  return true;
}

}  // namespace

Result<domain::Domains*> DomainsOfProcess() {
  auto* engine = static_cast<Engine*>(pageward_engine_of_process(PAGEWARD_VERSION));
  if (engine == nullptr) {
    return Error::kUnsupported;
  }
  if (domain::Domains* domains = engine->domains(); domains != nullptr) {
    return domains;
  }
  const keys::Gate gate;
  g_os.store(&engine->os(), std::memory_order_relaxed);
  return engine->StartDomains(g_rights_page);
}

Status EnsureThread(domain::Domains& domains) {
  if (pageward_this_thread.ticket != 0) {
    return Status();
  }
  if (!EnsureThreadKey()) {
    return Error::kLimit;
  }
  Status added;
  {
    const keys::Gate gate;
    added = domains.AddThread(pageward_this_thread);
  }
  // Any value but null lets the destructor run. May allocate, so it comes with no lock held.
  if (added.ok() && pthread_setspecific(g_thread_key, &pageward_this_thread) != 0) {
    EndThread(nullptr);
    return Error::kNoMemory;
  }
  return added;
}

pageward_status StatusFor(Error error) {
  switch (error) {
    case Error::kNoMemory:
      return PAGEWARD_NO_MEMORY;
    case Error::kNoAddressSpace:
    case Error::kNoFrames:
      return PAGEWARD_NO_ADDRESS_SPACE;
    case Error::kNoKeys:
      return PAGEWARD_NO_KEYS;
    case Error::kTooManyMappings:
      return PAGEWARD_TOO_MANY_MAPPINGS;
    case Error::kLimit:
      return PAGEWARD_LIMIT;
    case Error::kNotPermitted:
    case Error::kWouldBlock:
      return PAGEWARD_NOT_PERMITTED;
    case Error::kUnsupported:
      return PAGEWARD_UNSUPPORTED;
    case Error::kInUse:
      return PAGEWARD_IN_USE;
    case Error::kInvalid:
      break;
  }
  return PAGEWARD_INVALID;
}

pageward_status StatusFor(domain::Outcome outcome) {
  switch (outcome.refusal) {
    case domain::Refusal::kNone:
      return PAGEWARD_OK;
    case domain::Refusal::kGone:
      return PAGEWARD_GONE;
    case domain::Refusal::kWrongDomain:
      return PAGEWARD_WRONG_DOMAIN;
    case domain::Refusal::kError:
      return StatusFor(outcome.error);
    case domain::Refusal::kNoDomain:
    case domain::Refusal::kNoObject:
      break;
  }
  return PAGEWARD_INVALID;
}

}  // namespace pageward::engine

namespace engine = pageward::engine;

void* pageward_engine_of_process(const char* version) {
  return std::string_view(version) == PAGEWARD_VERSION ? engine::OwnEngine() : nullptr;
}

const char* pageward_version(void) {
  return PAGEWARD_VERSION;
}

pageward_status pageward_start(void) {
  const auto domains = engine::DomainsOfProcess();
  return domains.ok() ? PAGEWARD_OK : engine::StatusFor(domains.error());
}

const char* pageward_domain_tier(void) {
  const auto domains = engine::DomainsOfProcess();
  return domains.ok() && (*domains)->UsesKeys() ? "pku" : "mprotect";
}

const char* pageward_status_string(pageward_status status) {
  switch (status) {
    case PAGEWARD_OK:
      return "It is done.";
    case PAGEWARD_NO_MEMORY:
      return "The system grants no more memory.";
    case PAGEWARD_NO_ADDRESS_SPACE:
      return "No range of addresses of that size is left.";
    case PAGEWARD_NO_KEYS:
      return "Every protection key is in use.";
    case PAGEWARD_TOO_MANY_MAPPINGS:
      return "The system's limit on mappings is reached.";
    case PAGEWARD_LIMIT:
      return "A limit is reached.";
    case PAGEWARD_NOT_PERMITTED:
      return "The system refuses it.";
    case PAGEWARD_UNSUPPORTED:
      return "This kernel or processor has no such thing.";
    case PAGEWARD_IN_USE:
      return "Somebody is using it.";
    case PAGEWARD_INVALID:
      return "The arguments make no sense.";
    case PAGEWARD_GONE:
      return "It stayed behind in the process that forked this one.";
    case PAGEWARD_WRONG_DOMAIN:
      return "The memory belongs to another domain.";
  }
  return "This is no status of Pageward.";
}

pageward_status pageward_stats_get(pageward_stats* stats) {
  if (stats == nullptr || stats->size != sizeof(*stats)) {
    return PAGEWARD_INVALID;
  }
  const auto domains = engine::DomainsOfProcess();
  if (!domains.ok()) {
    return engine::StatusFor(domains.error());
  }
  pageward::domain::Counters counters;
  {
    const pageward::keys::Gate gate;
    counters = (*domains)->counters();
  }
  *stats = pageward_stats{.size = sizeof(*stats),
                          .domains = counters.domains,
                          .domain_bytes = counters.bytes,
                          .domain_objects = counters.objects,
                          .domain_keys = counters.keys.keys,
                          .domain_loads = counters.keys.loads,
                          .domain_evictions = counters.keys.evictions,
                          .domain_pinned_refusals = counters.keys.pinned_refusals,
                          .domain_key_changes = counters.rights_changes,
                          .domain_wiped_bytes = counters.wiped_bytes,
                          .domain_lock_failures = counters.lock_failures,
                          .domain_lost_in_fork = counters.lost_in_fork};
  return PAGEWARD_OK;
}
