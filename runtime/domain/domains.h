// Domains: memory that threads open for themselves. What the C functions of pageward/domain.h and
// the slow half of pageward/window.h stand on.
//
// One lock for all of it. What is frequent, windows, takes none; making and freeing objects does,
// and wiping an object is the longest that it is held for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/core/late_init.h"
#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/core/text.h"
#include "runtime/domain/domain.h"
#include "runtime/domain/domain_heap.h"
#include "runtime/domain/domain_zone.h"
#include "runtime/keys/domain_keys.h"
#include "runtime/keys/key_broker.h"
#include "runtime/keys/thread_pins.h"
#include "runtime/os/os.h"
#include "runtime/space/leaf_table.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::domain {

/// Where code that is compiled into programs looks: pageward_rights. Owned by this layer,
/// implemented where that variable is.
class PublishedRights {
 public:
  /// Says where residents stand and which bits of PKRU windows may change, or that there is nothing
  /// to be seen any more. Errors: those of changing protection.
  virtual Status Publish(const std::uint64_t* residents, std::uint32_t domain_key_bits) = 0;

 protected:
  ~PublishedRights() = default;
};

enum class Access : std::uint8_t { kReadOnly, kReadWrite };

/// Why a request for an object was refused.
enum class Refusal : std::uint8_t {
  kNone,
  kNoDomain,     ///< The handle names nothing.
  kGone,         ///< Its memory stayed with the parent.
  kWrongDomain,  ///< The object is another domain's.
  kNoObject,     ///< It is no live object.
  kError,        ///< See `error`.
};

/// How a request ended.
struct Outcome {
  Refusal refusal = Refusal::kNone;
  Error error = Error::kInvalid;

  static constexpr Outcome Of(Status status) {
    return status.ok() ? Outcome{} : Outcome{Refusal::kError, status.error()};
  }
  constexpr bool ok() const { return refusal == Refusal::kNone; }
};

struct Counters {
  keys::DomainKeyCounters keys;
  std::uint64_t domains = 0;
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
  std::uint64_t rights_changes = 0;
  std::uint64_t wiped_bytes = 0;
  std::uint64_t lock_failures = 0;
  std::uint64_t lost_in_fork = 0;
};

/// What Describe() says.
struct Description {
  Options options;
  Means means = Means::kKey;
  bool has_key = false;
  bool is_open = false;  ///< For the whole process.
  std::uint64_t objects = 0;
  std::uint64_t object_bytes = 0;
  std::uint64_t reserved_bytes = 0;
  std::uint64_t locked_bytes = 0;
  std::uint64_t lock_failures = 0;
};

/// All domains of a process.
///
/// Thread-safe (lock rank kDomains). Never allocates. Violations by the program end the process:
/// kDoubleFree, kInteriorPointer and kForeignPointer, when such a pointer is freed.
class Domains final : private keys::KeyCarrier {
 public:
  struct Sizes {
    std::uint64_t most_zone_bytes = std::uint64_t{256} << 30;
    std::uint64_t least_zone_bytes = std::uint64_t{64} << 20;
  };

  constexpr Domains(os::Os& os, keys::KeyBroker& broker, PublishedRights& published)
      : os_(os), broker_(broker), published_(published) {}
  Domains(const Domains&) = delete;
  Domains& operator=(const Domains&) = delete;

  /// Reserves addresses. Once, before anything else. What it decides by carries `metadata_key` from
  /// the start, if there is one; callers of everything else are inside the gate then.
  ///
  /// Errors: kNoAddressSpace, kNoMemory, kTooManyMappings.
  Status Init(const Sizes& sizes, std::optional<arch::Pkey> metadata_key);

  /// Whether domains are closed by keys here, rather than by page permissions.
  bool UsesKeys() const { return uses_keys_; }
  VirtRange zone_range() const { return reservation_.frames(); }
  /// What this decides by: the tables of the zone with their gaps, and the list of domains.
  VirtRange tables() const;
  VirtRange lists() const { return lists_; }

  Result<Handle> Create(const Options& options) PW_EXCLUDES(mutex_);
  Outcome Destroy(Handle handle) PW_EXCLUDES(mutex_);
  Outcome Describe(Handle handle, Description* description) PW_EXCLUDES(mutex_);

  /// `bytes` is not zero, `alignment` a power of two. Objects are zero.
  Outcome Allocate(Handle handle, std::uint64_t bytes, std::uint64_t alignment, VirtAddr* object)
      PW_EXCLUDES(mutex_);
  Outcome Reallocate(Handle handle, VirtAddr* object, std::uint64_t bytes, std::uint64_t alignment)
      PW_EXCLUDES(mutex_);
  Outcome Free(Handle handle, VirtAddr object) PW_EXCLUDES(mutex_);
  Outcome UsableBytes(Handle handle, VirtAddr object, std::uint64_t* bytes) PW_EXCLUDES(mutex_);

  /// Makes this thread known, so that it may open windows. Errors: kLimit.
  Status AddThread(keys::ThreadState& thread) PW_EXCLUDES(mutex_);
  void RemoveThread(keys::ThreadState& thread) PW_EXCLUDES(mutex_);

  /// Brings the domain's key to it and pins it for `thread`, which is this one and known; or, where
  /// there are no keys, opens it for everybody and leaves `key` empty.
  Outcome Open(Handle handle, Access access, keys::ThreadState& thread,
               std::optional<arch::Pkey>* key) PW_EXCLUDES(mutex_);
  /// Ends a window that was opened for everybody.
  Outcome CloseForAll(Handle handle, Access access) PW_EXCLUDES(mutex_);

