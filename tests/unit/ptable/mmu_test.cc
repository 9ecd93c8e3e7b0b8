#include "runtime/ptable/mmu.h"

#include <gtest/gtest.h>

#include "runtime/ptable/set_memory.h"
#include "tests/support/ptable/test_machine.h"

namespace pageward::ptable {
namespace {

using arch::Cr0;
using arch::Cr4;
using arch::Pcid;
using testing_support::TestMachine;

constexpr Access kRead{AccessKind::kRead, AccessMode::kSupervisor};
constexpr Access kWrite{AccessKind::kWrite, AccessMode::kSupervisor};
constexpr Access kFetch{AccessKind::kFetch, AccessMode::kSupervisor};
constexpr VirtAddr kAt{0x4000'0000};
constexpr PhysAddr kFrame{0x40'0000'0000};
constexpr std::uint64_t kLarge = 0x20'0000;

class MmuTest : public testing::Test {
 protected:
  // Leaves a mapping and a cached translation of it.
  void MapAndTouch(LeafAttributes attributes = {.permissions = {.is_writable = true}}) {
    ASSERT_TRUE(
        machine_.tables().Map(MapRequest{VirtRange{kAt, kFrameBytes}, kFrame, attributes}).ok());
    ASSERT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  }

  std::uint64_t LeafWord() { return machine_.tables().table().Find(kAt).entry.word(); }

  // Unmaps without any flush of the machine's TLBs.
  void UnmapSilently() { ASSERT_TRUE(machine_.tables().Unmap(VirtRange{kAt, kFrameBytes}).ok()); }

  TestMachine machine_{1};
  TestMachine::Mmu& mmu_ = machine_.mmu(0);
};

TEST_F(MmuTest, TheFirstAccessWalksAndTheSecondDoesNot) {
  MapAndTouch();
  EXPECT_EQ(mmu_.counters().walks, 1u);
  const Outcome again = mmu_.Translate(kAt + 0x123, kRead);
  EXPECT_EQ(again, Outcome::Translated(kFrame + 0x123, 12, AnswerSource::kTlb));
  EXPECT_EQ(mmu_.counters().walks, 1u);
}

TEST_F(MmuTest, PagesOfEverySizeTranslate) {
  for (unsigned level = 0; level <= 2; ++level) {
    TestMachine machine(1);
    const std::uint64_t bytes = std::uint64_t{1} << PageBytesLog2(level);
    ASSERT_TRUE(machine.tables().Map(VirtRange{kAt, bytes}, kFrame).ok());
    for (const AnswerSource source : {AnswerSource::kWalk, AnswerSource::kTlb}) {
      const Outcome outcome = machine.mmu(0).Translate(kAt + (bytes - 1), kRead);
      EXPECT_EQ(outcome, Outcome::Translated(kFrame + (bytes - 1), PageBytesLog2(level), source));
    }
  }
}

TEST_F(MmuTest, AnAddressThatIsNotCanonicalNeverGetsToTheTables) {
  const Outcome outcome = mmu_.Translate(VirtAddr(std::uint64_t{1} << 47), kRead);
  EXPECT_EQ(outcome.kind(), Outcome::Kind::kGeneralProtection);
  EXPECT_EQ(mmu_.counters().walks, 0u);
}

TEST_F(MmuTest, TheFirstWriteThroughACachedPageSetsTheDirtyBit) {
  MapAndTouch();
  EXPECT_FALSE(arch::PagingEntry::Dirty::Get(LeafWord()));
  ASSERT_TRUE(mmu_.Translate(kAt, kWrite).IsTranslated());
  EXPECT_TRUE(arch::PagingEntry::Dirty::Get(LeafWord()));
  EXPECT_EQ(mmu_.counters().walks, 2u);
  ASSERT_TRUE(mmu_.Translate(kAt, kWrite).IsTranslated());
  EXPECT_EQ(mmu_.counters().walks, 2u);
}

TEST_F(MmuTest, TheFirstWriteFindsOutThatThePageIsGone) {
  MapAndTouch();
  UnmapSilently();
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated()) << "stale";
  EXPECT_TRUE(mmu_.Translate(kAt, kWrite).IsPageFault()) << "it has to look";
}

TEST_F(MmuTest, AStaleTranslationServesUntilItIsFlushed) {
  MapAndTouch();
  UnmapSilently();
  EXPECT_EQ(mmu_.Translate(kAt, kRead), Outcome::Translated(kFrame, 12, AnswerSource::kTlb));
  mmu_.Invlpg(kAt);
  const Outcome after = mmu_.Translate(kAt, kRead);
  ASSERT_TRUE(after.IsPageFault());
  EXPECT_EQ(after.code().value(), 0u);
}

TEST_F(MmuTest, WhatIsNotMappedIsNotCached) {
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsPageFault());
  EXPECT_EQ(mmu_.tlb().size(), 0u);
  ASSERT_TRUE(machine_.tables().Map(VirtRange{kAt, kFrameBytes}, kFrame).ok());
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated()) << "no flush was needed";
}

