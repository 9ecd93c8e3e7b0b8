#include "hooks/jemalloc/metadata_area.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <vector>

#include "runtime/core/units.h"
#include "tests/support/os/faulty_os.h"

extern "C" {
void* pageward_jemalloc_mmap(void* address, std::size_t bytes, int protection, int flags, int,
                             std::int64_t);
void* pageward_jemalloc_sbrk(std::intptr_t increment);
}

namespace pageward::hooks {
namespace {

using testing_support::FaultyOs;

class MetadataAreaTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(area_.Init(os_).ok()); }
  void TearDown() override {
    area_.CheckInvariants();
    ASSERT_TRUE(os_.Unmap(area_.reserved()).ok());
  }

  static bool IsZero(VirtRange range) {
    const auto* bytes = range.begin.AsPointer<const unsigned char>();
    for (std::uint64_t i = 0; i < range.bytes; ++i) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return true;
  }

  FaultyOs os_;
  MetadataArea area_;
};

TEST_F(MetadataAreaTest, HandsOutZeroedWritablePages) {
  const Result<VirtRange> range = area_.Map(3 * kFrameBytes);
  ASSERT_TRUE(range.ok());
  EXPECT_TRUE(area_.Contains(range->begin));
  EXPECT_TRUE(IsZero(*range));
  *range->begin.AsPointer<char>() = 1;
  EXPECT_EQ(area_.used_bytes(), 3 * kFrameBytes);
}

TEST_F(MetadataAreaTest, OpenAsAWholeItGrowsWithoutChangingItsMapping) {
  const Result<VirtRange> before = area_.Map(kFrameBytes);
  ASSERT_TRUE(before.ok());
  ASSERT_TRUE(area_.OpenWhole().ok());
  EXPECT_EQ(area_.usable_bytes(), MetadataArea::kStepBytes);
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kNotPermitted);
  const Result<VirtRange> after = area_.Map(2 * MetadataArea::kStepBytes);
  ASSERT_TRUE(after.ok());
  *after->begin.AsPointer<char>() = 1;
  *(after->end() - 1).AsPointer<char>() = 1;
  os_.faults().StopFailing();
}

TEST_F(MetadataAreaTest, WhatCantBeOpenedAsAWholeGrowsInSteps) {
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kNoMemory, 1);
  EXPECT_EQ(area_.OpenWhole().error(), Error::kNoMemory);
  const Result<VirtRange> range = area_.Map(kFrameBytes);
  ASSERT_TRUE(range.ok());
  *range->begin.AsPointer<char>() = 1;
}

TEST_F(MetadataAreaTest, LargeRangesAreAlignedToAPageblock) {
  ASSERT_TRUE(area_.Map(kFrameBytes).ok());
  const Result<VirtRange> range = area_.Map(kPageblockBytes);
  ASSERT_TRUE(range.ok());
  EXPECT_TRUE(IsAligned<std::uint64_t>(range->begin.value(), kPageblockBytes));
}

TEST_F(MetadataAreaTest, WhatComesBackIsUsedAgainAndZero) {
  const Result<VirtRange> range = area_.Map(8 * kFrameBytes);
  ASSERT_TRUE(range.ok());
  *range->begin.AsPointer<char>() = 1;
  area_.Unmap(*range);
  EXPECT_EQ(area_.used_bytes(), 0u);
  const Result<VirtRange> again = area_.Map(8 * kFrameBytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *range);
  EXPECT_TRUE(IsZero(*again));
}

TEST_F(MetadataAreaTest, PartsThatComeBackJoin) {
  const Result<VirtRange> range = area_.Map(6 * kFrameBytes);
  ASSERT_TRUE(range.ok());
  const VirtAddr begin = range->begin;
  area_.Unmap({begin, 2 * kFrameBytes});
  area_.Unmap({begin + 4 * kFrameBytes, 2 * kFrameBytes});
  area_.Unmap({begin + 2 * kFrameBytes, 2 * kFrameBytes});
  const Result<VirtRange> again = area_.Map(6 * kFrameBytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *range);
}

TEST_F(MetadataAreaTest, RandomUseNeverHandsOutAPageTwice) {
  std::vector<VirtRange> held;
  std::uint64_t seed = 7;
  for (int step = 0; step < 2000; ++step) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    if ((seed >> 60) < 9 || held.empty()) {
      const std::uint64_t pages = 1 + (seed >> 30) % ((seed & 15) == 0 ? 1200 : 20);
      const Result<VirtRange> range = area_.Map(pages * kFrameBytes);
      ASSERT_TRUE(range.ok());
      for (const VirtRange other : held) {
        ASSERT_TRUE(range->end() <= other.begin || other.end() <= range->begin);
      }
      held.push_back(*range);
    } else {
      const std::size_t victim = (seed >> 20) % held.size();
      area_.Unmap(held[victim]);
      held[victim] = held.back();
      held.pop_back();
    }
    area_.CheckInvariants();
  }
}

TEST_F(MetadataAreaTest, WhenTheSystemGrantsNoMoreTheAnswerIsClean) {
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kNoMemory);
  EXPECT_EQ(area_.Map(kFrameBytes).error(), Error::kNoMemory);
  os_.faults().StopFailing();
  EXPECT_TRUE(area_.Map(kFrameBytes).ok());
  EXPECT_EQ(area_.Map(MetadataArea::kReservedBytes).error(), Error::kNoAddressSpace);
}

TEST(MetadataAreaStartTest, ReservesLessWhereTheSystemGrantsLess) {
  FaultyOs os;
  os.faults().FailAfter(FaultyOs::Kind::kReserve, 0, Error::kNoAddressSpace, 2);
  MetadataArea area;
  ASSERT_TRUE(area.Init(os).ok());
  EXPECT_EQ(area.reserved().bytes, MetadataArea::kReservedBytes / 4);
  os.faults().FailAfter(FaultyOs::Kind::kReserve, 0, Error::kNoAddressSpace);
  MetadataArea none;
  EXPECT_EQ(none.Init(os).error(), Error::kNoAddressSpace);
  ASSERT_TRUE(os.Unmap(area.reserved()).ok());
}

TEST(MetadataAreaDeathTest, ForeignMemoryIsNotTakenBack) {
  FaultyOs os;
  MetadataArea area;
  ASSERT_TRUE(area.Init(os).ok());
  EXPECT_DEATH(area.Unmap({VirtAddr(0x10000), kFrameBytes}), "foreign pointer");
}

TEST(JemallocCallsTest, ThereIsNoBreakAndNoChoiceOfAddress) {
  EXPECT_EQ(pageward_jemalloc_sbrk(4096), MAP_FAILED);
  EXPECT_EQ(pageward_jemalloc_mmap(reinterpret_cast<void*>(0x10000), 4096, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            MAP_FAILED);
}

}  // namespace
}  // namespace pageward::hooks
