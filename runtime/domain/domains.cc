#include "runtime/domain/domains.h"

#include <new>

#include "runtime/core/bits.h"

namespace pageward::domain {
namespace {

// The tables beside the zone, by index.
enum Table : unsigned { kBlockRecords, kLeaves, kBlockLinks, kRunRecords, kTableCount };

constexpr std::uint32_t kTableBytes[kTableCount] = {
    sizeof(frame::BlockRecord), space::LeafTable::kBytes, DomainZone::kLinkBytes, kRunRecordBytes};

// As in the heap: tests of the page allocator walk after every change.
constexpr std::uint32_t kWalkInterval = 32768;

constexpr std::size_t kResidents = PAGEWARD_RESIDENT_INDEX_MASK + 1;
constexpr std::size_t kMostThreads = 65536;

}  // namespace

// --- Start ---------------------------------------------------------------------------------------

Status Domains::ReserveLists(std::optional<arch::Pkey> metadata_key) {
  constexpr std::uint64_t kDomainBytes = kMostDomains * sizeof(Domain);
  constexpr std::uint64_t kNumberBytes = 2 * kMostDomains * sizeof(std::uint32_t);
  constexpr std::uint64_t kThreadBytes = kMostThreads * sizeof(keys::ThreadState*);
  constexpr std::uint64_t kResidentBytes = kResidents * sizeof(std::uint64_t);
  const Result<VirtRange> lists = os_.MapZeroed(AlignUp(
      kDomainBytes + kNumberBytes + kThreadBytes + kResidentBytes, std::uint64_t{kFrameBytes}));
  if (!lists.ok()) {
    return lists.error();
  }
  if (metadata_key) {
    const Status closed = os_.ProtectWithKey(*lists, os::Protection::kReadWrite, *metadata_key);
    if (!closed.ok()) {
      return closed;
    }
  }
  os_.Name(*lists, "pageward domain lists");
  lists_ = *lists;
  VirtAddr at = lists->begin;
  residents_ = at.AsPointer<std::uint64_t>();
  at = at + kResidentBytes;
  const std::span places(at.AsPointer<keys::ThreadState*>(), kMostThreads);
  at = at + kThreadBytes;
  generations_ = at.AsPointer<std::uint32_t>();
  free_indexes_ = generations_ + kMostDomains;
  at = at + kNumberBytes;
  domains_ = at.AsPointer<Domain>();
  MutexLock lock(mutex_);
  pins_.Emplace(places);
  return Status();
}

Status Domains::Init(const Sizes& sizes, std::optional<arch::Pkey> metadata_key) {
  const Result<space::ZoneReservation> reserved =
      space::ZoneReservation::Make(os_, sizes.most_zone_bytes, sizes.least_zone_bytes, kTableBytes);
  if (!reserved.ok()) {
    return reserved.error();
  }
  reservation_ = *reserved;
  os_.Name(reservation_.frames(), "pageward domains");
  if (metadata_key) {
    const Status closed = reservation_.CloseTables(os_, 0, kTableCount, *metadata_key);
    if (!closed.ok()) {
      return closed;
    }
  }
  if (const Status lists = ReserveLists(metadata_key); !lists.ok()) {
    return lists;
  }
  // Without the barrier a key could be taken from under a window.
  const Result<arch::Pkey> closed = broker_.KeyFor(keys::KeyBroker::Purpose::kClosed);
  uses_keys_ = closed.ok() && os_.SynchronizeThreads().ok();
  closed_ = uses_keys_ ? Rights{os::Protection::kReadWrite, *closed} : Rights{};
  MutexLock lock(mutex_);
  zone_.Emplace(os_, reservation_, kBlockLinks, closed_, domains_);
  leaves_.Emplace(os_, reservation_.table(kLeaves));
  frames_.Emplace(std::span(reservation_.table(kBlockRecords).begin.AsPointer<frame::BlockRecord>(),
                            reservation_.block_count()),
                  frame::PageAllocator::Seams{*leaves_, *zone_});
  frames_->set_walk_interval(kWalkInterval);
  heap_.Emplace(*zone_, *frames_, reservation_.table(kRunRecords).begin.AsPointer<RunRecord>());
  keys::KeyCarrier& carrier = *this;
  keys_.Emplace(os_, broker_, carrier, *pins_, std::span(residents_, kResidents));
  return published_.Publish(residents_, 0);
}

VirtRange Domains::tables() const {
  const VirtAddr begin = reservation_.table(0).begin;
  return VirtRange{begin, reservation_.table(kTableCount - 1).end() - begin};
}

// --- Handles -------------------------------------------------------------------------------------

Domain* Domains::Find(Handle handle, Outcome* outcome) {
  outcome->refusal = Refusal::kNoDomain;
  if (handle == Handle{} || handle.index() >= used_indexes_ ||
      domains_[handle.index()].handle != handle) {
    return nullptr;
  }
  Domain* domain = &domains_[handle.index()];
  outcome->refusal = domain->state == State::kGone ? Refusal::kGone : Refusal::kNone;
  return domain->state == State::kAlive ? domain : nullptr;
}

std::optional<std::uint32_t> Domains::TakeIndex() {
  if (free_index_count_ > 0) {
    return free_indexes_[--free_index_count_];
  }
  if (used_indexes_ == kMostDomains) {
    return std::nullopt;
  }
  return used_indexes_++;
}

void Domains::PutIndex(std::uint32_t index) {
  free_indexes_[free_index_count_++] = index;
}

// --- Domains -------------------------------------------------------------------------------------

Result<Handle> Domains::Create(const Options& options) {
  const bool is_by_key = uses_keys_ && options.access == DefaultAccess::kNone;
  if (!is_by_key && (options.requires_keys || options.is_pinned)) {
    return Error::kUnsupported;
  }
  MutexLock lock(mutex_);
  if (is_lost_) {
    return Error::kNoAddressSpace;
  }
  const std::optional<std::uint32_t> index = TakeIndex();
  if (!index) {
    return Error::kLimit;
  }
  // Generation 0 does not exist, so no handle is zero.
  const Handle handle = Handle::Of(*index, ++generations_[*index]);
  Domain* domain = ::new (static_cast<void*>(&domains_[*index])) Domain(*index);
  domain->options = options;
  domain->means = is_by_key ? Means::kKey : Means::kProtection;
  domain->handle = handle;
  domain->memory.rights = ClosedRightsOf(*domain);
  if (options.is_pinned) {
    if (const Status held = keys_->LoadForEver(*index, handle.value); !held.ok()) {
      domain->handle = Handle{};
      PutIndex(*index);
      return held.error();
    }
  }
  frames_->RegisterOwner(domain->lists);
  ++alive_;
  return handle;
}

// Gives back what a destroyed domain had. What can't be, for want of a mapping, is tried again when
// the next one is destroyed.
void Domains::Bury(Domain& domain) {
  static_cast<void>(frames_->ReturnFreeBlocks(frame::Request::Keyed(domain.lists)));
  if (!frames_->UnregisterOwner(domain.lists).ok()) {
    dying_ += domain.state == State::kDying ? 0 : 1;
    domain.state = State::kDying;
    return;
  }
  dying_ -= domain.state == State::kDying ? 1 : 0;
  domain.state = State::kAlive;
  past_lock_failures_ += domain.memory.lock_failures;
  PutIndex(IndexOf(domain));
}

Outcome Domains::Destroy(Handle handle) {
  MutexLock lock(mutex_);
  Outcome outcome;
  Domain* domain = Find(handle, &outcome);
  if (domain == nullptr && outcome.refusal != Refusal::kGone) {
    return outcome;
  }
  domain = &domains_[handle.index()];
  if (domain->readers + domain->writers > 0) {
    return Outcome{Refusal::kError, Error::kInUse};
  }
  if (const Status closed = keys_->Unload(handle.index()); !closed.ok()) {
    return Outcome::Of(closed);
  }
  domain->handle = Handle{};
  if (domain->state == State::kAlive && domain->memory.block_count > 0) {
    WipeAll(*domain);
    // Nobody but this function could open a window on it meanwhile.
    static_cast<void>(keys_->Unload(handle.index()));
  }
  --alive_;
  if (is_lost_) {
    return Outcome{};  // There is nothing to give back, and nothing of ours to touch.
  }
  heap_->FreeAll(*domain);
  Bury(*domain);
  for (std::uint32_t i = 0; i < used_indexes_ && dying_ > 0; ++i) {
    if (domains_[i].state == State::kDying && &domains_[i] != domain) {
      Bury(domains_[i]);
    }
  }
  return Outcome{};
}

Outcome Domains::Describe(Handle handle, Description* description) {
  MutexLock lock(mutex_);
  Outcome outcome;
  const Domain* domain = Find(handle, &outcome);
  if (domain == nullptr) {
    return outcome;
  }
  *description = Description{.options = domain->options,
                             .means = domain->means,
                             .has_key = keys_->KeyOf(handle.index()).has_value(),
                             .is_open = domain->means == Means::kProtection &&
                                        domain->memory.rights != ClosedRightsOf(*domain),
                             .objects = domain->objects,
                             .object_bytes = domain->object_bytes,
                             .reserved_bytes = domain->memory.block_count * kPageblockBytes,
                             .locked_bytes = domain->memory.locked_blocks * kPageblockBytes,
                             .lock_failures = domain->memory.lock_failures};
  return outcome;
}

// --- Threads and numbers -------------------------------------------------------------------------

Status Domains::AddThread(keys::ThreadState& thread) {
  MutexLock lock(mutex_);
  return thread.ticket == 0 ? pins_->Add(thread) : Status();
}

void Domains::RemoveThread(keys::ThreadState& thread) {
  MutexLock lock(mutex_);
  pins_->Remove(thread);
}

bool Domains::HasForked() {
  MutexLock lock(mutex_);
  return has_forked_;
}

void Domains::DescribeAddress(VirtAddr address, TextWriter* out) const {
  if (!reservation_.frames().Contains(address)) {
    return;
  }
  const std::optional<std::uint32_t> index = zone_->DomainAt(address);
  if (!index) {
    out->Append("memory of no domain");
    return;
  }
  const Domain& domain = domains_[*index];
  out->Append("memory of domain '").Append(domain.options.name).Append("'");
  out->Append(domain.state == State::kGone ? ", which stayed with the parent process"
                                           : ", outside a window or more than it allows");
}

Counters Domains::counters() {
  MutexLock lock(mutex_);
  Counters counters{.keys = keys_->counters(),
                    .domains = alive_,
                    .rights_changes = zone_->rights_changes(),
                    .wiped_bytes = wiped_bytes_,
                    .lock_failures = past_lock_failures_,
                    .lost_in_fork = lost_in_fork_};
  for (std::uint32_t i = 0; i < used_indexes_; ++i) {
    const Domain& domain = domains_[i];
    if (domain.handle != Handle{}) {
      counters.bytes += domain.memory.block_count * kPageblockBytes;
      counters.objects += domain.objects;
      counters.lock_failures += domain.memory.lock_failures;
    }
  }
  return counters;
}

void Domains::CheckInvariants() {
  MutexLock lock(mutex_);
  keys_->CheckInvariants();
  frames_->CheckInvariantsAtRest();
  for (std::uint32_t i = 0; i < used_indexes_; ++i) {
    if (domains_[i].handle != Handle{}) {
      zone_->CheckInvariants(domains_[i]);
      heap_->CheckInvariants(domains_[i]);
    }
  }
}

}  // namespace pageward::domain
