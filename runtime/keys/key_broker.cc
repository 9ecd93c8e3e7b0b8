#include "runtime/keys/key_broker.h"

namespace pageward::keys {

Result<arch::Pkey> KeyBroker::Decode(std::uint32_t slot) {
  PW_ASSERT(slot != 0);
  if (slot >= kFailed) {
    return static_cast<Error>(slot - kFailed);
  }
  return arch::Pkey(slot - 1);
}

Result<arch::Pkey> KeyBroker::KeyFor(Purpose purpose) {
  Slot& slot = slots_[static_cast<unsigned>(purpose)];
  if (const std::uint32_t known = slot.load(std::memory_order_acquire); known != 0) {
    return Decode(known);
  }
  MutexLock lock(mutex_);
  if (const std::uint32_t known = slot.load(std::memory_order_relaxed); known != 0) {
    return Decode(known);
  }
  Result<arch::Pkey> key = Error::kUnsupported;
  if (use_ == KeyUse::kIfPresent) {
    key = os_.AllocateKey(arch::KeyAccess::kNone);
  }
  slot.store(key.ok() ? 1 + key->value() : kFailed + static_cast<std::uint32_t>(key.error()),
             std::memory_order_release);
  return key;
}

std::optional<arch::Pkey> KeyBroker::ClaimedKey(Purpose purpose) const {
  const std::uint32_t slot = slots_[static_cast<unsigned>(purpose)].load(std::memory_order_acquire);
  if (slot == 0 || slot >= kFailed) {
    return std::nullopt;
  }
  return arch::Pkey(slot - 1);
}

unsigned KeyBroker::claimed_count() const {
  unsigned count = 0;
  for (unsigned i = 0; i < kPurposeCount; ++i) {
    count += ClaimedKey(static_cast<Purpose>(i)).has_value() ? 1u : 0u;
  }
  return count;
}

}  // namespace pageward::keys
