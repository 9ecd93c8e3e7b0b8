#include "runtime/ptable/walk_cache.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

using arch::Pcid;
using Kind = TlbFlush::Kind;

constexpr VirtAddr kAt{0x12'3456'7000};

WalkStep Step(unsigned level, std::uint64_t table) {
  return WalkStep{PhysAddr(table), level, {}};
}

class WalkCacheTest : public testing::Test {
 protected:
  void TearDown() override { cache_.CheckInvariants(); }

  std::uint64_t Found(VirtAddr at, Pcid pcid) {
    const auto step = cache_.Find(at, pcid);
    return step ? step->table.value() : 0;
  }

  WalkCache cache_;
};

TEST_F(WalkCacheTest, FindsTheLowestTable) {
  cache_.Insert(kAt, Pcid(1), Step(2, 0x2000));
  EXPECT_EQ(Found(kAt, Pcid(1)), 0x2000u);
  cache_.Insert(kAt, Pcid(1), Step(0, 0x1000));
  EXPECT_EQ(Found(kAt, Pcid(1)), 0x1000u);
  EXPECT_EQ(cache_.Find(kAt, Pcid(1))->level, 0u);
  // 2 MiB further only the higher table serves, 512 GiB further none.
  EXPECT_EQ(Found(kAt + 0x20'0000, Pcid(1)), 0x2000u);
  EXPECT_EQ(Found(kAt + 0x80'0000'0000, Pcid(1)), 0u);
  EXPECT_EQ(Found(kAt, Pcid(2)), 0u);
}

TEST_F(WalkCacheTest, KeepsTheRightsOfThePath) {
  const PathRights rights = PathRights().Through(0);
  cache_.Insert(kAt, Pcid(1), WalkStep{PhysAddr(0x1000), 0, rights});
  EXPECT_EQ(cache_.Find(kAt, Pcid(1))->rights, rights);
}

TEST_F(WalkCacheTest, OnePageDropsAllOfItsPcid) {
  cache_.Insert(kAt, Pcid(1), Step(0, 0x1000));
  cache_.Insert(kAt + 0x80'0000'0000, Pcid(1), Step(0, 0x3000));
  cache_.Insert(kAt + 0x1'0000'0000, Pcid(2), Step(0, 0x2000));
  cache_.Drop(TlbFlush{Kind::kPage, Pcid(1), VirtAddr(0)});
  EXPECT_EQ(Found(kAt, Pcid(1)), 0u);
  EXPECT_EQ(Found(kAt + 0x80'0000'0000, Pcid(1)), 0u);
  EXPECT_EQ(Found(kAt + 0x1'0000'0000, Pcid(2)), 0x2000u);
}

TEST_F(WalkCacheTest, ANamedPageDropsTheWayToIt) {
  cache_.Insert(kAt, Pcid(1), Step(0, 0x1000));
  cache_.Insert(kAt, Pcid(1), Step(2, 0x2000));
  cache_.Insert(kAt + 0x20'0000, Pcid(1), Step(0, 0x3000));
  cache_.Drop(TlbFlush{Kind::kPageOfPcid, Pcid(1), kAt});
  EXPECT_EQ(Found(kAt, Pcid(1)), 0u);
  EXPECT_EQ(Found(kAt + 0x20'0000, Pcid(1)), 0x3000u);
}

TEST_F(WalkCacheTest, TheWayToATableIsNeverGlobal) {
  for (const Kind kind : {Kind::kAllButGlobal, Kind::kAll}) {
    cache_.Insert(kAt, Pcid(1), Step(0, 0x1000));
    cache_.Drop(TlbFlush{kind, {}, VirtAddr()});
    EXPECT_EQ(Found(kAt, Pcid(1)), 0u);
  }
}

TEST_F(WalkCacheTest, DroppingOnePcidKeepsTheOthers) {
  cache_.Insert(kAt, Pcid(1), Step(0, 0x1000));
  cache_.Insert(kAt + 0x1'0000'0000, Pcid(2), Step(1, 0x2000));
  cache_.Drop(TlbFlush{Kind::kPcid, Pcid(1), VirtAddr()});
  EXPECT_EQ(Found(kAt, Pcid(1)), 0u);
  EXPECT_EQ(Found(kAt + 0x1'0000'0000, Pcid(2)), 0x2000u);
}

TEST_F(WalkCacheTest, AFaultDropsTheWayToItsAddress) {
  cache_.Insert(kAt, Pcid(1), Step(0, 0x1000));
  cache_.Insert(kAt, Pcid(1), Step(3, 0x4000));
  cache_.Insert(kAt + 0x20'0000, Pcid(1), Step(0, 0x3000));
  cache_.DropFor(kAt, Pcid(1));
  EXPECT_EQ(Found(kAt, Pcid(1)), 0u);
  EXPECT_EQ(Found(kAt + 0x20'0000, Pcid(1)), 0x3000u);
}

TEST_F(WalkCacheTest, AForgottenPlaceIsUsedAgain) {
  for (std::uint64_t i = 0; i < 100; ++i) {
    cache_.Insert(kAt + i * 0x20'0000, Pcid(1), Step(0, 0x1000 * (i + 1)));
    EXPECT_EQ(Found(kAt + i * 0x20'0000, Pcid(1)), 0x1000 * (i + 1));
  }
  EXPECT_EQ(Found(kAt, Pcid(1)), 0u) << "there is room for few";
}

}  // namespace
}  // namespace pageward::ptable
