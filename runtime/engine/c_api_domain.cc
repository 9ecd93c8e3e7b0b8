// The functions of pageward/domain.h.
#define PAGEWARD_NO_INLINE

#include <pageward/domain.h>

#include "runtime/core/bits.h"
#include "runtime/engine/c_api.h"
#include "runtime/keys/gate.h"

namespace pageward::engine {
namespace {

constexpr std::uint64_t kUsualAlignment = 16;
constexpr std::uint32_t kKnownFlags = PAGEWARD_DOMAIN_PINNED | PAGEWARD_DOMAIN_DUMPED |
                                      PAGEWARD_DOMAIN_REQUIRES_KEYS | PAGEWARD_DOMAIN_HUGE_PAGES;

// Translates choices from outside. Returns false if one of them does not exist.
bool TryRead(const pageward_domain_options& from, domain::Options* to) {
  const auto is_known = [](auto value, auto last) {
    return static_cast<unsigned>(value) <= static_cast<unsigned>(last);
  };
  if (from.size != sizeof(from) || (from.flags & ~kKnownFlags) != 0 ||
      !is_known(from.access, PAGEWARD_DEFAULT_READ_ONLY) ||
      !is_known(from.fork, PAGEWARD_FORK_KEPT) || !is_known(from.lock, PAGEWARD_LOCK_NEVER) ||
      !is_known(from.wipe, PAGEWARD_WIPE_BEFORE_REUSE)) {
    return false;
  }
  to->access = static_cast<domain::DefaultAccess>(from.access);
  to->fork = static_cast<domain::ForkPolicy>(from.fork);
  to->lock = static_cast<domain::LockPolicy>(from.lock);
  to->wipe = static_cast<domain::WipePolicy>(from.wipe);
  to->is_pinned = (from.flags & PAGEWARD_DOMAIN_PINNED) != 0;
  to->is_dumped = (from.flags & PAGEWARD_DOMAIN_DUMPED) != 0;
  to->requires_keys = (from.flags & PAGEWARD_DOMAIN_REQUIRES_KEYS) != 0;
  to->prefers_huge_pages = (from.flags & PAGEWARD_DOMAIN_HUGE_PAGES) != 0;
  for (std::size_t i = 0; from.name != nullptr && i + 1 < sizeof(to->name); ++i) {
    to->name[i] = from.name[i];
    if (from.name[i] == '\0') {
      break;
    }
  }
  return true;
}

constexpr domain::Handle HandleOf(pageward_domain domain) {
  return domain::Handle{domain.value};
}

// Calls `request(domains)` inside the gate. What it answers is for the caller to hand out, outside:
// the program's pointers may lead anywhere.
template <typename Request>
pageward_status Ask(Request request) {
  const Result<domain::Domains*> domains = DomainsOfProcess();
  if (!domains.ok()) {
    return StatusFor(domains.error());
  }
  const keys::Gate gate;
  return StatusFor(request(**domains));
}

}  // namespace
}  // namespace pageward::engine

using pageward::VirtAddr;
using pageward::domain::Domains;
using pageward::engine::Ask;
using pageward::engine::HandleOf;
namespace domain = pageward::domain;

pageward_status pageward_domain_create(const pageward_domain_options* options,
                                       pageward_domain* domain) {
  domain::Options wanted;
  if (domain == nullptr || (options != nullptr && !pageward::engine::TryRead(*options, &wanted))) {
    return PAGEWARD_INVALID;
  }
  domain::Handle handle;
  const pageward_status status = Ask([&](Domains& domains) {
    const auto created = domains.Create(wanted);
    handle = created.ok() ? *created : domain::Handle{};
    return created.ok() ? pageward::Status() : pageward::Status(created.error());
  });
  domain->value = handle.value;
  return status;
}

pageward_status pageward_domain_destroy(pageward_domain domain) {
  return Ask([&](Domains& domains) { return domains.Destroy(HandleOf(domain)); });
}

pageward_status pageward_domain_describe(pageward_domain domain, pageward_domain_info* info) {
  if (info == nullptr || info->size != sizeof(*info)) {
    return PAGEWARD_INVALID;
  }
  domain::Description found;
  const pageward_status status =
      Ask([&](Domains& domains) { return domains.Describe(HandleOf(domain), &found); });
  if (status != PAGEWARD_OK) {
    return status;
  }
  *info = pageward_domain_info{.size = sizeof(*info),
                               .name = {},
                               .objects = found.objects,
                               .object_bytes = found.object_bytes,
                               .reserved_bytes = found.reserved_bytes,
                               .locked_bytes = found.locked_bytes,
                               .lock_failures = found.lock_failures,
                               .is_by_key = found.means == domain::Means::kKey ? 1 : 0,
                               .has_key = found.has_key ? 1 : 0,
                               .is_open = found.is_open ? 1 : 0};
  static_assert(sizeof(info->name) == sizeof(found.options.name));
  __builtin_memcpy(info->name, found.options.name, sizeof(info->name));
  return PAGEWARD_OK;
}

pageward_status pageward_alloc(pageward_domain domain, size_t bytes, size_t alignment,
                               void** object) {
  if (object == nullptr) {
    return PAGEWARD_INVALID;
  }
  VirtAddr made;
  const std::uint64_t aligned = alignment == 0 ? pageward::engine::kUsualAlignment : alignment;
  const pageward_status status = Ask(
      [&](Domains& domains) { return domains.Allocate(HandleOf(domain), bytes, aligned, &made); });
  *object = status == PAGEWARD_OK ? made.AsPointer() : nullptr;
  return status;
}

pageward_status pageward_realloc(pageward_domain domain, void** object, size_t bytes,
                                 size_t alignment) {
  if (object == nullptr) {
    return PAGEWARD_INVALID;
  }
  if (*object == nullptr) {
    return pageward_alloc(domain, bytes, alignment, object);
  }
  VirtAddr moved = VirtAddr::Of(*object);
  const std::uint64_t aligned = alignment == 0 ? pageward::engine::kUsualAlignment : alignment;
  const pageward_status status = Ask([&](Domains& domains) {
    return domains.Reallocate(HandleOf(domain), &moved, bytes, aligned);
  });
  if (status == PAGEWARD_OK) {
    *object = moved.AsPointer();
  }
  return status;
}

pageward_status pageward_free(pageward_domain domain, void* object) {
  if (object == nullptr) {
    return PAGEWARD_OK;
  }
  return Ask(
      [&](Domains& domains) { return domains.Free(HandleOf(domain), VirtAddr::Of(object)); });
}

pageward_status pageward_usable_size(pageward_domain domain, const void* object, size_t* bytes) {
  if (bytes == nullptr) {
    return PAGEWARD_INVALID;
  }
  std::uint64_t usable = 0;
  const pageward_status status = Ask([&](Domains& domains) {
    return domains.UsableBytes(HandleOf(domain), VirtAddr::Of(object), &usable);
  });
  *bytes = usable;
  return status;
}
