#include "hooks/sodium/guarded_region.h"

#include <gtest/gtest.h>

#include "hooks/sodium/canary.h"
#include "runtime/arch/cpu.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"

namespace pageward::hooks {
namespace {

using testing_support::Access;
using testing_support::FaultyOs;
using Kind = testing_support::FaultInjector::Kind;

class GuardedRegionTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(region_.Start(os_, std::nullopt).ok()); }
  void TearDown() override { region_.Stop(os_); }

  BlockIndex MakeSlots(std::uint8_t data_pages) {
    const BlockIndex index = *region_.TakeBlocks(1);
    region_.block(index).data_pages = data_pages;
    region_.block(index).use = BlockUse::kSlots;
    return index;
  }
  void Use(BlockIndex first, BlockIndex count) {
    for (BlockIndex index = first; index < first + count; ++index) {
      region_.block(index).use = BlockUse::kLargeRest;
    }
  }

  FaultyOs os_;
  GuardedRegion region_;
};

TEST_F(GuardedRegionTest, NothingOfItCanBeTouchedAtFirst) {
  const VirtRange addresses = region_.addresses();
  EXPECT_EQ(testing_support::TryRead(addresses.begin), Access::kNotAllowed);
  EXPECT_EQ(testing_support::TryRead(addresses.end() - 1), Access::kNotAllowed);
}

TEST_F(GuardedRegionTest, FindsExactlyTheFirstDataPageOfEachSlot) {
  for (std::uint8_t pages = 1; pages <= GuardedRegion::kMostSlotPages; ++pages) {
    const BlockIndex index = MakeSlots(pages);
    const VirtRange block = region_.AddressesOf(index);
    std::uint16_t expected = 0;
    for (std::uint64_t page = 0; page < GuardedRegion::kBlockPages; ++page) {
      const VirtAddr address = block.begin + page * kFrameBytes + 7;
      const std::optional<SlotPlace> place = region_.Find(address);
      const bool is_first = page % (pages + 1u) == 1 && expected < GuardedRegion::SlotsOf(pages);
      ASSERT_EQ(place.has_value(), is_first) << int{pages} << " pages, page " << page;
      if (place) {
        EXPECT_EQ(place->slot, expected++);
        const VirtRange data = region_.DataOf(*place);
        EXPECT_EQ(data.begin, block.begin + page * kFrameBytes);
        EXPECT_EQ(data.bytes, pages * kFrameBytes);
        // A guard page behind it has room in the block, too.
        EXPECT_LE(data.end() + kFrameBytes, block.end());
      }
    }
    EXPECT_EQ(expected, GuardedRegion::SlotsOf(pages));
  }
}

TEST_F(GuardedRegionTest, FindsNothingInFreeBlocksAndOutside) {
  const VirtRange addresses = region_.addresses();
  EXPECT_FALSE(region_.Find(addresses.begin + kFrameBytes));
  EXPECT_FALSE(region_.Find(addresses.begin - 1));
  EXPECT_FALSE(region_.Find(addresses.end()));
  EXPECT_FALSE(region_.Find(VirtAddr()));
}

TEST_F(GuardedRegionTest, ALargeObjectIsFoundByItsFirstPageOnly) {
  const BlockIndex index = *region_.TakeBlocks(2);
  Use(index, 2);
  region_.block(index).use = BlockUse::kLarge;
  region_.block(index).first_page = 1;
  region_.slot({index, 0}).Store({SlotState::kLive, 3'000'000});
  const VirtRange block = region_.AddressesOf(index);
  ASSERT_TRUE(region_.Find(block.begin + kFrameBytes));
  EXPECT_FALSE(region_.Find(block.begin));
  EXPECT_FALSE(region_.Find(block.begin + 2 * kFrameBytes));
  EXPECT_FALSE(region_.Find(block.end() + kFrameBytes));
  const VirtRange data = region_.DataOf({index, 0});
  EXPECT_GE(data.bytes, 3'000'000 + Canary::kBytes);
  EXPECT_LT(data.bytes, 3'000'000 + Canary::kBytes + kFrameBytes);
}

