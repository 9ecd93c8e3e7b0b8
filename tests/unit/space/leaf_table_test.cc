#include "runtime/space/leaf_table.h"

#include <gtest/gtest.h>

#include "tests/support/os/faulty_os.h"

namespace pageward::space {
namespace {

using testing_support::FaultyOs;

class LeafTableTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<VirtRange> table = os_.MapZeroed(8 * LeafTable::kBytes);
    ASSERT_TRUE(table.ok());
    table_ = *table;
  }
  void TearDown() override { ASSERT_TRUE(os_.Unmap(table_).ok()); }

  FaultyOs os_;
  VirtRange table_;
};

TEST_F(LeafTableTest, EachPageblockHasALeafOfItsOwn) {
  LeafTable leaves(os_, table_);
  frame::FrameLeaf* first = leaves.Allocate(BlockNumber(0));
  frame::FrameLeaf* last = leaves.Allocate(BlockNumber(7));
  EXPECT_EQ(VirtAddr::Of(first), table_.begin);
  EXPECT_EQ(VirtAddr::Of(last) - VirtAddr::Of(first), 7 * LeafTable::kBytes);
}

TEST_F(LeafTableTest, ALeafThatWentBackIsZeroWhenItComesAgain) {
  LeafTable leaves(os_, table_);
  frame::FrameLeaf* leaf = leaves.Allocate(BlockNumber(3));
  leaf->records[5] = 1;
  leaves.Free(BlockNumber(3), leaf);
  EXPECT_EQ(leaves.Allocate(BlockNumber(3))->records[5], 0u);
}

// Spec: T98
TEST_F(LeafTableTest, ItCantRunOutSoThatPreparingASplitDoesNothing) {
  LeafTable leaves(os_, table_);
  const std::uint32_t calls = os_.faults().all_calls();
  EXPECT_TRUE(leaves.IsReady());
  EXPECT_TRUE(leaves.Prepare().ok());
  for (std::uint32_t block = 0; block < 8; ++block) {
    EXPECT_NE(leaves.Allocate(BlockNumber(block)), nullptr);
    EXPECT_TRUE(leaves.IsReady());
  }
  EXPECT_EQ(os_.faults().all_calls(), calls);
}

using LeafTableDeathTest = LeafTableTest;

TEST_F(LeafTableDeathTest, TheLeafOfAnotherBlockIsRefused) {
  LeafTable leaves(os_, table_);
  frame::FrameLeaf* leaf = leaves.Allocate(BlockNumber(3));
  EXPECT_DEATH(leaves.Free(BlockNumber(2), leaf), "foreign frame");
  EXPECT_DEATH(leaves.Allocate(BlockNumber(8)), "foreign frame");
}

}  // namespace
}  // namespace pageward::space
