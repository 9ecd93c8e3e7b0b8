// The functions of pageward/window.h: the twins of what programs have compiled in, and the ways
// that are not compiled in.
#define PAGEWARD_NO_INLINE

#include <pageward/runtime.h>
#include <pageward/window.h>

#include "runtime/arch/pku.h"
#include "runtime/engine/c_api.h"
#include "runtime/keys/gate.h"

namespace engine = pageward::engine;
namespace domain = pageward::domain;

namespace {

// The lower bit of each key's field in PKRU.
constexpr std::uint32_t kAccessDisableBits = 0x55555555;

}  // namespace

pageward_status pageward_window_open(pageward_domain domain, pageward_access access,
                                     pageward_window* window) {
  return pageward_window_open_inlined(domain, access, window);
}

pageward_status pageward_window_close(pageward_window* window) {
  return pageward_window_close_inlined(window);
}

pageward_status pageward_window_open_slowly(pageward_domain domain, pageward_access access,
                                            pageward_window* window) {
  if (window == nullptr || (access != PAGEWARD_READ_ONLY && access != PAGEWARD_READ_WRITE)) {
    return PAGEWARD_INVALID;
  }
  *window = pageward_window{};
  const auto domains = engine::DomainsOfProcess();
  if (!domains.ok()) {
    return engine::StatusFor(domains.error());
  }
  if (const auto known = engine::EnsureThread(**domains); !known.ok()) {
    return engine::StatusFor(known);
  }
  std::optional<pageward::arch::Pkey> key;
  domain::Outcome opened;
  {
    const pageward::keys::Gate gate;
    opened = (*domains)->Open(
        domain::Handle{domain.value},
        access == PAGEWARD_READ_WRITE ? domain::Access::kReadWrite : domain::Access::kReadOnly,
        pageward_this_thread, &key);
  }
  if (!opened.ok()) {
    return engine::StatusFor(opened);
  }
  if (key) {
    pageward_enter_window(domain, access, key->value(), window);
  } else {
    *window = pageward_window{pageward_this_thread.ticket, domain.value,
                              static_cast<std::uint32_t>(access), 0};
  }
  return PAGEWARD_OK;
}

pageward_status pageward_window_close_slowly(pageward_window* window) {
  if (window == nullptr || window->ticket_ == 0) {
    return PAGEWARD_INVALID;
  }
  if (window->ticket_ != pageward_this_thread.ticket) {
    // A ticket is given once: this one is another thread's, or this thread's before a fork.
    const auto domains = engine::DomainsOfProcess();
    bool is_ours = false;
    if (domains.ok()) {
      const pageward::keys::Gate gate;
      is_ours = (*domains)->HasForked();
    }
    window->ticket_ = is_ours ? 0 : window->ticket_;
    return is_ours ? PAGEWARD_GONE : PAGEWARD_INVALID;
  }
  if (window->key_ != 0) {
    return PAGEWARD_INVALID;  // No key has that number.
  }
  const auto domains = engine::DomainsOfProcess();
  if (!domains.ok()) {
    return engine::StatusFor(domains.error());
  }
  domain::Outcome closed;
  {
    const pageward::keys::Gate gate;
    closed =
        (*domains)->CloseForAll(domain::Handle{window->domain_},
                                window->former_ == PAGEWARD_READ_WRITE ? domain::Access::kReadWrite
                                                                       : domain::Access::kReadOnly);
  }
  if (closed.ok()) {
    window->ticket_ = 0;
  }
  return engine::StatusFor(closed);
}

int pageward_thread_create(pthread_t* thread, const pthread_attr_t* attributes,
                           void* (*start)(void*), void* argument) {
  const pageward_rights_state* rights = pageward_rights_of_process();
  const std::uint32_t bits = rights->domain_key_bits;
  if (bits == 0) {
    return pthread_create(thread, attributes, start, argument);
  }
  // A thread begins with the rights of the one that makes it.
  const std::uint32_t before = pageward_read_rights();
  pageward_write_rights(before, before | (bits & kAccessDisableBits), rights);
  const int failed = pthread_create(thread, attributes, start, argument);
  const std::uint32_t now = pageward_read_rights();
  pageward_write_rights(now, (now & ~bits) | (before & bits), rights);
  return failed;
}
