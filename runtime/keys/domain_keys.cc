#include "runtime/keys/domain_keys.h"

namespace pageward::keys {

const DomainKeys::Slot* DomainKeys::SlotOf(std::uint32_t domain) const {
  for (unsigned i = 0; i < slot_count_; ++i) {
    if (slots_[i].domain == domain) {
      return &slots_[i];
    }
  }
  return nullptr;
}

DomainKeys::Slot* DomainKeys::SlotOf(std::uint32_t domain) {
  const DomainKeys& self = *this;
  return const_cast<Slot*>(self.SlotOf(domain));
}

void DomainKeys::Publish(const Slot& slot, arch::Pkey key) {
  __atomic_store_n(&residents_[slot.domain], slot.handle << 4 | key.value(), __ATOMIC_RELEASE);
}

std::optional<arch::Pkey> DomainKeys::KeyOf(std::uint32_t domain) const {
  const Slot* slot = SlotOf(domain);
  return slot != nullptr && slot->is_loaded ? std::optional(slot->key) : std::nullopt;
}

// --- Finding a key -------------------------------------------------------------------------------

// Keys are claimed one at a time, when more domains than before want one.
bool DomainKeys::TryClaim() {
  if (!may_claim_ || slot_count_ == kMostKeys) {
    return false;
  }
  const Result<arch::Pkey> key = broker_.ClaimAnother();
  if (!key.ok()) {
    may_claim_ = false;
    claim_error_ = key.error();
    return false;
  }
  if (!carrier_.AdmitKey(*key).ok()) {
    // It stays claimed and unused; asking again would use up another.
    may_claim_ = false;
    return false;
  }
  slots_[slot_count_++] = Slot{.key = *key};
  return true;
}

// Makes sure that no thread has a window on the slot's domain, or opens one without coming here.
Status DomainKeys::Withdraw(Slot& slot) {
  // A pin that can be seen already saves the barrier.
  if (pins_.IsPinned(slot.key)) {
    return Error::kInUse;
  }
  Publish(slot, arch::kDefaultPkey);
  Status alone = os_.SynchronizeThreads();
  if (alone.ok() && pins_.IsPinned(slot.key)) {
    alone = Error::kInUse;
  }
  if (!alone.ok() && slot.is_loaded) {
    Publish(slot, slot.key);
  }
  return alone;
}

Status DomainKeys::Evict(Slot& slot) {
  if (const Status alone = Withdraw(slot); !alone.ok()) {
    return alone;
  }
  slot.is_loaded = false;
  if (const Status taken = carrier_.TakeKey(slot.domain); !taken.ok()) {
    // Some of its memory may still carry the key, so nobody else gets that. Its next window puts
    // the key on all of it again.
    return taken;
  }
  slot = Slot{.key = slot.key};
  ++evictions_;
  return Status();
}

Result<DomainKeys::Slot*> DomainKeys::FindSlot() {
  if (Slot* free = SlotOf(kNobody); free != nullptr) {
    return free;
  }
  if (TryClaim()) {
    return &slots_[slot_count_ - 1];
  }
  if (slot_count_ == 0) {
    return claim_error_;
  }
  Error error = Error::kNoKeys;
  for (unsigned tried = 0; tried < slot_count_; ++tried) {
    Slot& slot = slots_[hand_];
    hand_ = (hand_ + 1) % slot_count_;
    if (slot.hold == Hold::kForEver) {
      continue;
    }
    const Status evicted = Evict(slot);
    if (evicted.ok()) {
      return &slot;
    }
    if (evicted.error() != Error::kInUse) {
      error = evicted.error();
    }
  }
  pinned_refusals_ += error == Error::kNoKeys ? 1 : 0;
  return error;
}

// --- Loading -------------------------------------------------------------------------------------

Result<arch::Pkey> DomainKeys::Fill(Slot& slot) {
  if (const Status given = carrier_.GiveKey(slot.domain, slot.key); !given.ok()) {
    slot.is_loaded = false;
    if (carrier_.TakeKey(slot.domain).ok()) {
      slot = Slot{.key = slot.key};
    }
    return given.error();
  }
  slot.is_loaded = true;
  ++loads_;
  Publish(slot, slot.key);
  return slot.key;
}

Result<arch::Pkey> DomainKeys::Load(std::uint32_t domain, std::uint64_t handle) {
  PW_ASSERT(domain < residents_.size() && handle != 0);
  if (Slot* slot = SlotOf(domain); slot != nullptr) {
    return slot->is_loaded ? Result<arch::Pkey>(slot->key) : Fill(*slot);
  }
  const Result<Slot*> found = FindSlot();
  if (!found.ok()) {
    return found.error();
  }
  Slot& slot = **found;
  slot.domain = domain;
  slot.handle = handle;
  return Fill(slot);
}

unsigned DomainKeys::HeldForEver() const {
  unsigned held = 0;
  for (unsigned i = 0; i < slot_count_; ++i) {
    held += slots_[i].hold == Hold::kForEver ? 1u : 0u;
  }
  return held;
}

Status DomainKeys::LoadForEver(std::uint32_t domain, std::uint64_t handle) {
  while (HeldForEver() + kLeastShared >= slot_count_) {
    if (!TryClaim()) {
      return slot_count_ == 0 ? claim_error_ : Error::kNoKeys;
    }
  }
  const Result<arch::Pkey> key = Load(domain, handle);
  if (!key.ok()) {
    return key.error();
  }
  Slot* slot = SlotOf(domain);
  PW_CHECK(slot != nullptr, Violation::kInvariant, 3);
  slot->hold = Hold::kForEver;
  return Status();
}

Status DomainKeys::Unload(std::uint32_t domain) {
  Slot* slot = SlotOf(domain);
  if (slot == nullptr) {
    return Status();
  }
  if (const Status alone = Withdraw(*slot); !alone.ok()) {
    return alone;
  }
  slot->is_loaded = false;
  if (const Status taken = carrier_.TakeKey(domain); !taken.ok()) {
    return taken;
  }
  *slot = Slot{.key = slot->key};
  return Status();
}

void DomainKeys::Forget(std::uint32_t domain) {
  if (Slot* slot = SlotOf(domain); slot != nullptr) {
    Publish(*slot, arch::kDefaultPkey);
    *slot = Slot{.key = slot->key};
  }
}

DomainKeyCounters DomainKeys::counters() const {
  return DomainKeyCounters{.keys = slot_count_,
                           .loads = loads_,
                           .evictions = evictions_,
                           .pinned_refusals = pinned_refusals_};
}

void DomainKeys::CheckInvariants() const {
  for (std::uint32_t domain = 0; domain < residents_.size(); ++domain) {
    const auto number = static_cast<unsigned>(residents_[domain] & 15);
    const std::optional<arch::Pkey> key = KeyOf(domain);
    PW_CHECK(number == (key ? key->value() : 0), Violation::kInvariant, 3);
  }
  for (unsigned i = 0; i < slot_count_; ++i) {
    const bool is_only = slots_[i].domain == kNobody || SlotOf(slots_[i].domain) == &slots_[i];
    PW_CHECK(is_only, Violation::kInvariant, 4);
  }
}

}  // namespace pageward::keys