TEST_F(GuardedRegionTest, TheLargestObjectsBeginWithABlock) {
  const std::uint64_t pages = GuardedRegion::kBlockPages;
  EXPECT_FALSE(GuardedRegion::BeginsWithBlock(pages - 1));
  EXPECT_TRUE(GuardedRegion::BeginsWithBlock(pages));
  // Two guard pages and the data; from there on a whole block before it.
  EXPECT_EQ(GuardedRegion::BlocksOf(pages - 2), 1u);
  EXPECT_EQ(GuardedRegion::BlocksOf(pages - 1), 2u);
  EXPECT_EQ(GuardedRegion::BlocksOf(pages), 3u);
  EXPECT_EQ(GuardedRegion::BlocksOf(2 * pages - 1), 3u);
  const BlockIndex index = *region_.TakeBlocks(3);
  Use(index, 3);
  region_.block(index + 1).use = BlockUse::kLarge;
  region_.slot({index + 1, 0}).Store({SlotState::kLive, kPageblockBytes});
  const VirtRange block = region_.AddressesOf(index + 1);
  EXPECT_TRUE(region_.Find(block.begin));
  EXPECT_FALSE(region_.Find(block.begin + kFrameBytes));
  EXPECT_FALSE(region_.Find(block.begin - kFrameBytes));
  EXPECT_EQ(region_.DataOf({index + 1, 0}).begin, block.begin);
}

TEST_F(GuardedRegionTest, BlocksComeSideBySideAndAreUsedAgain) {
  const BlockIndex one = *region_.TakeBlocks(1);
  Use(one, 1);
  const BlockIndex three = *region_.TakeBlocks(3);
  Use(three, 3);
  EXPECT_EQ(three, one + 1);
  region_.PutBlocks(one, 1);
  EXPECT_EQ(region_.blocks_in_use(), 3u);
  const BlockIndex two = *region_.TakeBlocks(2);
  EXPECT_EQ(two, three + 3);
  Use(two, 2);
  EXPECT_EQ(*region_.TakeBlocks(1), one);
}

TEST_F(GuardedRegionTest, MoreBlocksThanThereAreIsAnAnswer) {
  EXPECT_FALSE(region_.TakeBlocks(region_.block_count() + 1));
  EXPECT_EQ(region_.blocks_in_use(), 0u);
  EXPECT_TRUE(region_.TakeBlocks(region_.block_count()));
}

TEST_F(GuardedRegionTest, WhatIsResetIsZeroAndOutOfReach) {
  const VirtRange page{region_.addresses().begin + kFrameBytes, kFrameBytes};
  ASSERT_TRUE(os_.Protect(page, os::Protection::kReadWrite).ok());
  *page.begin.AsPointer<char>() = 1;
  ASSERT_TRUE(region_.Reset(os_, page).ok());
  EXPECT_EQ(testing_support::TryRead(page.begin), Access::kNotAllowed);
  ASSERT_TRUE(os_.Protect(page, os::Protection::kReadWrite).ok());
  EXPECT_EQ(*page.begin.AsPointer<char>(), 0);
}

TEST(GuardedRegionStartTest, DoesWithLessWhereLessIsGranted) {
  FaultyOs os;
  os.faults().FailAfter(Kind::kReserve, 0, Error::kNoAddressSpace, 2);
  GuardedRegion region;
  ASSERT_TRUE(region.Start(os, std::nullopt).ok());
  EXPECT_EQ(region.addresses().bytes, GuardedRegion::kMostBytes / 16);
  region.Stop(os);
}

TEST(GuardedRegionStartTest, FailsWhereNothingIsGrantedAndKeepsNothing) {
  for (const Kind kind : {Kind::kReserve, Kind::kMap}) {
    FaultyOs os;
    os.faults().FailAfter(kind, 0, Error::kNoAddressSpace);
    GuardedRegion region;
    EXPECT_FALSE(region.Start(os, std::nullopt).ok());
    EXPECT_EQ(region.addresses(), VirtRange());
    os.faults().StopFailing();
    EXPECT_TRUE(region.Start(os, std::nullopt).ok());
    region.Stop(os);
  }
}

TEST(GuardedRegionStartTest, ClosesItsTablesWithTheKeyOfMetadata) {
  if (!arch::HasOspke()) {
    GTEST_SKIP() << "this machine has no protection keys";
  }
  FaultyOs os;
  const Result<arch::Pkey> key = os.AllocateKey(arch::KeyAccess::kReadOnly);
  ASSERT_TRUE(key.ok());
  GuardedRegion region;
  ASSERT_TRUE(region.Start(os, *key).ok());
  const VirtAddr table = VirtAddr::Of(&region.block(0));
  EXPECT_EQ(testing_support::TryRead(table), Access::kOk);
  EXPECT_EQ(testing_support::TryWrite(table, 0), Access::kKeyDenied);
  region.Stop(os);
  os.FreeKey(*key);
}

}  // namespace
}  // namespace pageward::hooks
