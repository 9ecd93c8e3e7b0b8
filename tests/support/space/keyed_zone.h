// A private zone whose frame table has its leaves in the zone itself, and a pool of table pages for
// somebody else.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/core/late_init.h"
#include "runtime/frame/page_allocator.h"
#include "runtime/keys/key_broker.h"
#include "runtime/space/leaf_pages.h"
#include "runtime/space/private_zone.h"
#include "runtime/space/zone_reservation.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::testing_support {

/// Real memory; keys are real, faked or none, as `os` and the broker have them.
class KeyedZone {
 public:
  static constexpr frame::OwnerId kUsers{2};

  KeyedZone(FaultyOs& os, keys::KeyBroker& keys, std::uint64_t bytes)
      : os_(os),
        reservation_(*space::ZoneReservation::Make(os, bytes, bytes, kTables)),
        zone_(os, keys, reservation_, 0, 1, {}),
        blocks_(zone_) {
    leaves_.Emplace(PoolMemory(3), zone_, blocks_);
    frames_.Emplace(records(), frame::PageAllocator::Seams{*leaves_, blocks_});
    // Its refills may need leaves, and so refills of the other pool.
    users_.Emplace(PoolMemory(5), zone_, blocks_, kUsers, LockRank::kTest);
    leaves_->pool().Connect(*frames_);
    users_->Connect(*frames_);
  }
  // What is registered with the allocator lives as long as that, which is for ever.
  ~KeyedZone() {
    os_.faults().StopFailing();
    EXPECT_TRUE(os_.Unmap(reservation_.whole()).ok());
  }
  KeyedZone(const KeyedZone&) = delete;
  KeyedZone& operator=(const KeyedZone&) = delete;

  space::PrivateZone& zone() { return zone_; }
  space::KeyedBlocks& blocks() { return blocks_; }
  frame::PageAllocator& frames() { return *frames_; }
  space::LeafPages& leaves() { return *leaves_; }
  space::TablePool& leaf_pool() { return leaves_->pool(); }
  space::TablePool& users() { return *users_; }
  std::span<frame::BlockRecord> records() { return TableOf<frame::BlockRecord>(2, 1); }

  VirtAddr AddressOf(FrameNumber frame) const { return zone_.AddressOf(frame); }
  /// Where the leaf of `block` lies, if it has one.
  std::optional<FrameNumber> LeafOf(BlockNumber block) {
    const frame::FrameLeaf* leaf = frame::LeafOf(records()[block.value]);
    if (leaf == nullptr) {
      return std::nullopt;
    }
    const std::uint64_t offset = VirtAddr::Of(leaf) - zone_.range().begin;
    return FrameNumber(static_cast<std::uint32_t>(offset >> kFrameBytesLog2));
  }

  /// Adds as many pageblocks as the zone still has.
  void GrowToTheEnd() {
    for (;;) {
      const Result<BlockRange> grown = zone_.Grow(space::Backing::kSmallPages, 1);
      if (!grown.ok()) {
        return;
      }
      frames_->AddBlocks(*grown, frame::Mobility::kUnmovable);
    }
  }
  /// Takes every free pageblock of mapped memory, so that the zone has none left.
  std::vector<FrameNumber> TakeAllPageblocks() {
    GrowToTheEnd();
    std::vector<FrameNumber> taken;
    const auto request = frame::Request::Mapped(frame::Mobility::kUnmovable);
    for (;;) {
      const Result<FrameNumber> block = frames_->Allocate(kPageblockOrder, request);
      if (!block.ok()) {
        return taken;
      }
      taken.push_back(*block);
    }
  }

  void CheckInvariants() {
    frames_->CheckInvariantsAtRest();
    leaf_pool().CheckInvariants();
    users().CheckInvariants();
  }

 private:
  static constexpr std::uint32_t kTables[] = {
      space::PrivateZone::kFlagBytes, space::PrivateZone::kFlagBytes, sizeof(frame::BlockRecord),
      space::TablePool::kLinkBytes,   space::TablePool::kCountBytes,  // of leaves
      space::TablePool::kLinkBytes,   space::TablePool::kCountBytes};

  space::TablePool::Memory PoolMemory(unsigned table) {
    return {TableOf<std::uint64_t>(table, kPageblockFrames), TableOf<std::uint16_t>(table + 1, 1)};
  }

  template <typename Record>
  std::span<Record> TableOf(unsigned index, std::size_t for_each_block) {
    return std::span(reservation_.table(index).begin.AsPointer<Record>(),
                     reservation_.block_count() * for_each_block);
  }

  FaultyOs& os_;
  space::ZoneReservation reservation_;
  space::PrivateZone zone_;
  space::KeyedBlocks blocks_;
  LateInit<space::LeafPages> leaves_;
  LateInit<frame::PageAllocator> frames_;
  LateInit<space::TablePool> users_;
};

}  // namespace pageward::testing_support
