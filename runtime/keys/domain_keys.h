// Protection keys as a cache over domains: there may be ten thousand domains, and there are never
// more than 15 keys.
//
// A domain whose memory carries a key is resident, and a window on it opens without a system call:
// the thread pins the key, looks whether the domain still has it, and changes its rights
// (pageward/window.h). The other side, which wants the key for another domain, is here:
//
//   1. it says that the domain is not resident any more,
//   2. lets every thread pass a memory barrier, and only then
//   3. looks at the pins of all threads. Without one, nobody has the key open or will open it
//      before he has come here for it.
//
// So the frequent side has plain stores and loads, and the rare side pays. It is the scheme of a
// hazard pointer with an asymmetric barrier; tests/model/spin/pins.pml has it checked for every
// order of steps.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/arch/pkru.h"
#include "runtime/core/result.h"
#include "runtime/keys/key_broker.h"
#include "runtime/keys/thread_pins.h"
#include "runtime/os/os.h"

namespace pageward::keys {

/// Puts keys on the memory of domains. Owned by this layer, implemented above it. Domains are known
/// by their number.
class KeyCarrier {
 public:
  /// Lets windows change the rights for `key` from now on.
  virtual Status AdmitKey(arch::Pkey key) = 0;
  /// Puts `key` on all memory of `domain`. An error may leave it on some of it.
  virtual Status GiveKey(std::uint32_t domain, arch::Pkey key) = 0;
  /// Closes all memory of `domain`, whatever part of it carries a key. An error may leave some
  /// as it was, which only who may open its key can reach.
  virtual Status TakeKey(std::uint32_t domain) = 0;

 protected:
  ~KeyCarrier() = default;
};

/// Whether a domain may lose its key.
enum class Hold : std::uint8_t { kWhileUsed, kForEver };

struct DomainKeyCounters {
  std::uint64_t keys = 0;
  std::uint64_t loads = 0;
  std::uint64_t evictions = 0;
  std::uint64_t pinned_refusals = 0;
};

/// Which domain has which key.
///
/// Externally synchronized, but for the readers of residents and the pins.
///
/// Invariants, checked by CheckInvariants():
///   K3  a domain is resident with a key exactly if that key is its own and all of its memory
///       carries it
///   K4  no two keys are of one domain
class DomainKeys {
 public:
  /// Domains share at most this many keys.
  static constexpr unsigned kMostKeys = 8;
  /// Keys that are left for domains that are not held for ever.
  static constexpr unsigned kLeastShared = 2;

  /// `residents` is what threads look at: see pageward_rights_state. Zero.
  DomainKeys(os::Os& os, KeyBroker& broker, KeyCarrier& carrier, ThreadPins& pins,
             std::span<std::uint64_t> residents)
      : os_(os), broker_(broker), carrier_(carrier), pins_(pins), residents_(residents) {}
  DomainKeys(const DomainKeys&) = delete;
  DomainKeys& operator=(const DomainKeys&) = delete;

  /// Gives the domain number `domain`, whose handle is `handle`, a key if it has none.
  ///
  /// Errors: kNoKeys, if windows hold all that there are; what the carrier, or the barrier, failed
  /// with. The domain is not resident then, and no other has lost a key that it needs.
  Result<arch::Pkey> Load(std::uint32_t domain, std::uint64_t handle);

  /// The same for as long as it lives. Errors: also kNoKeys, if too few would be left for others.
  Status LoadForEver(std::uint32_t domain, std::uint64_t handle);

  /// Returns the key that memory which `domain` gets now has to carry, if it has one.
  std::optional<arch::Pkey> KeyOf(std::uint32_t domain) const;

  /// Takes the key from `domain`, closing its memory. Errors: kInUse, while a thread has a window;
  /// what the carrier failed with.
  Status Unload(std::uint32_t domain);

  /// In a fork child, for a domain whose memory is not there any more.
  void Forget(std::uint32_t domain);

  DomainKeyCounters counters() const;

  void CheckInvariants() const;

 private:
  static constexpr std::uint32_t kNobody = ~std::uint32_t{0};

  struct Slot {
    arch::Pkey key;
    std::uint32_t domain = kNobody;
    std::uint64_t handle = 0;
    Hold hold = Hold::kWhileUsed;
    bool is_loaded = false;  // All of the domain's memory carries the key.
  };

  Slot* SlotOf(std::uint32_t domain);
  const Slot* SlotOf(std::uint32_t domain) const;
  Result<Slot*> FindSlot();
  bool TryClaim();
  Status Evict(Slot& slot);
  Status Withdraw(Slot& slot);
  Result<arch::Pkey> Fill(Slot& slot);
  void Publish(const Slot& slot, arch::Pkey key);
  unsigned HeldForEver() const;

  os::Os& os_;
  KeyBroker& broker_;
  KeyCarrier& carrier_;
  ThreadPins& pins_;
  std::span<std::uint64_t> residents_;
  Slot slots_[kMostKeys];
  unsigned slot_count_ = 0;
  unsigned hand_ = 0;  // Where the search for a victim goes on.
  bool may_claim_ = true;
  Error claim_error_ = Error::kNoKeys;
  std::uint64_t loads_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint64_t pinned_refusals_ = 0;
};

}  // namespace pageward::keys
