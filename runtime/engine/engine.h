// The composition root: makes the parts and connects them, and knows nothing else.
#pragma once

#include <cstdint>

#include "runtime/core/late_init.h"
#include "runtime/core/result.h"
#include "runtime/engine/config.h"
#include "runtime/engine/tier.h"
#include "runtime/extent/run_allocator.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/keys/key_broker.h"
#include "runtime/object/object_map.h"
#include "runtime/os/os.h"
#include "runtime/space/leaf_table.h"
#include "runtime/space/private_zone.h"
#include "runtime/space/zone_reservation.h"

namespace pageward::engine {

/// Everything below the heap, for one process.
///
/// Made once and never destroyed. The accessors require a successful Start().
class Engine {
 public:
  constexpr Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Reserves the zone and makes the parts as `config` says. Errors: kNoAddressSpace.
  Status Start(os::Os& os, const Config& config);

  bool IsStarted() const { return runs_.IsMade(); }

  const Config& config() const { return config_; }
  os::Os& os() { return *os_; }
  keys::KeyBroker& keys() { return *keys_; }
  space::PrivateZone& zone() { return *zone_; }
  frame::PageAllocator& frames() { return *frames_; }
  extent::RunAllocator& runs() { return *runs_; }
  /// Where live objects are noted: over the whole zone.
  object::ObjectMap MakeObjectMap() const;

  /// Returns how well `asset` is protected in this process. Asks the system where that has not been
  /// found out yet, and remembers nothing: for reports and for requirements at start.
  Tier TierOf(Asset asset);

  /// Returns the first requirement of the configuration that is not met.
  std::optional<Asset> FirstUnmetRequirement();

  /// Holds every lock of the parts across fork(2), in the order of their ranks.
  void PrepareFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void ParentAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;
  void ChildAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS { ParentAfterFork(); }

 private:
  Status ReserveZone();
  space::PrivateZone::Options ZoneOptions();
  Tier KeyTier();
  bool HasSecretMemory();

  os::Os* os_ = nullptr;
  Config config_;
  space::ZoneReservation reservation_;
  LateInit<keys::KeyBroker> keys_;
  LateInit<space::PrivateZone> zone_;
  LateInit<space::LeafTable> leaves_;
  LateInit<frame::PageAllocator> frames_;
  LateInit<extent::RunAllocator> runs_;
};

}  // namespace pageward::engine