TEST_F(MmuTest, AStaleTranslationThatForbidsFaultsOnceAndIsForgotten) {
  MapAndTouch(LeafAttributes{});
  ASSERT_TRUE(machine_.tables()
                  .Protect(VirtRange{kAt, kFrameBytes}, PermissionChange{.is_writable = true})
                  .ok());
  const Outcome spurious = mmu_.Translate(kAt, kWrite);
  ASSERT_TRUE(spurious.IsPageFault());
  EXPECT_EQ(spurious.source(), AnswerSource::kTlb);
  EXPECT_EQ(spurious.code().value(), 0x3u);
  EXPECT_TRUE(mmu_.Translate(kAt, kWrite).IsTranslated());
}

TEST_F(MmuTest, RightsRegistersActOnCachedTranslationsAtOnce) {
  MapAndTouch(LeafAttributes{.permissions = {.is_writable = true, .key = arch::Pkey(3)}});
  mmu_.WriteCr4(Cr4::SupervisorKeys::kMask);
  ASSERT_TRUE(mmu_.Translate(kAt, kWrite).IsTranslated());
  const std::uint64_t walks = mmu_.counters().walks;
  mmu_.WritePkrs(arch::Pkrs().With(arch::Pkey(3), arch::KeyAccess::kReadOnly));
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  EXPECT_EQ(mmu_.counters().walks, walks) << "nothing was flushed";
  EXPECT_EQ(mmu_.Translate(kAt, kWrite).code().value(), 0x23u);
  mmu_.WriteCr0(0);
  EXPECT_TRUE(mmu_.Translate(kAt, kWrite).IsTranslated()) << "WP is clear";
}

TEST_F(MmuTest, AcExcusesTheSupervisorFromSmap) {
  MapAndTouch(LeafAttributes{.permissions = {.is_user = true}});
  mmu_.WriteCr4(Cr4::NoUserAccess::kMask);
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsPageFault());
  mmu_.WriteAc(true);
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  mmu_.WriteAc(false);
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsPageFault());
}

TEST_F(MmuTest, PkruRulesOverUserPages) {
  MapAndTouch(LeafAttributes{.permissions = {.is_user = true, .key = arch::Pkey(2)}});
  mmu_.WriteCr4(Cr4::UserKeys::kMask);
  mmu_.WritePkru(arch::kInitialPkru);
  EXPECT_EQ(mmu_.Translate(kAt, Access{AccessKind::kRead, AccessMode::kUser}).code().value(),
            0x25u);
}

TEST_F(MmuTest, WithoutNxeTheNoExecuteBitIsReserved) {
  MapAndTouch();
  EXPECT_EQ(mmu_.Translate(kAt, kFetch).code().value(), 0x11u);
  mmu_.WriteEfer(0);
  mmu_.Invlpg(kAt);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).code().value(), 0x9u);
}

TEST_F(MmuTest, AnotherTableDropsEverythingButGlobalPages) {
  mmu_.WriteCr4(Cr4::GlobalPages::kMask);
  MapAndTouch(LeafAttributes{.is_global = true});
  const VirtAddr other = kAt + kFrameBytes;
  ASSERT_TRUE(machine_.tables().Map(VirtRange{other, kFrameBytes}, kFrame).ok());
  ASSERT_TRUE(mmu_.Translate(other, kRead).IsTranslated());
  mmu_.WriteCr3(mmu_.registers().cr3);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kTlb);
  EXPECT_EQ(mmu_.Translate(other, kRead).source(), AnswerSource::kWalk);
}

