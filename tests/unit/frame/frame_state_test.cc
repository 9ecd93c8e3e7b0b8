#include "runtime/frame/frame_state.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace pageward::frame {
namespace {

using enum FrameState;

constexpr FrameNumber kLastFrame((1u << 28) - 1);

TEST(FrameStateTest, ZeroIsBody) {
  EXPECT_TRUE(FrameRecord().IsBody());
  EXPECT_EQ(FrameRecord().word(), 0u);
  EXPECT_EQ(FrameRecord().state(), kBody);
  EXPECT_EQ(FrameRecord().frames(), FrameCount(0));
}

TEST(FrameStateTest, AFreeRecordHoldsOrderAndBothNeighbours) {
  const FrameRecord record = FrameRecord::Free(kMaxOrder, kLastFrame, FrameNumber(1));
  EXPECT_EQ(record.state(), kFree);
  EXPECT_EQ(record.order(), kMaxOrder);
  EXPECT_EQ(record.previous(), kLastFrame);
  EXPECT_EQ(record.next(), FrameNumber(1));
  EXPECT_EQ(record.frames(), kMaxOrder.frames());
}

TEST(FrameStateTest, ARunCanBeAsLongAsTheLargestZone) {
  const FrameRecord record = FrameRecord::Run(FrameCount(1u << 28), Mobility::kReclaimable);
  EXPECT_EQ(record.state(), kRun);
  EXPECT_EQ(record.frames(), FrameCount(1u << 28));
  EXPECT_EQ(record.mobility(), Mobility::kReclaimable);
}

TEST(FrameStateTest, ARunIsRecognizedByItsLengthWhateverItsMobility) {
  const FrameRecord record = FrameRecord::Run(FrameCount(8), Mobility::kMovable);
  EXPECT_TRUE(record.IsRunOf(FrameCount(8)));
  EXPECT_FALSE(record.IsRunOf(FrameCount(9)));
  EXPECT_FALSE(FrameRecord::Converting(FrameCount(8)).IsRunOf(FrameCount(8)));
  EXPECT_FALSE(FrameRecord().IsRunOf(FrameCount(0)));
}

TEST(FrameStateTest, AListedBlockIsRecognizedByTheLabelOfItsList) {
  const ThreadListsId mine{(1u << 28) - 1};
  const FrameRecord record = FrameRecord::Listed(ListLabel(Order(3), mine), kLastFrame);
  EXPECT_EQ(record.state(), kListed);
  EXPECT_EQ(record.next(), kLastFrame);
  EXPECT_EQ(record.frames(), FrameCount(8));
  EXPECT_TRUE(record.IsListedAs(ListLabel(Order(3), mine)));
  EXPECT_FALSE(record.IsListedAs(ListLabel(Order(2), mine)));
  EXPECT_FALSE(record.IsListedAs(ListLabel(Order(3), ThreadListsId{1})));
}

TEST(FrameStateTest, AConvertingRecordHoldsItsLength) {
  const FrameRecord record = FrameRecord::Converting(FrameCount(3 * kPageblockFrames));
  EXPECT_EQ(record.state(), kConverting);
  EXPECT_EQ(record.frames(), FrameCount(3 * kPageblockFrames));
}

// The table of docs/frame.md, written out a second time.
TEST(FrameStateTest, OnlyTheDocumentedTransitionsAreAllowed) {
  const std::set<std::pair<FrameState, FrameState>> documented{
      {kBody, kFree},  {kBody, kRun},    {kBody, kListed}, {kBody, kConverting},
      {kFree, kBody},  {kFree, kFree},   {kRun, kBody},    {kRun, kRun},
      {kRun, kListed}, {kListed, kBody}, {kListed, kRun},  {kConverting, kBody},
  };
  for (unsigned from = 0; from < kFrameStateCount; ++from) {
    for (unsigned to = 0; to < kFrameStateCount; ++to) {
      const std::pair change(static_cast<FrameState>(from), static_cast<FrameState>(to));
      EXPECT_EQ(MayBecome(change.first, change.second), documented.contains(change))
          << from << " to " << to;
    }
  }
}

}  // namespace
}  // namespace pageward::frame
