// The composition root: makes the parts and connects them, and knows nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/core/late_init.h"
#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/domain/domains.h"
#include "runtime/engine/config.h"
#include "runtime/engine/tier.h"
#include "runtime/extent/run_allocator.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/keys/key_broker.h"
#include "runtime/object/object_map.h"
#include "runtime/os/os.h"
#include "runtime/space/keyed_blocks.h"
#include "runtime/space/leaf_pages.h"
#include "runtime/space/leaf_table.h"
#include "runtime/space/private_zone.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::engine {

/// A kind of metadata and where it lies. For reports.
struct MetadataPart {
  VirtRange range;
  std::string_view name;  ///< As in "12 bytes into the leaves of the frame table".
  /// How it is accessible but for its key: not at all before it is in use, or already.
  os::Protection protection = os::Protection::kNone;
};

/// Everything below the heap, for one process.
///
/// Made once and never destroyed. The accessors require a successful Start(); those of the heap's
/// parts require HasHeap().
class Engine {
 public:
  constexpr Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Reserves the zone and makes the parts as `config` says. Errors: kNoAddressSpace.
  Status Start(os::Os& os, const Config& config);

  /// The same for a process whose heap is somebody else's: only what domains need is made.
  void StartWithoutHeap(os::Os& os, const Config& config);

  bool IsStarted() const { return keys_.IsMade(); }
  bool HasHeap() const { return runs_.IsMade(); }

  /// Returns the domains of the process, made by the first call. `published` is where compiled code
  /// looks for them. Inside the gate. Errors: those of Domains::Init(), which stay the same.
  Result<domain::Domains*> StartDomains(domain::PublishedRights& published)
      PW_EXCLUDES(domains_mutex_);
  /// Returns them if there are any. Takes no lock.
  domain::Domains* domains() const { return started_domains_.load(std::memory_order_acquire); }

  const Config& config() const { return config_; }
  os::Os& os() { return *os_; }
  keys::KeyBroker& keys() { return *keys_; }
  space::PrivateZone& zone() { return *zone_; }
  frame::PageAllocator& frames() { return *frames_; }
  extent::RunAllocator& runs() { return *runs_; }
  /// Where live objects are noted: over the whole zone.
  object::ObjectMap MakeObjectMap() const;

  /// Closes what the heap decides by: from now on the tables of the zone and `others` are written
  /// inside the gate only (keys/gate.h). Once, after Start(), while there is one thread. What
  /// becomes accessible later stays closed.
  ///
  /// Errors: those of KeyBroker::KeyFor() and of changing protection. Metadata counts as open then,
  /// and works as it does otherwise.
  Status CloseMetadata(std::span<const MetadataPart> others);

  /// Makes the mappings of `parts` unchangeable for ever: mseal(2). Once, after CloseMetadata().
  /// Errors: kUnsupported where this process can't; those of Os::Seal(). Some may be sealed then.
  Status SealParts(std::span<const VirtRange> parts);

  /// Makes the tables usable as a whole and then unchangeable. From then on metadata counts as
  /// sealed, so SealParts() comes first, with all that is not a table.
  ///
  /// Errors: as SealParts(); kUnsupported also where tables that are not in use would be charged to
  /// the process; those of changing protection. The tables may be sealed then.
  Status SealTables();

  /// Returns the key that metadata has been closed with.
  std::optional<arch::Pkey> metadata_key() const { return metadata_key_; }
  /// Returns what kind of metadata `address` lies in, closed or not; null if in none. What it
  /// points to stays as it is until this thread asks again.
  const MetadataPart* FindMetadata(VirtAddr address);
  /// Returns how many bytes of the zone's tables, and of the pageblocks that leaves lie in, are in
  /// use and closed.
  std::uint64_t ClosedTableBytes();
  /// Returns how many bytes of them are in use and open, since malloc and free write them.
  std::uint64_t OpenTableBytes();
  /// Returns how many bytes were in use already when they were closed.
  std::uint64_t ClosedDataBytes() const;

  /// Returns how well `asset` is protected in this process. Asks the system where that has not been
  /// found out yet, and remembers nothing: for reports and for requirements at start.
  Tier TierOf(Asset asset);

  /// Returns the first requirement of the configuration that is not met.
  std::optional<Asset> FirstUnmetRequirement();

  /// Holds every lock of the parts across fork(2), in the order of their ranks.
  void PrepareFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void ParentAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  /// `thread` is what the thread that forked has of domains.
  void ChildAfterFork(keys::ThreadState& thread) PW_NO_THREAD_SAFETY_ANALYSIS;

 private:
  void UnlockHeapAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void NameDomainMetadata(const domain::Domains& domains);
  Status ReserveZone();
  bool HasLeafPages() const;
  void MakeFrames();
  template <typename Record>
  std::span<Record> TableOf(unsigned index, std::size_t for_each_block) const;
  space::TablePool::Memory TablePoolMemory() const;
  space::PrivateZone::Options ZoneOptions();
  Tier KeyTier();
  bool HasSecretMemory();
  Status CloseRanges(std::span<const MetadataPart> others, arch::Pkey key);
  Status CloseLeafPages(arch::Pkey key);
  void NameTables();

  static constexpr std::size_t kMostMetadataParts = 16;

  os::Os* os_ = nullptr;
  Config config_;
  space::ZoneReservation reservation_;
  LateInit<keys::KeyBroker> keys_;
  LateInit<space::PrivateZone> zone_;
  LateInit<space::KeyedBlocks> keyed_blocks_;
  // One of the two.
  LateInit<space::LeafPages> leaf_pages_;
  LateInit<space::LeafTable> leaf_table_;
  LateInit<frame::PageAllocator> frames_;
  LateInit<extent::RunAllocator> runs_;
  bool are_tables_closed_ = false;
  Mutex domains_mutex_{LockRank::kDomainStart};
  LateInit<domain::Domains> domains_ PW_GUARDED_BY(domains_mutex_);
  std::optional<Error> domains_error_ PW_GUARDED_BY(domains_mutex_);
  std::atomic<domain::Domains*> started_domains_{nullptr};
  std::optional<arch::Pkey> metadata_key_;
  bool is_metadata_sealed_ = false;
  MetadataPart metadata_[kMostMetadataParts] = {};
  std::size_t metadata_count_ = 0;
};

}  // namespace pageward::engine