TEST_F(MmuTest, WithoutPgeNothingIsGlobal) {
  MapAndTouch(LeafAttributes{.is_global = true});
  mmu_.WriteCr3(mmu_.registers().cr3);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kWalk);
}

TEST_F(MmuTest, ChangingPgeDropsGlobalPagesToo) {
  mmu_.WriteCr4(Cr4::GlobalPages::kMask);
  MapAndTouch(LeafAttributes{.is_global = true});
  mmu_.WriteCr4(0);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kWalk);
  mmu_.WriteCr4(Cr4::GlobalPages::kMask);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kWalk);
}

TEST_F(MmuTest, SettingSmepDropsTheCurrentPcid) {
  MapAndTouch();
  mmu_.WriteCr4(Cr4::NoUserFetch::kMask);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kWalk);
  mmu_.WriteCr4(0);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kTlb) << "clearing it does not";
}

// Two address spaces with PCIDs: the same address leads to different frames.
class MmuPcidTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kKeep = std::uint64_t{1} << 63;

  void SetUp() override {
    ASSERT_TRUE(first_.Map(VirtRange{kAt, kFrameBytes}, kFrame).ok());
    ASSERT_TRUE(second_.Map(VirtRange{kAt, kFrameBytes}, kFrame + kLarge).ok());
    mmu_.WriteCr4(Cr4::ContextIds::kMask);
  }

  // Both address spaces in one memory.
  std::uint64_t FirstCr3() { return memory_.FrameAt(0).value() | 1; }
  std::uint64_t SecondCr3() { return root_of_second_.value() | 2; }

  testing_support::FakeTableMemory memory_{64};
  testing_support::FakePtpSource source_{memory_};
  PhysAddr root_of_second_ = *source_.Allocate();
  PageTable<testing_support::X86FourLevels, testing_support::FakeTableMemory> first_table_{
      {}, memory_, memory_.FrameAt(0)};
  PageTable<testing_support::X86FourLevels, testing_support::FakeTableMemory> second_table_{
      {}, memory_, root_of_second_};

  struct Space {
    Mapper<PageTable<testing_support::X86FourLevels, testing_support::FakeTableMemory>> mapper;
    PtpSource& source;
    Result<Changes> Map(VirtRange range, PhysAddr frame) {
      return mapper.Map(MapRequest{range, frame, LeafAttributes{}}, source);
    }
  };
  Space first_{Mapper(first_table_), source_};
  Space second_{Mapper(second_table_), source_};
  Tlb tlb_;
  Mmu<testing_support::FakeTableMemory> mmu_{memory_, tlb_, arch::PhysBits()};
};

TEST_F(MmuPcidTest, ATranslationOfOnePcidNeverServesAnother) {
  mmu_.WriteCr3(FirstCr3() | kKeep);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).address(), kFrame);
  mmu_.WriteCr3(SecondCr3() | kKeep);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).address(), kFrame + kLarge);
  mmu_.WriteCr3(FirstCr3() | kKeep);
  const Outcome back = mmu_.Translate(kAt, kRead);
  EXPECT_EQ(back.address(), kFrame);
  EXPECT_EQ(back.source(), AnswerSource::kTlb) << "kept";
}

TEST_F(MmuPcidTest, SwitchingWithoutKeepingDropsThePcidThatIsSwitchedTo) {
  mmu_.WriteCr3(FirstCr3());
  ASSERT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  mmu_.WriteCr3(SecondCr3());
  ASSERT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  mmu_.WriteCr3(FirstCr3() | kKeep);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kTlb);
  mmu_.WriteCr3(FirstCr3());
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kWalk);
}

TEST_F(MmuPcidTest, ClearingPcideDropsEverything) {
  mmu_.WriteCr3(FirstCr3());
  ASSERT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  mmu_.WriteCr4(0);
  EXPECT_EQ(tlb_.size(), 0u);
}

