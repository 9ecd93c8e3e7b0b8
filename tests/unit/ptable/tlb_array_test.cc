#include "runtime/ptable/tlb_array.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

using arch::Pcid;

// Four sets of two ways: small enough to overflow.
using SmallArray = TlbArray<0, 2, 2>;

constexpr std::uint64_t kLeaf = 0x5000 | 1;
constexpr std::uint64_t kGlobal = arch::PagingEntry::Global::kMask;

VirtAddr Page(std::uint64_t number) {
  return VirtAddr(number * kFrameBytes);
}

class TlbArrayTest : public testing::Test {
 protected:
  void TearDown() override { array_.CheckInvariants(); }

  TlbEntry Insert(std::uint64_t page, Pcid pcid, std::uint64_t leaf = kLeaf) {
    const TlbEntry evicted = array_.Insert(TlbEntry(Page(page), pcid, 0, leaf));
    array_.CheckInvariants();
    return evicted;
  }

  SmallArray array_;
};

TEST_F(TlbArrayTest, FindsWhatWasInserted) {
  Insert(3, Pcid(1), kLeaf | 0x40);
  EXPECT_EQ(array_.Find(Page(3) + 0xabc, Pcid(1)), kLeaf | 0x40);
  EXPECT_EQ(array_.Find(Page(3), Pcid(2)), 0u);
  EXPECT_EQ(array_.Find(Page(7), Pcid(1)), 0u) << "the same set, another page";
  EXPECT_EQ(array_.Find(Page(4), Pcid(1)), 0u);
  EXPECT_EQ(array_.count(), 1u);
}

TEST_F(TlbArrayTest, PageZeroOfPcidZeroIsNotThereUnlessItIs) {
  EXPECT_EQ(array_.Find(Page(0), Pcid(0)), 0u);
  Insert(0, Pcid(0));
  EXPECT_EQ(array_.Find(Page(0), Pcid(0)), kLeaf);
}

TEST_F(TlbArrayTest, GlobalPagesAreFoundUnderEveryPcid) {
  Insert(3, Pcid(1), kLeaf | kGlobal);
  EXPECT_EQ(array_.Find(Page(3), Pcid(4095)), kLeaf | kGlobal);
  EXPECT_EQ(array_.Find(Page(4), Pcid(1)), 0u);
}

TEST_F(TlbArrayTest, ThePcidIsComparedInAllItsBits) {
  for (unsigned bit = 0; bit < 12; ++bit) {
    Insert(3, Pcid(0x555), kLeaf);
    EXPECT_EQ(array_.Find(Page(3), Pcid(0x555 ^ 1u << bit)), 0u) << bit;
  }
}

TEST_F(TlbArrayTest, TheSamePageAgainTakesThePlaceOfTheFormer) {
  Insert(3, Pcid(1), kLeaf);
  EXPECT_FALSE(Insert(3, Pcid(1), kLeaf | 0x40).IsValid());
  EXPECT_EQ(array_.Find(Page(3), Pcid(1)), kLeaf | 0x40);
  EXPECT_EQ(array_.count(), 1u);
}

TEST_F(TlbArrayTest, AFullSetEvictsInTurnAndSaysWhat) {
  EXPECT_FALSE(Insert(0, Pcid(1)).IsValid());
  EXPECT_FALSE(Insert(4, Pcid(2)).IsValid());
  const TlbEntry first = Insert(8, Pcid(1));
  const TlbEntry second = Insert(12, Pcid(1));
  const TlbEntry third = Insert(16, Pcid(1));
  ASSERT_TRUE(first.IsValid() && second.IsValid() && third.IsValid());
  EXPECT_EQ(first, TlbEntry(Page(4), Pcid(2), 0, kLeaf));
  EXPECT_EQ(second, TlbEntry(Page(0), Pcid(1), 0, kLeaf));
  EXPECT_EQ(third, TlbEntry(Page(8), Pcid(1), 0, kLeaf));
  EXPECT_EQ(array_.count(), 2u);
  EXPECT_EQ(array_.Find(Page(4), Pcid(2)), 0u);
}

TEST_F(TlbArrayTest, DropsWhatAFlushCoversAndNothingElse) {
  for (const TlbFlush::Kind kind :
       {TlbFlush::Kind::kPage, TlbFlush::Kind::kPageOfPcid, TlbFlush::Kind::kPcid,
        TlbFlush::Kind::kAllButGlobal, TlbFlush::Kind::kAll}) {
    const TlbEntry entries[] = {
        TlbEntry(Page(0), Pcid(1), 0, kLeaf), TlbEntry(Page(1), Pcid(1), 0, kLeaf),
        TlbEntry(Page(1), Pcid(2), 0, kLeaf), TlbEntry(Page(2), Pcid(2), 0, kLeaf | kGlobal),
        TlbEntry(Page(0), Pcid(3), 0, kLeaf | kGlobal)};
    SmallArray array;
    for (const TlbEntry& entry : entries) {
      array.Insert(entry);
    }
    const TlbFlush flush{kind, Pcid(1), Page(0)};
    array.Drop(flush);
    array.CheckInvariants();
    for (const TlbEntry& entry : entries) {
      const bool is_there = array.Find(entry.range().begin, entry.pcid()) == entry.leaf();
      EXPECT_EQ(is_there, !flush.Covers(entry));
    }
  }
}

TEST_F(TlbArrayTest, LargePagesAreFoundByAllTheirAddresses) {
  TlbArray<1, 2, 2> array;
  array.Insert(TlbEntry(VirtAddr(0x12'3456'7890), Pcid(1), 1, kLeaf));
  EXPECT_EQ(array.Find(VirtAddr(0x12'3440'0000), Pcid(1)), kLeaf);
  EXPECT_EQ(array.Find(VirtAddr(0x12'345f'ffff), Pcid(1)), kLeaf);
  EXPECT_EQ(array.Find(VirtAddr(0x12'3460'0000), Pcid(1)), 0u);
  array.CheckInvariants();
}

}  // namespace
}  // namespace pageward::ptable
