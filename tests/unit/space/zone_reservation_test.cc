#include "runtime/space/zone_reservation.h"

#include <gtest/gtest.h>

#include "tests/support/os/fake_os.h"

namespace pageward::space {
namespace {

using testing_support::FakeOs;

constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint32_t kTables[] = {64, 4096, 1};

VirtAddr LastPageOf(VirtRange range) {
  return range.begin + (range.bytes - kFrameBytes);
}

unsigned KeyAt(const FakeOs& os, VirtAddr address) {
  const auto attributes = os.At(address);
  return attributes ? attributes->key : ~0u;
}

// Whether only the key is in the way of a write.
bool IsWritableBehindItsKey(const FakeOs& os, VirtAddr address) {
  const auto attributes = os.At(address);
  return attributes && attributes->key != 0 && attributes->protection == os::Protection::kReadWrite;
}

TEST(ZoneReservationTest, ReservesWhatIsAskedForAndTouchesNothing) {
  FakeOs os;
  const auto zone = ZoneReservation::Make(os, kTiB, kGiB, kTables);
  ASSERT_TRUE(zone.ok());
  EXPECT_EQ(zone->frames().bytes, kTiB);
  EXPECT_EQ(zone->block_count(), kTiB >> kPageblockBytesLog2);
  EXPECT_TRUE(IsAligned<std::uint64_t>(zone->frames().begin.value(), kGiB));
  EXPECT_FALSE(os.IsReadable(zone->frames().begin));
  EXPECT_FALSE(os.IsWritable(zone->table(0).begin));
  EXPECT_EQ(os.mapping_count(), 2u);
}

TEST(ZoneReservationTest, TakesLessWhereTheSystemGrantsLess) {
  FakeOs os;
  os.set_address_space(10 * kGiB);
  const auto zone = ZoneReservation::Make(os, kTiB, kGiB, kTables);
  ASSERT_TRUE(zone.ok());
  EXPECT_EQ(zone->frames().bytes, 8 * kGiB);
}

TEST(ZoneReservationTest, BelowTheLeastThereIsNoZone) {
  FakeOs os;
  os.set_address_space(kGiB / 2);
  EXPECT_EQ(ZoneReservation::Make(os, kTiB, kGiB, kTables).error(), Error::kNoAddressSpace);
  EXPECT_EQ(os.mapping_count(), 0u);
}

TEST(ZoneReservationTest, TablesLieApartFromEachOtherAndFromTheFrames) {
  FakeOs os;
  const auto zone = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(zone.ok());
  for (unsigned i = 0; i < std::size(kTables); ++i) {
    const VirtRange table = zone->table(i);
    EXPECT_GE(table.bytes, std::uint64_t{zone->block_count()} * kTables[i]);
    const VirtAddr next =
        i + 1 < std::size(kTables) ? zone->table(i + 1).begin : zone->frames().begin;
    EXPECT_GE(next - table.end(), ZoneReservation::kGapBytes);
  }
  EXPECT_GE(zone->table(0).begin - zone->whole().begin, ZoneReservation::kGapBytes);
}

TEST(ZoneReservationTest, TablesReadAsZeroBeforeTheyAreInUse) {
  FakeOs os;
  const auto zone = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(zone.ok());
  for (unsigned i = 0; i < std::size(kTables); ++i) {
    EXPECT_TRUE(os.IsReadable(zone->table(i).begin)) << i;
    EXPECT_TRUE(os.IsReadable(zone->table(i).end() - 1)) << i;
    EXPECT_TRUE(os.ReadsZero(zone->table(i).begin)) << i;
  }
  EXPECT_FALSE(os.IsReadable(zone->frames().begin - 1));
}

TEST(ZoneReservationTest, CommitsExactlyThePartsThatDescribeTheBlocks) {
  FakeOs os;
  auto made = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(made.ok());
  ZoneReservation zone = *made;
  ASSERT_TRUE(zone.CommitTables(os, BlockRange{BlockNumber(64), 64}).ok());
  // 64 bytes for a block: blocks 64 to 127 are the second page of the table.
  EXPECT_FALSE(os.IsWritable(zone.table(0).begin));
  EXPECT_TRUE(os.IsWritable(zone.table(0).begin + 4096));
  EXPECT_FALSE(os.IsWritable(zone.table(0).begin + 8192));
  EXPECT_TRUE(os.IsWritable(zone.table(1).begin + 64 * 4096));
  EXPECT_FALSE(os.IsWritable(zone.table(1).begin + 63 * 4096));
  EXPECT_TRUE(os.IsWritable(zone.table(2).begin + 64));
  EXPECT_FALSE(os.IsReadable(zone.frames().begin));
  // The neighbours share a page of the last table with them.
  EXPECT_TRUE(zone.CommitTables(os, BlockRange{BlockNumber(0), 64}).ok());
  EXPECT_TRUE(os.IsWritable(zone.table(0).begin));
}

TEST(ZoneReservationTest, AFailedCommitIsAnAnswer) {
  FakeOs os;
  auto made = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(made.ok());
  ZoneReservation zone = *made;
  os.faults().FailAfter(FakeOs::Kind::kProtect, 1, Error::kTooManyMappings);
  EXPECT_EQ(zone.CommitTables(os, BlockRange{BlockNumber(0), 1}).error(), Error::kTooManyMappings);
  os.faults().StopFailing();
  EXPECT_TRUE(zone.CommitTables(os, BlockRange{BlockNumber(0), 1}).ok());
}

TEST(ZoneReservationTest, ClosedTablesKeepTheirKeyWhenTheyBecomeUsable) {
  FakeOs os;
  const auto made = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(made.ok());
  ZoneReservation zone = *made;
  const arch::Pkey key = *os.AllocateKey(arch::KeyAccess::kNone);
  ASSERT_TRUE(zone.CloseTables(os, 0, 2, key).ok());
  ASSERT_TRUE(zone.CommitTables(os, BlockRange{BlockNumber(0), 64}).ok());
  for (const unsigned table : {0u, 1u}) {
    EXPECT_EQ(KeyAt(os, zone.table(table).begin), key.value());
    EXPECT_EQ(KeyAt(os, LastPageOf(zone.table(table))), key.value());
  }
  EXPECT_EQ(KeyAt(os, zone.table(2).begin), 0u);
  EXPECT_TRUE(os.IsWritable(zone.table(2).begin));
}

TEST(ZoneReservationTest, TablesThatCantBeClosedStayAsTheyAre) {
  FakeOs os;
  const auto made = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(made.ok());
  ZoneReservation zone = *made;
  const arch::Pkey key = *os.AllocateKey(arch::KeyAccess::kNone);
  os.faults().FailAfter(FakeOs::Kind::kProtect, 0, Error::kNoMemory);
  EXPECT_EQ(zone.CloseTables(os, 0, 2, key).error(), Error::kNoMemory);
  EXPECT_EQ(KeyAt(os, zone.table(0).begin), 0u);
}

TEST(ZoneReservationTest, SealedTablesAreUsableAsAWholeAndStayAsTheyAre) {
  FakeOs os;
  const auto made = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(made.ok());
  ZoneReservation zone = *made;
  const arch::Pkey key = *os.AllocateKey(arch::KeyAccess::kNone);
  ASSERT_TRUE(zone.CloseTables(os, 0, 2, key).ok());
  // Some were in use before.
  ASSERT_TRUE(zone.CommitTables(os, BlockRange{BlockNumber(0), 3}).ok());
  ASSERT_TRUE(zone.SealTables(os, 0, 2).ok());
  for (const unsigned table : {0u, 1u}) {
    EXPECT_TRUE(IsWritableBehindItsKey(os, zone.table(table).begin));
    EXPECT_TRUE(IsWritableBehindItsKey(os, LastPageOf(zone.table(table))));
    EXPECT_EQ(KeyAt(os, LastPageOf(zone.table(table))), key.value());
    EXPECT_EQ(os.Protect(zone.table(table), os::Protection::kRead).error(), Error::kNotPermitted);
  }
  EXPECT_FALSE(IsWritableBehindItsKey(os, zone.table(0).end()));
  ASSERT_TRUE(zone.CommitTables(os, BlockRange{BlockNumber(2), 64}).ok());
  EXPECT_TRUE(os.IsWritable(zone.table(2).begin));
}

TEST(ZoneReservationTest, TablesThatCantBeSealedGrowAllTheSame) {
  for (const FakeOs::Kind kind : {FakeOs::Kind::kProtect, FakeOs::Kind::kSeal}) {
    for (std::uint32_t successes = 0; successes < (kind == FakeOs::Kind::kSeal ? 1u : 2u);
         ++successes) {
      FakeOs os;
      const auto made = ZoneReservation::Make(os, kGiB, kGiB, kTables);
      ASSERT_TRUE(made.ok());
      ZoneReservation zone = *made;
      ASSERT_TRUE(zone.CloseTables(os, 0, 2, *os.AllocateKey(arch::KeyAccess::kNone)).ok());
      os.faults().FailAfter(kind, successes, Error::kNoMemory);
      EXPECT_EQ(zone.SealTables(os, 0, 2).error(), Error::kNoMemory);
      os.faults().StopFailing();
      ASSERT_TRUE(zone.CommitTables(os, BlockRange{BlockNumber(0), 64}).ok());
      EXPECT_TRUE(IsWritableBehindItsKey(os, zone.table(0).begin));
      EXPECT_TRUE(IsWritableBehindItsKey(os, zone.table(1).begin));
    }
  }
}

TEST(ZoneReservationTest, UsableBytesAreCountedInWholePagesAndOnce) {
  FakeOs os;
  const auto zone = ZoneReservation::Make(os, kGiB, kGiB, kTables);
  ASSERT_TRUE(zone.ok());
  const std::uint32_t blocks = zone->block_count();
  EXPECT_EQ(zone->CommittedBytes(0, 3, 0, blocks), 0u);
  // 64, 4096 and 1 byte for each of 3 and 2 blocks: a page at each end, but for the second table.
  EXPECT_EQ(zone->CommittedBytes(1, 2, 3, blocks - 2), 5 * kFrameBytes);
  EXPECT_EQ(zone->CommittedBytes(0, 1, 3, blocks - 2), 2 * kFrameBytes);
  // 512 blocks have their bytes of the last table in one page.
  EXPECT_EQ(zone->CommittedBytes(2, 3, 3, blocks - 2), kFrameBytes);
}

}  // namespace
}  // namespace pageward::space