  /// Whether this process was forked from one that had domains. For a window that was opened there.
  bool HasForked() PW_EXCLUDES(mutex_);

  /// Writes whose memory `address` is, in a few words, or nothing if it is no domain's. For
  /// reports: takes no lock, so what changes meanwhile may be told as it was.
  void DescribeAddress(VirtAddr address, TextWriter* out) const PW_NO_THREAD_SAFETY_ANALYSIS;

  Counters counters() PW_EXCLUDES(mutex_);

  /// Around fork(2). In the child, `thread` is what the thread that forked has, whose rights are
  /// closed.
  void PrepareFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void ParentAfterFork() PW_RELEASE(mutex_) { mutex_.Unlock(); }
  void ChildAfterFork(keys::ThreadState& thread) PW_RELEASE(mutex_);

  void CheckInvariants() PW_EXCLUDES(mutex_);

 private:
  // A handle that no domain has: for looking into one that no window shall be opened on any more.
  static constexpr Handle kNobody{(std::uint64_t{1} << 60) - 1};
  static constexpr std::uint32_t kAccessDisableBits = 0x55555555;

  Status AdmitKey(arch::Pkey key) override PW_REQUIRES(mutex_);
  Status GiveKey(std::uint32_t domain, arch::Pkey key) override PW_REQUIRES(mutex_);
  Status TakeKey(std::uint32_t domain) override PW_REQUIRES(mutex_);

  Rights ClosedRightsOf(const Domain& domain) const;
  Rights ProtectionRightsOf(const Domain& domain) const;
  Domain* Find(Handle handle, Outcome* outcome) PW_REQUIRES(mutex_);
  std::uint32_t IndexOf(const Domain& domain) const {
    return static_cast<std::uint32_t>(&domain - domains_);
  }
  std::optional<std::uint32_t> TakeIndex() PW_REQUIRES(mutex_);
  void PutIndex(std::uint32_t index) PW_REQUIRES(mutex_);
  Status ChangeProtection(Domain& domain) PW_REQUIRES(mutex_);
  Result<std::optional<arch::Pkey>> BeginAccess(Domain& domain, Handle as) PW_REQUIRES(mutex_);
  Status EndAccess(Domain& domain) PW_REQUIRES(mutex_);
  Status Wipe(Domain& domain, VirtRange range) PW_REQUIRES(mutex_);
  void WipeAll(Domain& domain) PW_REQUIRES(mutex_);
  void Bury(Domain& domain) PW_REQUIRES(mutex_);
  Outcome Locate(Domain& domain, VirtAddr object, Located* located) PW_REQUIRES(mutex_);
  // The domain whose `object` an operation takes, or null and why not. Dies of what is no object.
  Domain* FindWithObject(Handle handle, VirtAddr object, std::string_view operation,
                         Located* located, Outcome* outcome) PW_REQUIRES(mutex_);
  Status AllocateZeroed(Domain& domain, std::uint64_t bytes, std::uint64_t alignment,
                        VirtRange* object) PW_REQUIRES(mutex_);
  Status Copy(Domain& domain, VirtAddr from, VirtAddr to, std::uint64_t bytes) PW_REQUIRES(mutex_);
  Status WipeAndFree(Domain& domain, const Located& located) PW_REQUIRES(mutex_);
  Status ReserveLists(std::optional<arch::Pkey> metadata_key);
  [[noreturn]] static void DieOf(const Located& located, VirtAddr pointer, const Domain& domain,
                                 std::string_view operation);

  os::Os& os_;
  keys::KeyBroker& broker_;
  PublishedRights& published_;
  bool uses_keys_ = false;
  Rights closed_;
  space::ZoneReservation reservation_;
  VirtRange lists_;
  Domain* domains_ = nullptr;
  std::uint32_t* generations_ = nullptr;
  std::uint32_t* free_indexes_ = nullptr;  // A stack.

  Mutex mutex_{LockRank::kDomains};
  LateInit<space::LeafTable> leaves_;
  LateInit<DomainZone> zone_ PW_GUARDED_BY(mutex_);
  LateInit<frame::PageAllocator> frames_ PW_GUARDED_BY(mutex_);
  LateInit<DomainHeap> heap_ PW_GUARDED_BY(mutex_);
  LateInit<keys::ThreadPins> pins_ PW_GUARDED_BY(mutex_);
  LateInit<keys::DomainKeys> keys_ PW_GUARDED_BY(mutex_);
  std::uint64_t* residents_ = nullptr;
  std::uint32_t domain_key_bits_ PW_GUARDED_BY(mutex_) = 0;
  std::uint32_t used_indexes_ PW_GUARDED_BY(mutex_) = 0;
  std::uint32_t free_index_count_ PW_GUARDED_BY(mutex_) = 0;
  std::uint64_t alive_ PW_GUARDED_BY(mutex_) = 0;
  std::uint64_t dying_ PW_GUARDED_BY(mutex_) = 0;
  std::uint64_t wiped_bytes_ PW_GUARDED_BY(mutex_) = 0;
  std::uint64_t past_lock_failures_ PW_GUARDED_BY(mutex_) = 0;
  std::uint64_t lost_in_fork_ PW_GUARDED_BY(mutex_) = 0;
  bool has_forked_ PW_GUARDED_BY(mutex_) = false;
  bool is_lost_ PW_GUARDED_BY(mutex_) = false;  // Something else lies where the zone was.
};

}  // namespace pageward::domain
