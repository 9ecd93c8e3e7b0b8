// Pageblocks of a private zone that carry the key of their owner.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/arch/pkru.h"
#include "runtime/frame/pageblock_converter.h"
#include "runtime/space/private_zone.h"

namespace pageward::space {

/// The converter of a private zone: its pageblocks are mapped or keyed.
///
/// Whose key has not been set yet, or never is, for want of keys, has pageblocks of his own and
/// nothing more. Thread-safe. Never allocates.
class KeyedBlocks final : public frame::PageblockConverter {
 public:
  /// Owners are numbered from 1 to this.
  static constexpr std::uint16_t kMostOwners = 3;

  explicit KeyedBlocks(PrivateZone& zone) : zone_(zone) {}
  KeyedBlocks(const KeyedBlocks&) = delete;
  KeyedBlocks& operator=(const KeyedBlocks&) = delete;

  /// Lets what is converted for `owner` from now on carry `key`. Once for each owner.
  void SetKey(frame::OwnerId owner, arch::Pkey key);
  std::optional<arch::Pkey> KeyOf(frame::OwnerId owner) const;

  // frame::PageblockConverter
  bool CanConvert() const override { return true; }
  /// What is scrubbed with a key must be open to this thread, where the system keeps the pages.
  Status Scrub(BlockRange blocks) override;
  Status SetVisibility(BlockRange blocks, frame::Freetype to) override;
  void RestoreVisibility(BlockRange blocks, frame::Freetype old) override;
  void Flush(BlockRange) override {
    // The system call that took the rights away has made every processor forget them.
  }

 private:
  Status GiveTo(frame::OwnerId owner, BlockRange blocks);

  PrivateZone& zone_;
  // Plus one; 0 is none.
  std::array<std::atomic<std::uint32_t>, kMostOwners> keys_{};
  std::atomic<bool> has_keys_{false};
};

}  // namespace pageward::space
