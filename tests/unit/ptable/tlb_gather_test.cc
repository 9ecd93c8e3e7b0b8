#include "runtime/ptable/tlb_gather.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/ptable/test_table.h"

namespace pageward::ptable {
namespace {

using testing_support::FakePtpSource;
using testing_support::FakeTableMemory;
using testing_support::RecordingFlusher;

constexpr VirtAddr kAt{0x4000'0000};
constexpr std::uint64_t kLarge = 0x20'0000;

VirtRange Pages(std::uint64_t first, std::uint64_t count) {
  return VirtRange{kAt + first * kFrameBytes, count * kFrameBytes};
}

class TlbGatherTest : public testing::Test {
 protected:
  PhysAddr TablePage() { return *source_.Allocate(); }

  using Requests = std::vector<FlushRequest>;

  FakeTableMemory memory_{1024};
  FakePtpSource source_{memory_};
  RecordingFlusher flusher_;
};

TEST_F(TlbGatherTest, WithNothingPendingThereIsNoEvent) {
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  gather.Finish();
  EXPECT_TRUE(flusher_.requests().empty());
  EXPECT_EQ(gather.flushes(), 0u);
}

// Spec: T113
TEST_F(TlbGatherTest, MergedIsOneEventFromTheFirstChangeToTheLast) {
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  gather.AddPages(Pages(100, 1), 12);
  gather.AddPages(Pages(3, 2), 12);
  gather.AddPages(Pages(50, 1), 12);
  EXPECT_TRUE(gather.IsPending());
  gather.Finish();
  EXPECT_EQ(flusher_.requests(), (Requests{{Pages(3, 98), 12}}));
  EXPECT_EQ(gather.flushes(), 1u);
  EXPECT_FALSE(gather.IsPending());
}

// Spec: T113
TEST_F(TlbGatherTest, WithoutGapsEachEventCoversChangedAddressesOnly) {
  TlbGather gather(FlushMode::kNoGaps, flusher_, source_);
  gather.AddPages(Pages(3, 2), 12);
  gather.AddPages(Pages(5, 1), 12);
  gather.AddPages(Pages(2, 1), 12);
  gather.AddPages(Pages(9, 1), 12);
  gather.Finish();
  EXPECT_EQ(flusher_.requests(), (Requests{{Pages(2, 4), 12}, {Pages(9, 1), 12}}));
}

TEST_F(TlbGatherTest, TheSmallestPageDecidesTheStride) {
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  gather.AddPages(VirtRange{kAt, kLarge}, 21);
  gather.AddPages(Pages(512, 1), 12);
  gather.AddPages(VirtRange{kAt + 2 * kLarge, kLarge}, 21);
  gather.Finish();
  EXPECT_EQ(flusher_.requests(), (Requests{{VirtRange{kAt, 3 * kLarge}, 12}}));
  gather.AddPages(VirtRange{kAt, kLarge}, 21);
  gather.Finish();
  EXPECT_EQ(flusher_.requests().back(), (FlushRequest{VirtRange{kAt, kLarge}, 21}));
}

TEST_F(TlbGatherTest, TablesAreFreedByTheFlushAndNotBefore) {
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  gather.AddTable(TablePage(), VirtRange{kAt, kLarge}, 12);
  gather.AddTable(TablePage(), VirtRange{kAt + kLarge, kLarge}, 12);
  EXPECT_EQ(source_.outside(), 2u);
  EXPECT_EQ(gather.tables(), 2u);
  gather.Finish();
  EXPECT_EQ(source_.outside(), 0u);
  EXPECT_EQ(flusher_.requests(), (Requests{{VirtRange{kAt, 2 * kLarge}, 12}}));
}

TEST_F(TlbGatherTest, WithoutGapsTablesGoWithTheEventThatCoversThem) {
  TlbGather gather(FlushMode::kNoGaps, flusher_, source_);
  gather.AddTable(TablePage(), VirtRange{kAt, kLarge}, 12);
  gather.AddTable(TablePage(), VirtRange{kAt + 9 * kLarge, kLarge}, 12);
  EXPECT_EQ(source_.outside(), 1u) << "the first has been flushed";
  EXPECT_EQ(flusher_.requests(), (Requests{{VirtRange{kAt, kLarge}, 12}}));
  gather.Finish();
  EXPECT_EQ(source_.outside(), 0u);
}

TEST_F(TlbGatherTest, MoreTablesThanItHoldsAreFlushedInBetween) {
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  for (std::uint64_t i = 0; i <= TlbGather::kMaxTables; ++i) {
    gather.AddTable(TablePage(), VirtRange{kAt + i * kLarge, kLarge}, 12);
  }
  EXPECT_EQ(gather.flushes(), 1u);
  EXPECT_EQ(source_.outside(), 1u);
  gather.Finish();
  EXPECT_EQ(flusher_.requests(),
            (Requests{{VirtRange{kAt, TlbGather::kMaxTables * kLarge}, 12},
                      {VirtRange{kAt + TlbGather::kMaxTables * kLarge, kLarge}, 12}}));
}

TEST_F(TlbGatherTest, ServesSeveralOperations) {
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  for (int i = 0; i < 3; ++i) {
    gather.AddPages(Pages(7, 1), 12);
    gather.Finish();
  }
  EXPECT_EQ(gather.flushes(), 3u);
}

TEST_F(TlbGatherTest, ChangesAtTheTopOfTheAddressSpaceAreCovered) {
  const VirtRange last{VirtAddr(0 - kFrameBytes), kFrameBytes};
  const VirtRange before{VirtAddr(0 - 4 * kFrameBytes), kFrameBytes};
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  gather.AddPages(last, 12);
  gather.AddPages(before, 12);
  gather.Finish();
  EXPECT_EQ(flusher_.requests(), (Requests{{VirtRange{before.begin, 4 * kFrameBytes}, 12}}));
}

TEST_F(TlbGatherTest, ChangesAtBothEndsOfTheAddressSpaceAreTwoEvents) {
  const VirtRange last{VirtAddr(0 - kFrameBytes), kFrameBytes};
  const VirtRange first{VirtAddr(0), kFrameBytes};
  TlbGather gather(FlushMode::kMerged, flusher_, source_);
  gather.AddPages(last, 12);
  gather.AddPages(first, 12);
  gather.Finish();
  EXPECT_EQ(flusher_.requests(), (Requests{{last, 12}, {first, 12}}));
}

#if PW_CHECK_LEVEL >= 1
class TlbGatherDeathTest : public TlbGatherTest {};

TEST_F(TlbGatherDeathTest, AFlushThatWasForgottenIsABrokenContract) {
  EXPECT_DEATH(
      {
        TlbGather gather(FlushMode::kMerged, flusher_, source_);
        gather.AddPages(Pages(7, 1), 12);
      },
      "assertion failed");
}
#endif

}  // namespace
}  // namespace pageward::ptable
