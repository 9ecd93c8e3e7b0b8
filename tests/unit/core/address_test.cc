#include "runtime/core/address.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace pageward {
namespace {

static_assert(!std::is_convertible_v<VirtAddr, PhysAddr>);
static_assert(!std::is_convertible_v<std::uint64_t, VirtAddr>);
static_assert(!std::is_convertible_v<std::uint64_t, PhysAddr>);

TEST(AddressTest, VirtualAddressesGoToPointersAndBack) {
  int object = 0;
  const VirtAddr address = VirtAddr::Of(&object);
  EXPECT_EQ(address.AsPointer<int>(), &object);
  EXPECT_EQ((address + 16) - address, 16u);
  EXPECT_TRUE(VirtAddr().IsNull());
}

TEST(AddressTest, RangesExcludeTheirEndAndWhatLiesBelow) {
  const VirtRange range{VirtAddr(0x1000), 0x1000};
  EXPECT_TRUE(range.Contains(VirtAddr(0x1000)));
  EXPECT_TRUE(range.Contains(VirtAddr(0x1fff)));
  EXPECT_FALSE(range.Contains(VirtAddr(0x2000)));
  EXPECT_FALSE(range.Contains(VirtAddr(0xfff)));
}

}  // namespace
}  // namespace pageward
