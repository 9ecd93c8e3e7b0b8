#include "runtime/engine/engine.h"

#include <sys/resource.h>

#include <array>

#include "runtime/arch/cpu.h"
#include "runtime/core/bits.h"
#include "runtime/engine/zone_tables.h"
#include "runtime/os/syscall.h"

namespace pageward::engine {
namespace {

constexpr std::uint32_t LiveObjectBytes(unsigned table) {
  return static_cast<std::uint32_t>(object::ObjectMap::LiveBytesFor(table, kPageblockBytes));
}

constexpr std::array<std::uint32_t, kTableCount> kTableBytes = {
    space::PrivateZone::kFlagBytes,
    space::PrivateZone::kFlagBytes,
    sizeof(frame::BlockRecord),
    space::LeafTable::kBytes,
    space::TablePool::kLinkBytes,
    space::TablePool::kCountBytes,
    static_cast<std::uint32_t>(object::ObjectMap::ClassBytesFor(kPageblockBytes)),
    LiveObjectBytes(0),
    LiveObjectBytes(1),
    LiveObjectBytes(2),
    LiveObjectBytes(3),
    LiveObjectBytes(4),
};

// Whole programs make millions of changes; a walk over a terabyte after each would take hours.
// Tests of the page allocator walk after every one.
constexpr std::uint32_t kWalkInterval = 32768;

// Less is no heap.
constexpr std::uint64_t kLeastZoneBytes = std::uint64_t{64} << 20;

// What a resource limit leaves of `bytes`: the zone takes half of what the process may have, so
// that stacks, libraries and the program's own mappings find room beside it.
std::uint64_t WithinAddressLimit(std::uint64_t bytes) {
  rlimit limit = {};
  const os::SyscallResult got = os::Syscall(SYS_prlimit64, 0, RLIMIT_AS, 0, &limit);
  if (!got.ok() || limit.rlim_cur == RLIM_INFINITY) {
    return bytes;
  }
  const std::uint64_t half = std::bit_floor(static_cast<std::uint64_t>(limit.rlim_cur) / 2);
  return half < bytes ? half : bytes;
}

}  // namespace

bool Engine::HasLeafPages() const {
  switch (config_.leaves_in) {
    case LeavesIn::kPageblocks:
      return true;
    case LeavesIn::kTable:
      return false;
    case LeavesIn::kBest:
      break;
  }
  return config_.uses_keys && config_.profile != Profile::kOff && arch::HasOspke();
}

Status Engine::ReserveZone() {
  std::uint64_t most = WithinAddressLimit(config_.zone_bytes);
  most = most < kLeastZoneBytes ? kLeastZoneBytes : most;
  auto table_bytes = kTableBytes;
  if (HasLeafPages()) {
    table_bytes[kLeaves] = 0;
  }
  const Result<space::ZoneReservation> reserved =
      space::ZoneReservation::Make(*os_, most, kLeastZoneBytes, table_bytes);
  if (!reserved.ok()) {
    return reserved.error();
  }
  reservation_ = *reserved;
  os_->Name(reservation_.frames(), "pageward heap");
  return Status();
}

space::PrivateZone::Options Engine::ZoneOptions() {
  space::PrivateZone::Options options;
  options.uses_huge_pages = config_.uses_huge_pages;
  switch (config_.freed_by) {
    case FreedBy::kBest:
      options.gone_by =
          config_.uses_guards ? space::GoneBy::kGuardMarkers : space::GoneBy::kProtection;
      break;
    case FreedBy::kGuard:
      options.gone_by = space::GoneBy::kGuardMarkers;
      break;
    case FreedBy::kProtection:
      options.gone_by = space::GoneBy::kProtection;
      break;
    case FreedBy::kPageblock:
      options.gone_by = space::GoneBy::kPageblock;
      break;
  }
  if (config_.profile == Profile::kOff) {
    options.gone_by = space::GoneBy::kNothing;
  }
  return options;
}

void Engine::StartWithoutHeap(os::Os& os, const Config& config) {
  os_ = &os;
  config_ = config;
  keys_.Emplace(os, config.uses_keys && config.profile != Profile::kOff ? keys::KeyUse::kIfPresent
                                                                        : keys::KeyUse::kNever);
}

Status Engine::Start(os::Os& os, const Config& config) {
  os_ = &os;
  config_ = config;
  if (const Status reserved = ReserveZone(); !reserved.ok()) {
    return reserved;
  }
  StartWithoutHeap(os, config);
  zone_.Emplace(os, *keys_, reservation_, kGuardedFlags, kProtectedFlags, ZoneOptions());
  NameTables();
  MakeFrames();
  extent::RunAllocator::Options runs;
  const bool is_strict = config.profile == Profile::kStrict;
  runs.quarantine_bytes = is_strict ? config.quarantine_bytes : 0;
  runs.opens_ahead = !is_strict;
  runs.closes_in_batches = !is_strict;
  runs_.Emplace(*zone_, *frames_, runs);
  return Status();
}

template <typename Record>
std::span<Record> Engine::TableOf(unsigned index, std::size_t for_each_block) const {
  return std::span(reservation_.table(index).begin.AsPointer<Record>(),
                   reservation_.block_count() * for_each_block);
}

space::TablePool::Memory Engine::TablePoolMemory() const {
  return {TableOf<std::uint64_t>(kTableLinks, kPageblockFrames),
          TableOf<std::uint16_t>(kTableCounts, 1)};
}

void Engine::MakeFrames() {
  keyed_blocks_.Emplace(*zone_);
  frame::LeafSource& leaves = HasLeafPages()
                                  ? static_cast<frame::LeafSource&>(leaf_pages_.Emplace(
                                        TablePoolMemory(), *zone_, *keyed_blocks_))
                                  : leaf_table_.Emplace(*os_, reservation_.table(kLeaves));
  frames_.Emplace(TableOf<frame::BlockRecord>(kBlockRecords, 1),
                  frame::PageAllocator::Seams{leaves, *keyed_blocks_});
  frames_->set_walk_interval(kWalkInterval);
  if (leaf_pages_.IsMade()) {
    leaf_pages_->pool().Connect(*frames_);
  }
}

// --- Domains -------------------------------------------------------------------------------------

Result<domain::Domains*> Engine::StartDomains(domain::PublishedRights& published) {
  if (domain::Domains* started = domains(); started != nullptr) {
    return started;
  }
  MutexLock lock(domains_mutex_);
  if (domain::Domains* started = domains(); started != nullptr) {
    return started;
  }
  if (domains_error_) {
    return *domains_error_;
  }
  domain::Domains& made = domains_.Emplace(*os_, *keys_, published);
  const Status done = made.Init(domain::Domains::Sizes(), metadata_key_);
  if (!done.ok()) {
    domains_error_ = done.error();
    return done.error();
  }
  NameDomainMetadata(made);
  started_domains_.store(&made, std::memory_order_release);
  return &made;
}

void Engine::NameDomainMetadata(const domain::Domains& domains) {
  PW_ASSERT(metadata_count_ + 2 <= kMostMetadataParts);
  metadata_[metadata_count_++] = {domains.tables(), "the tables of domains"};
  metadata_[metadata_count_++] = {domains.lists(), "the list of domains",
                                  os::Protection::kReadWrite};
}

// --- Tiers ---------------------------------------------------------------------------------------

Tier Engine::KeyTier() {
  return keys_->KeyFor(keys::KeyBroker::Purpose::kClosed).ok() ? Tier::kPku : Tier::kMprotect;
}

bool Engine::HasSecretMemory() {
  if (!config_.uses_secretmem) {
    return false;
  }
  if (os_->IsFiltered() &&
      os_->ProbeInChild(os::ProbedCall::kMemfdSecret) != os::ProbeOutcome::kWorks) {
    return false;
  }
  const Result<os::Descriptor> memory = os_->CreateShared(os::SharedMemory::kSecret, kFrameBytes);
  if (memory.ok()) {
    os_->Close(*memory);
  }
  return memory.ok();
}

Tier Engine::TierOf(Asset asset) {
  if (config_.profile == Profile::kOff) {
    return Tier::kOff;
  }
  switch (asset) {
    case Asset::kMetadata:
      return is_metadata_sealed_ ? Tier::kSealed : metadata_key_ ? Tier::kPku : Tier::kOff;
    case Asset::kDomain:
    case Asset::kFreed:
      return KeyTier();
    case Asset::kUnmapped:
      return HasSecretMemory() ? Tier::kSecretmem : KeyTier();
  }
  return Tier::kOff;
}

std::optional<Asset> Engine::FirstUnmetRequirement() {
  for (std::size_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    const Tier required = config_.required.of(asset);
    if (required != Tier::kOff && TierOf(asset) < required) {
      return asset;
    }
  }
  return std::nullopt;
}

object::ObjectMap Engine::MakeObjectMap() const {
  const auto table = [this](unsigned index) {
    return reservation_.table(index).begin.AsPointer<std::uint8_t>();
  };
  std::array<std::uint8_t*, object::ObjectMap::kLiveTableCount> live{};
  for (unsigned i = 0; i < live.size(); ++i) {
    live[i] = table(kFirstLiveObjects + i);
  }
  return object::ObjectMap(reservation_.frames(), table(kObjectClasses), live);
}

void Engine::PrepareFork() {
  if (HasHeap()) {
    runs_->LockForFork();
    if (leaf_pages_.IsMade()) {
      leaf_pages_->pool().LockRefillForFork();
    }
  }
  domains_mutex_.Lock();
  if (domain::Domains* domains = this->domains(); domains != nullptr) {
    domains->PrepareFork();
  }
  if (HasHeap()) {
    zone_->LockForFork();
    frames_->LockForFork();
    if (leaf_pages_.IsMade()) {
      leaf_pages_->pool().LockForFork();
    }
  }
}

void Engine::UnlockHeapAfterFork() {
  if (HasHeap()) {
    if (leaf_pages_.IsMade()) {
      leaf_pages_->pool().UnlockAfterFork();
    }
    frames_->UnlockAfterFork();
    zone_->UnlockAfterFork();
    if (leaf_pages_.IsMade()) {
      leaf_pages_->pool().UnlockRefillAfterFork();
    }
  }
}

void Engine::ParentAfterFork() {
  UnlockHeapAfterFork();
  if (domain::Domains* domains = this->domains(); domains != nullptr) {
    domains->ParentAfterFork();
  }
  domains_mutex_.Unlock();
  if (HasHeap()) {
    runs_->UnlockAfterFork();
  }
}

void Engine::ChildAfterFork(keys::ThreadState& thread) {
  UnlockHeapAfterFork();
  if (domain::Domains* domains = this->domains(); domains != nullptr) {
    domains->ChildAfterFork(thread);
  }
  domains_mutex_.Unlock();
  if (HasHeap()) {
    runs_->UnlockAfterFork();
  }
}

}  // namespace pageward::engine
