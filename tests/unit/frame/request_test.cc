#include "runtime/frame/request.h"

#include <gtest/gtest.h>

#include "tests/support/frame/parts.h"

namespace pageward::frame {
namespace {

using testing_support::Parts;

constexpr std::uint32_t kUnknownBit = 1u << 5;

TEST(RequestTest, OrdinaryRequestsAreValid) {
  EXPECT_TRUE(Validate(Request::Mapped(Mobility::kReclaimable)).ok());
  EXPECT_TRUE(Validate(Request::Unmapped().With(RequestFlag::kMayNotBlock)).ok());
  EXPECT_TRUE(Validate(Request::Mapped(Mobility::kMovable).With(RequestFlag::kZeroed)).ok());
}

// Spec: T37
TEST(RequestTest, UnmappedMemoryCannotBeZeroedAtHome) {
  const Request request = Request::Unmapped().With(RequestFlag::kZeroed);
  EXPECT_EQ(Validate(request).error(), Error::kInvalid);
}

TEST(RequestTest, AFreetypeWithoutListsIsInvalid) {
  const Freetype type = Freetype::Unmapped().With(Mobility::kMovable);
  EXPECT_EQ(Validate(Request(type, nullptr, {})).error(), Error::kInvalid);
}

TEST(RequestTest, KeyedMemoryNeedsItsOwnerRegistered) {
  Parts parts(1);
  OwnerLists owner(OwnerId(3));
  EXPECT_EQ(Validate(Request::Keyed(owner)).error(), Error::kInvalid);
  parts.lists.Register(owner);
  EXPECT_TRUE(Validate(Request::Keyed(owner)).ok());
  const Freetype keyed = Freetype::Keyed(OwnerId(3));
  const Freetype foreign = Freetype::Keyed(OwnerId(4));
  const Freetype mapped = Freetype::Mapped(Mobility::kUnmovable);
  EXPECT_TRUE(Validate(Request(keyed, &owner, {})).ok());
  EXPECT_EQ(Validate(Request(foreign, &owner, {})).error(), Error::kInvalid);
  EXPECT_EQ(Validate(Request(keyed, nullptr, {})).error(), Error::kInvalid);
  EXPECT_EQ(Validate(Request(mapped, &owner, {})).error(), Error::kInvalid);
  ASSERT_TRUE(parts.lists.Unregister(owner).ok());
}

TEST(RequestTest, FlagsAddUp) {
  const RequestFlags flags =
      RequestFlags().With(RequestFlag::kMayNotBlock).With(RequestFlag::kZeroed);
  EXPECT_TRUE(flags.Has(RequestFlag::kMayNotBlock));
  EXPECT_TRUE(flags.Has(RequestFlag::kZeroed));
  EXPECT_FALSE(flags.Has(RequestFlag::kTryLockOnly));
  EXPECT_TRUE(flags.ForbidsBlocking());
  EXPECT_TRUE(RequestFlags().With(RequestFlag::kTryLockOnly).ForbidsBlocking());
  EXPECT_FALSE(RequestFlags().With(RequestFlag::kZeroed).ForbidsBlocking());
  EXPECT_TRUE(flags.ForbidsConversion());
  EXPECT_TRUE(RequestFlags().With(RequestFlag::kNoConversion).ForbidsConversion());
  EXPECT_FALSE(RequestFlags().With(RequestFlag::kNoConversion).ForbidsBlocking());
  EXPECT_FALSE(RequestFlags().With(RequestFlag::kZeroed).ForbidsConversion());
}

// What thread lists go by must not let through what Validate() refuses.
TEST(RequestTest, OnlyValidRequestsForCentralMemoryHaveACentralType) {
  OwnerLists owner(OwnerId(3));
  const Freetype movable = Freetype::Mapped(Mobility::kMovable);
  const RequestFlags all_known(kKnownFlags);
  EXPECT_EQ(Request::Mapped(Mobility::kMovable).central_type(), IndexOf(movable)->value());
  EXPECT_EQ(Request(movable, nullptr, all_known).central_type(), IndexOf(movable)->value());
  EXPECT_EQ(Request::Unmapped().With(RequestFlag::kMayNotBlock).central_type(),
            IndexOf(Freetype::Unmapped())->value());
  for (const Request& request :
       {Request::Keyed(owner), Request(movable, &owner, {}),
        Request(Freetype{Mobility::kMovable, Visibility::kMapped, OwnerId(3)}, nullptr, {}),
        Request(Freetype::Unmapped().With(Mobility::kMovable), nullptr, {}),
        Request::Unmapped().With(RequestFlag::kZeroed),
        Request(movable, nullptr, RequestFlags(kUnknownBit))}) {
    EXPECT_EQ(request.central_type(), kCentralTypeCount);
  }
}

// Spec: T40
TEST(RequestDeathTest, UnknownFlagsAreRefusedWithAReport) {
  const Request request(Freetype::Mapped(Mobility::kMovable), nullptr, RequestFlags(kUnknownBit));
  EXPECT_DEATH(static_cast<void>(Validate(request)), "unknown flags: 0x20 ");
}

}  // namespace
}  // namespace pageward::frame