TEST_F(MmuPcidTest, InvpcidReachesOtherPcids) {
  mmu_.WriteCr3(FirstCr3());
  ASSERT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  mmu_.WriteCr3(SecondCr3());
  mmu_.Invpcid(TlbFlush{TlbFlush::Kind::kPageOfPcid, Pcid(1), kAt});
  mmu_.WriteCr3(FirstCr3() | kKeep);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kWalk);
}

TEST_F(MmuPcidTest, InvlpgReachesTheCurrentPcidOnly) {
  mmu_.WriteCr3(FirstCr3());
  ASSERT_TRUE(mmu_.Translate(kAt, kRead).IsTranslated());
  mmu_.WriteCr3(SecondCr3());
  mmu_.Invlpg(kAt);
  mmu_.WriteCr3(FirstCr3() | kKeep);
  EXPECT_EQ(mmu_.Translate(kAt, kRead).source(), AnswerSource::kTlb);
}

TEST_F(MmuTest, InvlpgOfAnAddressThatIsNotCanonicalDoesNothing) {
  MapAndTouch();
  const std::uint64_t flushes = mmu_.tlb().counters().page_flushes;
  mmu_.Invlpg(VirtAddr(std::uint64_t{1} << 47));
  EXPECT_EQ(mmu_.tlb().counters().page_flushes, flushes);
}

// The way to a table is cached: what P2 is about, to be seen.
TEST_F(MmuTest, ATableThatIsFreedBeforeTheFlushIsStillWalkedThrough) {
  MapAndTouch();
  ASSERT_TRUE(machine_.tables().Unmap(VirtRange{kAt, kLarge}).ok());
  // The table went back, and its memory says something else by now.
  const Outcome wild = mmu_.Translate(kAt + 5 * kFrameBytes, kRead);
  ASSERT_TRUE(wild.IsTranslated());
  EXPECT_EQ(wild.address().value() >> 30, 0x7c'0000'0000u >> 30) << "the poison";
  // INVLPG of any address forgets the way to the table, but only that page's translation.
  mmu_.Invlpg(kAt);
  EXPECT_TRUE(mmu_.Translate(kAt + 6 * kFrameBytes, kRead).IsPageFault());
  EXPECT_TRUE(mmu_.Translate(kAt + 5 * kFrameBytes, kRead).IsTranslated()) << "stale, and wild";
  mmu_.Invlpg(kAt + 5 * kFrameBytes);
  EXPECT_TRUE(mmu_.Translate(kAt + 5 * kFrameBytes, kRead).IsPageFault());
}

TEST_F(MmuTest, WithAFlushBeforeTheFreeNobodyWalksThroughAFreedTable) {
  MapAndTouch();
  Shootdown shootdown = machine_.Shootdown();
  TlbGather gather(FlushMode::kMerged, shootdown, machine_.tables().source());
  ASSERT_TRUE(
      machine_.tables()
          .mapper()
          .Unmap(VirtRange{kAt, kLarge}, UnmapMode::kSplit, machine_.tables().source(), gather)
          .ok());
  gather.Finish();
  EXPECT_TRUE(mmu_.Translate(kAt, kRead).IsPageFault());
  EXPECT_TRUE(mmu_.Translate(kAt + 5 * kFrameBytes, kRead).IsPageFault());
}

TEST_F(MmuTest, FiveLevelsTranslateWhatFourCannot) {
  testing_support::TestTable<testing_support::X86FiveLevels> five;
  const VirtAddr high{0x00ff'ffff'c000'0000};
  ASSERT_TRUE(five.Map(VirtRange{high, kFrameBytes}, kFrame).ok());
  Tlb tlb;
  Mmu<testing_support::FakeTableMemory> mmu(five.memory(), tlb, arch::PhysBits());
  mmu.WriteCr4(Cr4::FiveLevels::kMask);
  mmu.WriteCr3(five.table().root().value());
  EXPECT_EQ(mmu.Translate(high + 5, kRead).address(), kFrame + 5);
  EXPECT_EQ(mmu.Translate(high + 5, kRead).source(), AnswerSource::kTlb);
  EXPECT_EQ(mmu.Translate(VirtAddr(std::uint64_t{1} << 56), kRead).kind(),
            Outcome::Kind::kGeneralProtection);
}

}  // namespace
}  // namespace pageward::ptable
