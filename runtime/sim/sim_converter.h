// Conversion of pageblocks on simulated memory: what frame decides, done to real page tables.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/frame/pageblock_converter.h"
#include "runtime/sim/direct_map.h"
#include "runtime/sim/kernel_level.h"

namespace pageward::sim {

/// Which hardware key the pages of an owner carry. Thread-safe.
class OwnerKeys {
 public:
  static constexpr std::size_t kMostOwners = 16;

  OwnerKeys() = default;
  OwnerKeys(const OwnerKeys&) = delete;
  OwnerKeys& operator=(const OwnerKeys&) = delete;

  /// Gives `owner` a key of its own. Errors: kNoKeys, and then its memory cannot be had.
  Result<arch::Pkey> Assign(frame::OwnerId owner) PW_EXCLUDES(mutex_);
  /// Gives `owner` this very key, which is nobody else's.
  void AssignFixed(frame::OwnerId owner, arch::Pkey key) PW_EXCLUDES(mutex_);
  /// Requires: none of its pages is keyed any more.
  void Release(frame::OwnerId owner) PW_EXCLUDES(mutex_);

  /// Errors: kNoKeys if `owner` has none.
  Result<arch::Pkey> KeyOf(frame::OwnerId owner) const PW_EXCLUDES(mutex_);

 private:
  struct Entry {
    frame::OwnerId owner;
    arch::Pkey key;
    bool is_fixed = false;
  };

  Entry* Find(frame::OwnerId owner) PW_REQUIRES(mutex_);
  const Entry* Find(frame::OwnerId owner) const PW_REQUIRES(mutex_);

  mutable Mutex mutex_{LockRank::kLeaf};
  std::array<Entry, kMostOwners> entries_ PW_GUARDED_BY(mutex_){};
  DomainKeys keys_ PW_GUARDED_BY(mutex_);
};

/// Changes who reaches pageblocks of the simulated direct map. Thread-safe.
class SimConverter final : public frame::PageblockConverter {
 public:
  SimConverter(KernelMemory& memory, DirectMap& map, OwnerKeys& keys)
      : memory_(memory), map_(map), keys_(keys) {}
  SimConverter(const SimConverter&) = delete;
  SimConverter& operator=(const SimConverter&) = delete;

  bool CanConvert() const override { return map_.options().can_change; }
  Status Scrub(BlockRange blocks) override;
  Status SetVisibility(BlockRange blocks, frame::Freetype to) override;
  void RestoreVisibility(BlockRange blocks, frame::Freetype old) override;
  void Flush(BlockRange blocks) override { map_.Flush(blocks.frames()); }

 private:
  // Errors: kNoKeys, for keyed memory whose owner has none.
  Result<ptable::PermissionChange> ChangeFor(frame::Freetype type) const;

  Status ChangeBlocks(BlockRange blocks, frame::Freetype to);

  KernelMemory& memory_;
  DirectMap& map_;
  OwnerKeys& keys_;
};

}  // namespace pageward::sim
