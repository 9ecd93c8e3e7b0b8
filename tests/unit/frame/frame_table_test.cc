#include "runtime/frame/frame_table.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/frame/fake_leaf_source.h"

namespace pageward::frame {
namespace {

using testing_support::FakeLeafSource;

constexpr std::uint32_t kBlocks = 4;

class FrameTableTest : public testing::Test {
 protected:
  FrameTableTest() {
    for (BlockRecord& record : records_) {
      record.flags = BlockFlags::Managed().word();
    }
  }
  ~FrameTableTest() override { table_.CheckInvariants(); }

  static FrameNumber At(std::uint32_t block, std::uint32_t index) {
    return FirstFrameOf(BlockNumber(block)) + FrameCount(index);
  }
  void Put(FrameNumber frame, FrameRecord record) {
    ASSERT_TRUE(table_.EnsureRecord(frame));
    table_.Store(frame, record);
  }
  static FrameRecord RunOf(std::uint32_t frames) {
    return FrameRecord::Run(FrameCount(frames), Mobility::kMovable);
  }

  std::vector<BlockRecord> records_ = std::vector<BlockRecord>(kBlocks);
  FakeLeafSource leaves_;
  FrameTable table_{records_, leaves_};
};

using FrameTableDeathTest = FrameTableTest;

TEST_F(FrameTableTest, KnowsWhichFramesItHasRecordsFor) {
  EXPECT_EQ(table_.block_count(), kBlocks);
  EXPECT_TRUE(table_.Contains(At(3, 511)));
  EXPECT_FALSE(table_.Contains(At(4, 0)));
}

TEST_F(FrameTableTest, ReadsAsBodyWithoutAnyLeaf) {
  EXPECT_TRUE(table_.Load(At(0, 0)).IsBody());
  EXPECT_TRUE(table_.Load(At(2, 100)).IsBody());
  EXPECT_EQ(leaves_.requests(), 0u);
}

TEST_F(FrameTableTest, WholeBlocksNeedNoLeaf) {
  ASSERT_TRUE(table_.EnsureRecord(At(1, 0)));
  // Also the end of the zone, which is where its last run ends.
  ASSERT_TRUE(table_.EnsureRecord(At(kBlocks, 0)));
  table_.Store(At(1, 0), RunOf(kPageblockFrames));
  EXPECT_EQ(table_.Load(At(1, 0)), RunOf(kPageblockFrames));
  EXPECT_EQ(table_.leaf_count(), 0u);
}

TEST_F(FrameTableTest, ABlockThatIsBrokenUpGetsOneLeafAndKeepsIt) {
  Put(At(1, 3), RunOf(2));
  Put(At(1, 5), RunOf(1));
  EXPECT_EQ(leaves_.requests(), 1u);
  EXPECT_TRUE(leaves_.Has(BlockNumber(1)));
  table_.Store(At(1, 3), FrameRecord());
  table_.Store(At(1, 5), FrameRecord());
  EXPECT_TRUE(table_.EnsureRecord(At(1, 9)));
  EXPECT_EQ(leaves_.requests(), 1u);
}

TEST_F(FrameTableTest, WithoutALeafThereIsNoRecord) {
  leaves_.FailAfter(0);
  EXPECT_FALSE(table_.EnsureRecord(At(1, 3)));
  EXPECT_FALSE(table_.EntryOf(At(1, 3)).IsThere());
  EXPECT_TRUE(table_.EntryOf(At(1, 0)).IsThere());
  EXPECT_EQ(table_.leaf_count(), 0u);
}

TEST_F(FrameTableTest, ALeafInUseStaysAndAnIdleOneCanBeTaken) {
  Put(At(1, 3), RunOf(2));
  EXPECT_EQ(table_.DetachLeaf(BlockNumber(1)), nullptr);
  table_.Store(At(1, 3), FrameRecord());
  FrameLeaf* leaf = table_.DetachLeaf(BlockNumber(1));
  ASSERT_NE(leaf, nullptr);
  leaves_.Free(BlockNumber(1), leaf);
  EXPECT_EQ(table_.leaf_count(), 0u);
  EXPECT_EQ(table_.DetachLeaf(BlockNumber(1)), nullptr);
}

TEST_F(FrameTableTest, AThreadRelabelsItsFrameInPlace) {
  Put(At(1, 3), RunOf(1));
  const FrameTable::Entry entry = table_.EntryOf(At(1, 3));
  ASSERT_TRUE(entry.IsThere());
  const FrameRecord listed = FrameRecord::Listed(ListLabel(Order(0), ThreadListsId{5}), At(1, 9));
  entry.Relabel(listed);
  EXPECT_EQ(table_.Load(At(1, 3)), listed);
  entry.Relabel(RunOf(1));
  EXPECT_EQ(entry.Load(), RunOf(1));
}

TEST_F(FrameTableTest, FindsThePieceAroundAFrameAcrossPageblocks) {
  Put(At(0, 0), RunOf(10));
  Put(At(0, 10), RunOf(2 * kPageblockFrames));
  for (const FrameNumber frame : {At(0, 10), At(0, 511), At(1, 0), At(1, 511), At(2, 9)}) {
    const auto piece = table_.PieceOf(frame);
    ASSERT_TRUE(piece.has_value());
    EXPECT_EQ(piece->range, (FrameRange{At(0, 10), FrameCount(2 * kPageblockFrames)}));
  }
  EXPECT_EQ(table_.PieceOf(At(0, 9))->range.begin, At(0, 0));
}

TEST_F(FrameTableTest, FindsNoPieceOutsideAPieceOrTheZone) {
  Put(At(1, 0), RunOf(10));
  EXPECT_FALSE(table_.PieceOf(At(1, 10)).has_value());
  EXPECT_FALSE(table_.PieceOf(At(0, 5)).has_value());
  EXPECT_FALSE(table_.PieceOf(At(kBlocks, 0)).has_value());
  records_[1].flags = 0;
  EXPECT_FALSE(table_.PieceOf(At(1, 5)).has_value());
}

TEST_F(FrameTableDeathTest, ATransitionThatIsNotInTheTableDies) {
  Put(At(1, 3), RunOf(2));
  EXPECT_DEATH(table_.Store(At(1, 3), FrameRecord::Free(Order(0), At(1, 3), At(1, 3))),
               "invariant broken: 0x203 .*F1");
}

TEST_F(FrameTableDeathTest, ARecordWithoutALeafDies) {
  EXPECT_DEATH(table_.Store(At(1, 3), RunOf(2)), "invariant broken: 0x203 ");
}

TEST_F(FrameTableDeathTest, TheWalkFindsALeafThatWasWrittenTo) {
  Put(At(1, 3), RunOf(2));
  records_[1].leaf->records[4] = 1;
  EXPECT_DEATH(table_.CheckInvariants(), "invariant broken: 0x1 .*F4");
  records_[1].leaf->records[4] = 0;
  records_[1].leaf->records[0] = 1;
  EXPECT_DEATH(table_.CheckInvariants(), "invariant broken: 0x1 .*F4");
  records_[1].leaf->records[0] = 0;
}

}  // namespace
}  // namespace pageward::frame
