#include "runtime/keys/key_broker.h"

#include "runtime/core/units.h"

namespace pageward::keys {

Result<arch::Pkey> KeyBroker::Decode(std::uint32_t slot) {
  PW_ASSERT(slot != 0);
  if (slot >= kFailed) {
    return static_cast<Error>(slot - kFailed);
  }
  return arch::Pkey(slot - 1);
}

Result<arch::Pkey> KeyBroker::Claim() {
  if (use_ == KeyUse::kNever) {
    return Error::kUnsupported;
  }
  // A filter that kills for pkey_alloc shall kill a child.
  if (os_.IsFiltered() &&
      os_.ProbeInChild(os::ProbedCall::kPkeyAlloc) != os::ProbeOutcome::kWorks) {
    return Error::kNotPermitted;
  }
  const Result<arch::Pkey> key = os_.AllocateKey(arch::KeyAccess::kNone);
  if (key.ok() && !Acts(*key)) {
    return Error::kUnsupported;
  }
  return key;
}

bool KeyBroker::Acts(arch::Pkey key) {
  const Result<VirtRange> page = os_.MapZeroed(kFrameBytes);
  if (key == arch::kDefaultPkey || !page.ok()) {
    return false;
  }
  const bool acts = os_.CanWrite(page->begin) &&
                    os_.ProtectWithKey(*page, os::Protection::kReadWrite, key).ok() &&
                    !os_.CanRead(page->begin) && !os_.CanWrite(page->begin);
  return os_.Unmap(*page).ok() && acts;
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
  const Result<arch::Pkey> key = Claim();
  slot.store(key.ok() ? 1 + key->value() : kFailed + static_cast<std::uint32_t>(key.error()),
             std::memory_order_release);
  return key;
}

Result<arch::Pkey> KeyBroker::ClaimAnother() {
  MutexLock lock(mutex_);
  // Key 0 is nobody's. What others have taken by now is theirs already and needs no keeping.
  if (claimed_count() + kKeysForOthers >= arch::Pkey::kCount - 1) {
    return Error::kNoKeys;
  }
  const Result<arch::Pkey> key = Claim();
  if (key.ok()) {
    others_.fetch_add(1, std::memory_order_relaxed);
  }
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
  unsigned count = others_.load(std::memory_order_relaxed);
  for (unsigned i = 0; i < kPurposeCount; ++i) {
    count += ClaimedKey(static_cast<Purpose>(i)).has_value() ? 1u : 0u;
  }
  return count;
}

}  // namespace pageward::keys
