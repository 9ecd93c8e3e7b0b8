#include "runtime/ptable/tlb_entry.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

using arch::Pcid;
using Kind = TlbFlush::Kind;

constexpr std::uint64_t kLeaf = 0x5000 | 1;
constexpr std::uint64_t kGlobalLeaf = kLeaf | arch::PagingEntry::Global::kMask;
constexpr VirtAddr kAt{0x20'3000};

TEST(TlbEntryTest, ServesItsPageForItsPcid) {
  const TlbEntry entry(kAt + 0x123, Pcid(5), 0, kLeaf);
  EXPECT_EQ(entry.range(), (VirtRange{kAt, kFrameBytes}));
  EXPECT_TRUE(entry.Serves(kAt, Pcid(5)));
  EXPECT_TRUE(entry.Serves(kAt + 0xfff, Pcid(5)));
  EXPECT_FALSE(entry.Serves(kAt + 0x1000, Pcid(5)));
  EXPECT_FALSE(entry.Serves(kAt - 1, Pcid(5)));
  EXPECT_FALSE(entry.Serves(kAt, Pcid(6)));
}

TEST(TlbEntryTest, AGlobalEntryServesEveryPcid) {
  EXPECT_TRUE(TlbEntry(kAt, Pcid(5), 0, kGlobalLeaf).Serves(kAt, Pcid(6)));
}

TEST(TlbEntryTest, ALargeEntryServesAllOfItsPage) {
  const TlbEntry entry(kAt, Pcid(5), 1, kLeaf);
  EXPECT_EQ(entry.range(), (VirtRange{VirtAddr(0x20'0000), 0x20'0000}));
  EXPECT_TRUE(entry.Serves(VirtAddr(0x3f'ffff), Pcid(5)));
  EXPECT_FALSE(entry.Serves(VirtAddr(0x40'0000), Pcid(5)));
}

TEST(TlbEntryTest, AnEntryOfNothingServesNobody) {
  EXPECT_FALSE(TlbEntry().IsValid());
  EXPECT_FALSE(TlbEntry().Serves(VirtAddr(0), Pcid(0)));
}

struct Row {
  Kind kind;
  bool same_page;
  bool same_pcid;
  bool other_page;
  bool other_pcid;
  bool global_same_page;
  bool global_other_page;
};

// Section 4.10.4.1, row by row.
TEST(TlbFlushTest, EachKindDropsWhatTheManualSaysItMust) {
  constexpr Row kRows[] = {
      {Kind::kPage, true, true, false, false, true, false},
      {Kind::kPageOfPcid, true, true, false, false, false, false},
      {Kind::kPcid, true, true, true, false, false, false},
      {Kind::kAllButGlobal, true, true, true, true, false, false},
      {Kind::kAll, true, true, true, true, true, true},
  };
  const VirtAddr other = kAt + 0x9000;
  for (const Row& row : kRows) {
    const TlbFlush flush{row.kind, Pcid(5), kAt + 0x10};
    EXPECT_EQ(flush.Covers(TlbEntry(kAt, Pcid(5), 0, kLeaf)), row.same_page);
    EXPECT_EQ(flush.Covers(TlbEntry(kAt, Pcid(5), 1, kLeaf)), row.same_pcid) << "a larger page";
    EXPECT_EQ(flush.Covers(TlbEntry(other, Pcid(5), 0, kLeaf)), row.other_page);
    EXPECT_EQ(flush.Covers(TlbEntry(kAt, Pcid(6), 0, kLeaf)), row.other_pcid);
    EXPECT_EQ(flush.Covers(TlbEntry(kAt, Pcid(6), 0, kGlobalLeaf)), row.global_same_page);
    EXPECT_EQ(flush.Covers(TlbEntry(other, Pcid(6), 0, kGlobalLeaf)), row.global_other_page);
  }
}

}  // namespace
}  // namespace pageward::ptable
