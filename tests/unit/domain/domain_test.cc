#include "runtime/domain/domain.h"

#include <gtest/gtest.h>

namespace pageward::domain {
namespace {

TEST(DomainTest, AHandleHoldsItsPlaceAndHowOftenThatWasTaken) {
  const Handle handle = Handle::Of(1234, 5);
  EXPECT_EQ(handle.index(), 1234u);
  EXPECT_EQ(handle.generation(), 5u);
  EXPECT_NE(handle, Handle::Of(1234, 6));
  EXPECT_NE(Handle::Of(0, 1), Handle{});
}

TEST(DomainTest, AHandleAndAKeyFitIntoAWord) {
  const Handle last = Handle::Of(kMostDomains - 1, ~std::uint32_t{0});
  EXPECT_EQ(last.value << 4 >> 4, last.value);
}

TEST(DomainTest, OwnersAreNumberedFromOne) {
  const Domain first(0);
  EXPECT_EQ(first.lists.id().value, 1u);
  const Domain last(kMostDomains - 1);
  EXPECT_EQ(last.lists.id().value, kMostDomains);
}

}  // namespace
}  // namespace pageward::domain
