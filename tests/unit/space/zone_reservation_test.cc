#include "runtime/space/zone_reservation.h"

#include <gtest/gtest.h>

#include "tests/support/os/fake_os.h"

namespace pageward::space {
namespace {

using testing_support::FakeOs;

constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint32_t kTables[] = {64, 4096, 1};

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

}  // namespace
}  // namespace pageward::space
