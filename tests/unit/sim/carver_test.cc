#include "runtime/sim/carver.h"

#include <gtest/gtest.h>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

TEST(CarverTest, CarvingOutOfNothingMeasures) {
  Carver carver;
  EXPECT_TRUE(carver.Take<std::uint32_t>(3).empty());
  EXPECT_TRUE(carver.Take<std::uint64_t>(1).empty());
  EXPECT_EQ(carver.taken(), 24u) << "12, padded to 16, and 8";
  EXPECT_TRUE(carver.Take<std::byte>(1, 4096).empty());
  EXPECT_EQ(carver.taken(), 4097u);
}

TEST(CarverTest, PiecesFollowEachOtherAtTheirAlignment) {
  const testing_support::LazyMemory memory(2 * kFrameBytes);
  Carver carver(memory.range());
  const auto first = carver.Take<std::uint32_t>(3);
  const auto second = carver.Take<std::uint64_t>(2);
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(VirtAddr::Of(first.data()), memory.range().begin);
  EXPECT_EQ(VirtAddr::Of(second.data()), memory.range().begin + 16);
  EXPECT_EQ(second[1], 0u);
}

TEST(CarverDeathTest, MoreThanThereIsIsABrokenContract) {
  const testing_support::LazyMemory memory(kFrameBytes);
  Carver carver(memory.range());
  EXPECT_DEATH(carver.Take<std::byte>(kFrameBytes + 1), "assertion failed");
}

}  // namespace
}  // namespace pageward::sim
