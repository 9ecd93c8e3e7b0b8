#include "tools/pageward/import/kmem_matcher.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/tools/kmem_programs.h"

namespace pageward::tool {
namespace {

using testing_support::CheckingKeeper;
using testing_support::KmemTextWriter;
using testing_support::SeededNumbers;

class KmemMatcherTest : public testing::Test {
 protected:
  void Take(KmemKind kind, std::uint64_t pfn, unsigned order = 0) {
    matcher_.Take(KmemEvent{.kind = kind, .pfn = pfn, .order = order, .cpu = 0});
    keeper_.Compare(matcher_.ledger());
  }
  void Allocate(std::uint64_t pfn, unsigned order = 0) { Take(KmemKind::kAllocated, pfn, order); }
  void Free(std::uint64_t pfn, unsigned order = 0) { Take(KmemKind::kFreed, pfn, order); }
  void FreeInBatch(std::uint64_t pfn) { Take(KmemKind::kFreedInBatch, pfn); }
  const KmemCounts& counts() const { return matcher_.counts(); }

  CheckingKeeper keeper_;
  KmemMatcher matcher_{keeper_};
};

TEST_F(KmemMatcherTest, AFreeFindsItsAllocation) {
  Allocate(512, 3);
  Allocate(520);
  Free(512, 3);
  EXPECT_FALSE(keeper_.HoldsAny(512, 520));
  EXPECT_TRUE(keeper_.Holds(520));
  EXPECT_EQ(counts().frees, 1u);
  EXPECT_EQ(counts().unmatched_frees + counts().partial_frees, 0u);
  EXPECT_EQ(counts().peak_pages, 9u);
}

TEST_F(KmemMatcherTest, AFreeOfWhatWasThereBeforeTheTraceIsCountedAndLeftOut) {
  Free(77);
  Free(512, 9);
  EXPECT_EQ(counts().unmatched_frees, 2u);
  EXPECT_TRUE(keeper_.blocks().empty());
}

TEST_F(KmemMatcherTest, PartsOfABlockGoOneByOneAsAfterASplitOfALargePage) {
  Allocate(1024, 9);
  for (std::uint64_t page = 1024; page < 1536; ++page) {
    EXPECT_TRUE(keeper_.Holds(page));
    Free(page);
    EXPECT_FALSE(keeper_.Holds(page));
  }
  // The last free finds a piece of its own size.
  EXPECT_EQ(counts().partial_frees, 256u);
  EXPECT_EQ(counts().unmatched_frees, 0u);
  EXPECT_TRUE(keeper_.blocks().empty());
}

TEST_F(KmemMatcherTest, AnAllocationOfHeldPagesMeansThatAFreeIsMissing) {
  Allocate(64, 2);
  Allocate(65);
  EXPECT_EQ(counts().reallocations, 1u);
  EXPECT_TRUE(keeper_.Holds(64));
  EXPECT_TRUE(keeper_.Holds(65));
  Allocate(64, 6);
  EXPECT_EQ(counts().reallocations, 2u);
  EXPECT_EQ(keeper_.blocks().size(), 1u);
}

TEST_F(KmemMatcherTest, AFreeOfMoreThanOneBlockTakesAllOfThem) {
  Allocate(64);
  Allocate(66, 1);
  Allocate(68);
  Free(64, 2);
  EXPECT_EQ(counts().oversized_frees, 1u);
  EXPECT_FALSE(keeper_.HoldsAny(64, 68));
  EXPECT_TRUE(keeper_.Holds(68));
}

TEST_F(KmemMatcherTest, ABatchTellsAgainWhatAFreeHasTold) {
  Allocate(64);
  Free(64);
  FreeInBatch(64);
  EXPECT_EQ(counts().frees, 1u);
  EXPECT_EQ(counts().repeated_frees, 1u);
  EXPECT_EQ(counts().unmatched_frees, 0u);
}

// Before 4.15.
TEST_F(KmemMatcherTest, ABatchMayTellBeforeTheFreeDoes) {
  Allocate(64);
  FreeInBatch(64);
  EXPECT_FALSE(keeper_.Holds(64));
  Free(64);
  EXPECT_EQ(counts().repeated_frees, 1u);
  EXPECT_EQ(counts().unmatched_frees, 0u);
  Allocate(64);
  Free(64);
  EXPECT_EQ(counts().unmatched_frees, 0u);
  EXPECT_EQ(counts().repeated_frees, 1u);
}

TEST_F(KmemMatcherTest, ABatchThatWasToldOfAloneFreesTheWholeFolio) {
  Allocate(512, 4);
  FreeInBatch(512);
  EXPECT_TRUE(keeper_.blocks().empty());
}

TEST_F(KmemMatcherTest, AFailedAllocationHoldsNothing) {
  matcher_.Take(KmemEvent{.order = 9, .has_failed = true});
  EXPECT_EQ(counts().failed_allocations, 1u);
  EXPECT_EQ(counts().peak_pages, 0u);
  EXPECT_TRUE(keeper_.blocks().empty());
}

TEST_F(KmemMatcherTest, WhatIsNoMultipleOfItsSizeIsIgnored) {
  Allocate(65, 1);
  Free(66, 2);
  EXPECT_EQ(counts().misaligned, 2u);
  EXPECT_EQ(counts().allocations + counts().frees, 0u);
}

TEST_F(KmemMatcherTest, FallbacksAndProcessorsAreCounted) {
  matcher_.Take(KmemEvent{.kind = KmemKind::kFellBack,
                          .pfn = 8,
                          .order = 3,
                          .cpu = 6,
                          .is_fragmenting = true,
                          .changes_ownership = true});
  matcher_.Take(KmemEvent{.kind = KmemKind::kFellBack, .pfn = 8, .order = 3});
  EXPECT_EQ(counts().fallbacks, 2u);
  EXPECT_EQ(counts().fragmenting_fallbacks, 1u);
  EXPECT_EQ(counts().ownership_changes, 1u);
  EXPECT_EQ(counts().cpus, 7u);
  EXPECT_EQ(counts().events_without_cpu, 1u);
}

// The reference knows pages and no blocks: whatever is allocated is held, whatever is freed is not.
TEST(KmemMatcherModelTest, RandomTracesHoldThePagesThatWereAllocatedAndNotFreed) {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(seed);
    SeededNumbers numbers(seed);
    KmemTextWriter writer(numbers);
    CheckingKeeper keeper;
    KmemMatcher matcher(keeper);
    std::set<std::uint64_t> held;
    std::uint64_t events = 0;
    for (int i = 0; i < 20'000; ++i) {
      const KmemLine line = ParseKmemLine(writer.Line());
      const KmemEvent& event = line.event;
      const std::uint64_t pages = std::uint64_t{1} << event.order;
      if (line.kind != LineKind::kKmem || event.has_failed || event.pfn > 1u << 30) {
        continue;
      }
      ++events;
      std::uint64_t freed = event.kind == KmemKind::kFreed ? pages : 0;
      if (event.kind == KmemKind::kFreedInBatch) {
        const auto block = keeper.blocks().find(event.pfn);
        freed = block != keeper.blocks().end() ? block->second.pages() : 1;
      }
      matcher.Take(event);
      if (event.pfn % pages != 0) {
        continue;
      }
      for (std::uint64_t page = 0; page < (freed != 0 ? freed : pages); ++page) {
        if (event.kind == KmemKind::kAllocated) {
          held.insert(event.pfn + page);
        } else if (freed != 0) {
          held.erase(event.pfn + page);
        }
      }
      ASSERT_EQ(matcher.ledger().pages(), held.size()) << "event " << events;
    }
    keeper.Compare(matcher.ledger());
    for (const std::uint64_t page : held) {
      ASSERT_TRUE(keeper.Holds(page)) << page;
    }
    EXPECT_GT(events, 15'000u);
    EXPECT_GT(matcher.counts().partial_frees, 0u);
    EXPECT_GT(matcher.counts().reallocations, 0u);
    EXPECT_GT(matcher.counts().oversized_frees, 0u);
  }
}

}  // namespace
}  // namespace pageward::tool
