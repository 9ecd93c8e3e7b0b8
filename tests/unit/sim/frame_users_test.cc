#include "runtime/sim/frame_users.h"

#include <gtest/gtest.h>

#include <array>

namespace pageward::sim {
namespace {

class FrameUsersTest : public testing::Test {
 protected:
  std::array<std::uint64_t, 8> places_{};
  std::array<std::uint32_t, 8> counts_{};
  FrameUsers users_{FrameUsers::Memory{places_, counts_}};
};

TEST_F(FrameUsersTest, TheOnlyUserIsKnown) {
  const FrameUser user{ProcessNumber{7}, VirtAddr(0x7fff'ffff'f000)};
  EXPECT_EQ(users_.OnlyUserOf(FrameNumber(2)), std::nullopt);
  users_.Add(FrameNumber(2), user);
  EXPECT_EQ(users_.OnlyUserOf(FrameNumber(2)), user);
  EXPECT_EQ(users_.count(FrameNumber(2)), 1u);
  EXPECT_EQ(users_.Remove(FrameNumber(2)), 0u);
  EXPECT_EQ(users_.OnlyUserOf(FrameNumber(2)), std::nullopt);
}

TEST_F(FrameUsersTest, OfSeveralNoneIsKnownNorIsTheOneThatStays) {
  users_.Add(FrameNumber(2), FrameUser{ProcessNumber{1}, VirtAddr(0x1000)});
  users_.Add(FrameNumber(2), FrameUser{ProcessNumber{2}, VirtAddr(0x1000)});
  EXPECT_EQ(users_.OnlyUserOf(FrameNumber(2)), std::nullopt);
  EXPECT_EQ(users_.Remove(FrameNumber(2)), 1u);
  EXPECT_EQ(users_.OnlyUserOf(FrameNumber(2)), std::nullopt);
}

TEST_F(FrameUsersTest, AUserWithoutAProcessIsNotKnown) {
  users_.Add(FrameNumber(2), FrameUser{});
  EXPECT_EQ(users_.count(FrameNumber(2)), 1u);
  EXPECT_EQ(users_.OnlyUserOf(FrameNumber(2)), std::nullopt);
}

using FrameUsersDeathTest = FrameUsersTest;

TEST_F(FrameUsersDeathTest, MoreUsersCannotGoThanCame) {
  EXPECT_DEATH(users_.Remove(FrameNumber(5)), "invariant broken: 0x5");
}

}  // namespace
}  // namespace pageward::sim
