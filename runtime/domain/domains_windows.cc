// Windows that take more than a change of a register, and the keys that they come by.
#include <cstring>

#include "runtime/domain/domains.h"
#include "runtime/keys/access_scope.h"

namespace pageward::domain {

// --- Rights --------------------------------------------------------------------------------------

Rights Domains::ClosedRightsOf(const Domain& domain) const {
  if (domain.means == Means::kProtection && domain.options.access == DefaultAccess::kReadOnly) {
    return Rights{os::Protection::kRead, arch::kDefaultPkey};
  }
  return closed_;
}

// What the windows that are open by page permissions add up to.
Rights Domains::ProtectionRightsOf(const Domain& domain) const {
  if (domain.writers > 0) {
    return Rights{os::Protection::kReadWrite, arch::kDefaultPkey};
  }
  return domain.readers > 0 ? Rights{os::Protection::kRead, arch::kDefaultPkey}
                            : ClosedRightsOf(domain);
}

// --- keys::KeyCarrier ----------------------------------------------------------------------------

Status Domains::AdmitKey(arch::Pkey key) {
  const std::uint32_t bits = domain_key_bits_ | 3u << (2 * key.value());
  const Status published = published_.Publish(residents_, bits);
  domain_key_bits_ = published.ok() ? bits : domain_key_bits_;
  return published;
}

Status Domains::GiveKey(std::uint32_t domain, arch::Pkey key) {
  return zone_->SetRights(domains_[domain], Rights{os::Protection::kReadWrite, key});
}

Status Domains::TakeKey(std::uint32_t domain) {
  return zone_->SetRights(domains_[domain], closed_);
}

// --- Windows -------------------------------------------------------------------------------------

Status Domains::ChangeProtection(Domain& domain) {
  const Rights wanted = ProtectionRightsOf(domain);
  if (wanted == domain.memory.rights) {
    return Status();
  }
  const Rights former = domain.memory.rights;
  const Status changed = zone_->SetRights(domain, wanted);
  if (!changed.ok()) {
    // Going back needs no mapping that has not been there a moment ago.
    const Status restored = zone_->SetRights(domain, former);
    PW_CHECK(restored.ok(), Violation::kProtection, domain.handle.value);
  }
  return changed;
}

Outcome Domains::Open(Handle handle, Access access, keys::ThreadState& thread,
                      std::optional<arch::Pkey>* key) {
  MutexLock lock(mutex_);
  Outcome outcome;
  Domain* domain = Find(handle, &outcome);
  if (domain == nullptr) {
    return outcome;
  }
  if (domain->means == Means::kKey) {
    PW_ASSERT(thread.ticket != 0);
    const Result<arch::Pkey> loaded = keys_->Load(handle.index(), handle.value);
    if (!loaded.ok()) {
      return Outcome{Refusal::kError, loaded.error()};
    }
    // Nobody takes the key away before the lock is free again.
    ++thread.pins[loaded->value()];
    *key = *loaded;
    return Outcome{};
  }
  std::uint32_t& count = access == Access::kReadWrite ? domain->writers : domain->readers;
  ++count;
  const Status opened = ChangeProtection(*domain);
  count -= opened.ok() ? 0u : 1u;
  return Outcome::Of(opened);
}

Outcome Domains::CloseForAll(Handle handle, Access access) {
  MutexLock lock(mutex_);
  Outcome outcome;
  Domain* domain = Find(handle, &outcome);
  if (domain == nullptr) {
    return outcome;
  }
  std::uint32_t& count = access == Access::kReadWrite ? domain->writers : domain->readers;
  if (domain->means == Means::kKey || count == 0) {
    return Outcome{Refusal::kNoObject};
  }
  --count;
  const Status closed = ChangeProtection(*domain);
  count += closed.ok() ? 0u : 1u;
  return Outcome::Of(closed);
}

// --- Looking inside ------------------------------------------------------------------------------

Result<std::optional<arch::Pkey>> Domains::BeginAccess(Domain& domain, Handle as) {
  if (domain.means == Means::kKey) {
    const Result<arch::Pkey> key = keys_->Load(IndexOf(domain), as.value);
    if (!key.ok()) {
      return key.error();
    }
    return std::optional(*key);
  }
  ++domain.writers;
  if (const Status opened = ChangeProtection(domain); !opened.ok()) {
    --domain.writers;
    return opened.error();
  }
  return std::optional<arch::Pkey>();
}

// Closing can fail for want of a mapping, where the open memory of two domains has become one. The
// domain is open then and says so; whatever is done to it next tries again.
Status Domains::EndAccess(Domain& domain) {
  if (domain.means == Means::kKey) {
    return Status();
  }
  --domain.writers;
  return ChangeProtection(domain);
}

Status Domains::Wipe(Domain& domain, VirtRange range) {
  // What fills pageblocks may never have been touched, and goes with its pages if they aren't
  // locked.
  if (range.bytes >= kPageblockBytes && os_.Discard(range).ok()) {
    return Status();
  }
  const auto key = BeginAccess(domain, domain.handle);
  if (!key.ok()) {
    return key.error();
  }
  {
    const keys::AccessScope scope(*key, arch::KeyAccess::kReadWrite);
    std::memset(range.begin.AsPointer(), 0, range.bytes);
  }
  wiped_bytes_ += range.bytes;
  return EndAccess(domain);
}

Status Domains::Copy(Domain& domain, VirtAddr from, VirtAddr to, std::uint64_t bytes) {
  const auto key = BeginAccess(domain, domain.handle);
  if (!key.ok()) {
    return key.error();
  }
  {
    const keys::AccessScope scope(*key, arch::KeyAccess::kReadWrite);
    std::memcpy(to.AsPointer(), from.AsPointer(), bytes);
  }
  return EndAccess(domain);
}

// For a domain that nobody can name any more. Where its memory can't be reached, since windows hold
// every key, giving the pages back has to do: the system clears them for whoever comes next.
void Domains::WipeAll(Domain& domain) {
  const auto key = BeginAccess(domain, kNobody);
  if (!key.ok()) {
    return;
  }
  {
    const keys::AccessScope scope(*key, arch::KeyAccess::kReadWrite);
    const DomainZone& zone = *zone_;
    std::uint64_t wiped_bytes = 0;
    heap_->ForEachRun(domain, [&](FrameRange run) {
      // What fills pageblocks may never have been touched, and goes with its pages.
      if (run.count < kPageblockOrder.frames()) {
        std::memset(zone.AddressOf(run.begin).AsPointer(), 0, run.count.bytes());
        wiped_bytes += run.count.bytes();
      }
    });
    wiped_bytes_ += wiped_bytes;
  }
  static_cast<void>(EndAccess(domain));
}

}  // namespace pageward::domain
