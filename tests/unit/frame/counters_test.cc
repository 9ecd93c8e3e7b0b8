#include "runtime/frame/counters.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::TestZone;

constexpr std::uint32_t kBlocks = 12;

TEST(CountersTest, ThereIsAValueForEachVisibility) {
  PerVisibility<int> values;
  values[Visibility::kMapped] = 1;
  values[Visibility::kUnmapped] = 2;
  values[Visibility::kKeyed] = 3;
  EXPECT_EQ(values[Visibility::kMapped], 1);
  EXPECT_EQ(values[Visibility::kUnmapped], 2);
  EXPECT_EQ(values[Visibility::kKeyed], 3);
}

TEST(CountersTest, FallbacksAreClaimsAndSteals) {
  Counters counters;
  counters.claims = 2;
  counters.steals = 5;
  EXPECT_EQ(counters.fallbacks(), 7u);
}

// Counts what the counters say by looking at each pageblock.
PerVisibility<std::uint32_t> CountFreeBlocks(const PageAllocator& allocator) {
  PerVisibility<std::uint32_t> blocks;
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    const auto report = allocator.Describe(FirstFrameOf(BlockNumber(block)));
    const bool is_whole = report->state == FrameState::kFree && report->piece.count.value >= 512;
    blocks[report->freetype.visibility] += is_whole ? 1 : 0;
  }
  return blocks;
}

// Spec: T41
TEST(CountersTest, FreeBlocksAreAsManyAsThereAreAfterEveryStep) {
  TestZone zone(kBlocks);
  PageAllocator& allocator = zone.allocator();
  OwnerLists owner(OwnerId(2));
  allocator.RegisterOwner(owner);
  const std::vector<Request> requests{Request::Mapped(Mobility::kMovable),
                                      Request::Mapped(Mobility::kUnmovable), Request::Unmapped(),
                                      Request::Keyed(owner)};
  std::mt19937 random(20260725);
  const auto below = [&random](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
  };
  std::vector<FrameRange> runs;
  for (int step = 0; step < 400; ++step) {
    if (runs.empty() || below(5) < 3) {
      const std::uint32_t largest = below(4) == 0 ? 2000 : 40;
      const FrameCount frames(1 + below(largest));
      const auto run = allocator.AllocateRun(frames, Order(0), requests[below(4)]);
      if (run.ok()) {
        runs.push_back(*run);
      }
    } else {
      std::swap(runs[below(static_cast<std::uint32_t>(runs.size()))], runs.back());
      allocator.FreeRun(runs.back());
      runs.pop_back();
    }
    if (step % 29 == 0) {
      allocator.ReturnFreeBlocks(requests[2 + below(2)]);
    }
    ASSERT_EQ(allocator.counters().free_blocks, CountFreeBlocks(allocator)) << "step " << step;
  }
  for (const FrameRange& run : runs) {
    allocator.FreeRun(run);
  }
  allocator.ReturnFreeBlocks(requests[2]);
  allocator.ReturnFreeBlocks(requests[3]);
  EXPECT_EQ(allocator.counters().free_blocks[Visibility::kMapped], kBlocks);
  EXPECT_TRUE(allocator.UnregisterOwner(owner).ok());
}

}  // namespace
}  // namespace pageward::frame
