#include "tools/pageward/import/page_ledger.h"

#include <gtest/gtest.h>

namespace pageward::tool {
namespace {

HeldBlock Block(std::uint64_t pfn, unsigned order, BlockPlace place = BlockPlace::kMapped) {
  return HeldBlock{pfn, order, place, FrameNumber(static_cast<std::uint32_t>(pfn) + 7)};
}

TEST(PageLedgerTest, EveryPageOfABlockLeadsToIt) {
  for (const unsigned order : {0u, 1u, 9u, 10u, 18u}) {
    PageLedger ledger;
    const std::uint64_t pages = std::uint64_t{1} << order;
    const HeldBlock block = Block(3 * pages, order);
    ledger.Add(block);
    EXPECT_EQ(ledger.Containing(3 * pages), block);
    EXPECT_EQ(ledger.Containing(4 * pages - 1), block);
    EXPECT_FALSE(ledger.Containing(3 * pages - 1).has_value());
    EXPECT_FALSE(ledger.Containing(4 * pages).has_value());
    ledger.Remove(3 * pages);
    EXPECT_FALSE(ledger.Containing(3 * pages).has_value());
  }
}

TEST(PageLedgerTest, TheFirstBlockOfARangeIsFoundAcrossPageblocks) {
  PageLedger ledger;
  ledger.Add(Block(5000, 3));
  ledger.Add(Block(90'000, 0));
  EXPECT_EQ(ledger.FirstIn(0, 1u << 18), Block(5000, 3));
  EXPECT_EQ(ledger.FirstIn(5001, 1u << 18), Block(90'000, 0));
  EXPECT_FALSE(ledger.FirstIn(5001, 90'000).has_value());
  EXPECT_FALSE(ledger.FirstIn(7, 7).has_value());
}

TEST(PageLedgerTest, PagesAreCountedAndHiddenOnesApart) {
  PageLedger ledger;
  ledger.Add(Block(0, 4));
  ledger.Add(Block(16, 2, BlockPlace::kHidden));
  EXPECT_EQ(ledger.pages(), 20u);
  EXPECT_EQ(ledger.hidden_pages(), 4u);
  ledger.Remove(16);
  EXPECT_EQ(ledger.pages(), 16u);
  EXPECT_EQ(ledger.hidden_pages(), 0u);
}

TEST(PageLedgerTest, AMarkIsTakenOnceAndIsNoBlock) {
  PageLedger ledger;
  ledger.Mark(9);
  EXPECT_FALSE(ledger.Containing(9).has_value());
  EXPECT_FALSE(ledger.FirstIn(0, 512).has_value());
  EXPECT_TRUE(ledger.TakeMark(9));
  EXPECT_FALSE(ledger.TakeMark(9));
  EXPECT_FALSE(ledger.TakeMark(8));
}

TEST(PageLedgerTest, MarksOfARangeAreClearedAndBlocksStay) {
  PageLedger ledger;
  for (const std::uint64_t pfn : {511u, 512u, 700u, 1023u, 1024u}) {
    ledger.Mark(pfn);
  }
  ledger.Add(Block(600, 2));
  ledger.ClearMarks(512, 1024);
  EXPECT_TRUE(ledger.TakeMark(511));
  EXPECT_FALSE(ledger.TakeMark(512));
  EXPECT_FALSE(ledger.TakeMark(700));
  EXPECT_FALSE(ledger.TakeMark(1023));
  EXPECT_TRUE(ledger.TakeMark(1024));
  EXPECT_EQ(ledger.Containing(603), Block(600, 2));
}

}  // namespace
}  // namespace pageward::tool
