#include "runtime/ptable/tlb.h"

#include <gtest/gtest.h>

#include "tests/support/ptable/unbounded_spill.h"

namespace pageward::ptable {
namespace {

using arch::Pcid;
using testing_support::UnboundedSpill;
using Kind = TlbFlush::Kind;

constexpr std::uint64_t kLeaf = 0x5000 | 1;
constexpr VirtAddr kAt{0x4020'1000};

TEST(TlbTest, FindsPagesOfEachSizeUnderTheCurrentPcid) {
  for (unsigned level = 0; level <= 2; ++level) {
    Tlb tlb;
    tlb.set_pcid(Pcid(3));
    EXPECT_FALSE(tlb.Find(kAt));
    tlb.Insert(kAt, level, kLeaf);
    const TlbHit hit = tlb.Find(kAt + 0x7);
    ASSERT_TRUE(hit);
    EXPECT_EQ(hit.leaf, kLeaf);
    EXPECT_EQ(hit.page_bytes_log2, 12 + 9 * level);
    tlb.set_pcid(Pcid(4));
    EXPECT_FALSE(tlb.Find(kAt));
    tlb.set_pcid(Pcid(3));
    EXPECT_TRUE(tlb.Find(kAt)) << "another PCID does not drop it";
  }
}

TEST(TlbTest, OfSeveralSizesTheSmallestServes) {
  Tlb tlb;
  tlb.Insert(kAt, 2, kLeaf);
  tlb.Insert(kAt, 0, kLeaf | 0x9000);
  tlb.Insert(kAt, 1, kLeaf);
  EXPECT_EQ(tlb.Find(kAt).leaf, kLeaf | 0x9000);
  EXPECT_EQ(tlb.Find(kAt + 0x1000).page_bytes_log2, 21u);
  EXPECT_EQ(tlb.Find(kAt + 0x40'0000).page_bytes_log2, 30u);
}

TEST(TlbTest, APageFlushReachesEverySize) {
  Tlb tlb;
  for (unsigned level = 0; level <= 2; ++level) {
    tlb.Insert(kAt, level, kLeaf);
  }
  tlb.Flush(TlbFlush{Kind::kPage, Pcid(0), kAt});
  EXPECT_FALSE(tlb.Find(kAt));
  EXPECT_EQ(tlb.size(), 0u);
}

TEST(TlbTest, ForgetsTheTablesWithTheTranslations) {
  Tlb tlb;
  tlb.Insert(kAt, 0, kLeaf);
  tlb.InsertTable(kAt, WalkStep{PhysAddr(0x1000), 0, {}});
  EXPECT_TRUE(tlb.FindTable(kAt));
  tlb.Flush(TlbFlush{Kind::kPcid, Pcid(0), VirtAddr()});
  EXPECT_FALSE(tlb.Find(kAt));
  EXPECT_FALSE(tlb.FindTable(kAt));
}

TEST(TlbTest, AFaultForgetsItsAddressOnly) {
  Tlb tlb;
  tlb.Insert(kAt, 0, kLeaf);
  tlb.Insert(kAt + 0x1000, 0, kLeaf);
  tlb.InsertTable(kAt, WalkStep{PhysAddr(0x1000), 0, {}});
  tlb.ForgetFaulting(kAt);
  EXPECT_FALSE(tlb.Find(kAt));
  EXPECT_FALSE(tlb.FindTable(kAt));
  EXPECT_TRUE(tlb.Find(kAt + 0x1000));
}

TEST(TlbTest, WithoutWalkCachingNoTableIsRemembered) {
  Tlb tlb(WalkCaching::kOff, nullptr);
  tlb.InsertTable(kAt, WalkStep{PhysAddr(0x1000), 0, {}});
  EXPECT_FALSE(tlb.FindTable(kAt));
}

TEST(TlbTest, IsBoundedAndForgetsTheOldestOfASet) {
  Tlb tlb;
  for (std::uint64_t page = 0; page < 5000; ++page) {
    tlb.Insert(VirtAddr(page * kFrameBytes), 0, kLeaf);
  }
  EXPECT_EQ(tlb.size(), 1024u);
  EXPECT_EQ(tlb.counters().fills, 5000u);
  EXPECT_EQ(tlb.counters().evictions, 5000u - 1024u);
  EXPECT_FALSE(tlb.Find(VirtAddr(0)));
  EXPECT_TRUE(tlb.Find(VirtAddr(4999 * kFrameBytes)));
  tlb.CheckInvariants();
}

TEST(TlbTest, WithASpillNothingIsEverForgottenByItself) {
  UnboundedSpill spill;
  Tlb tlb(WalkCaching::kOn, &spill);
  for (std::uint64_t page = 0; page < 3000; ++page) {
    tlb.set_pcid(Pcid(static_cast<unsigned>(page % 3)));
    tlb.Insert(VirtAddr(page * kFrameBytes), 0, kLeaf | page << 12);
  }
  EXPECT_EQ(spill.size(), 3000u - 1024u);
  for (std::uint64_t page = 0; page < 3000; ++page) {
    tlb.set_pcid(Pcid(static_cast<unsigned>(page % 3)));
    ASSERT_EQ(tlb.Find(VirtAddr(page * kFrameBytes)).leaf, kLeaf | page << 12);
  }
  tlb.Flush(TlbFlush{Kind::kPcid, Pcid(0), VirtAddr()});
  for (std::uint64_t page = 0; page < 3000; ++page) {
    tlb.set_pcid(Pcid(static_cast<unsigned>(page % 3)));
    ASSERT_EQ(bool{tlb.Find(VirtAddr(page * kFrameBytes))}, page % 3 != 0);
  }
  tlb.Flush(TlbFlush{Kind::kAll, {}, VirtAddr()});
  EXPECT_EQ(spill.size() + tlb.size(), 0u);
}

TEST(TlbTest, CountsFlushesByTheirReach) {
  Tlb tlb;
  tlb.Flush(TlbFlush{Kind::kPage, Pcid(0), kAt});
  tlb.Flush(TlbFlush{Kind::kPageOfPcid, Pcid(0), kAt});
  tlb.Flush(TlbFlush{Kind::kPcid, Pcid(0), VirtAddr()});
  tlb.Flush(TlbFlush{Kind::kAllButGlobal, {}, VirtAddr()});
  tlb.Flush(TlbFlush{Kind::kAll, {}, VirtAddr()});
  EXPECT_EQ(tlb.counters().page_flushes, 2u);
  EXPECT_EQ(tlb.counters().full_flushes, 3u);
}

}  // namespace
}  // namespace pageward::ptable
