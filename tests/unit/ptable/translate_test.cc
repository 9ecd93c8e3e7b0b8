// The software MMU against the predictor of sdm_predictor.h: random tables, random registers, every
// kind of access, and the bytes of the tables afterwards.
#include "runtime/ptable/translate.h"

#include <gtest/gtest.h>

#include "tests/support/ptable/fake_table_memory.h"
#include "tests/support/ptable/random.h"
#include "tests/support/ptable/sdm_predictor.h"

namespace pageward::ptable {
namespace {

using testing_support::FakeTableMemory;
using testing_support::Random;
using testing_support::SdmAccess;
using testing_support::SdmControls;
using testing_support::SdmMode;
using testing_support::SdmPrediction;
using testing_support::SdmPredictor;

constexpr Access kRead{AccessKind::kRead, AccessMode::kSupervisor};
constexpr Access kWrite{AccessKind::kWrite, AccessMode::kSupervisor};

class TranslateTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kFrames = 24;

  // Any entry: mostly one that leads on, with all the bits there are.
  std::uint64_t RandomEntry(unsigned maxphyaddr) {
    const std::uint64_t target =
        random_.OneIn(4)
            ? (random_.Next() & 0xff'c000'0000)  // 1 GiB aligned, below 2^40
            : FakeTableMemory::FrameAt(static_cast<std::uint32_t>(random_.Below(kFrames))).value();
    std::uint64_t word = target | (random_.OneIn(12) ? 0u : 1u);
    for (const int bit : {1, 2}) {
      word |= random_.OneIn(10) ? 0 : std::uint64_t{1} << bit;
    }
    for (const int bit : {3, 4, 5, 6, 8, 9, 10, 11, 52, 55, 58}) {
      word |= random_.OneIn(3) ? std::uint64_t{1} << bit : 0;
    }
    word |= random_.OneIn(8) ? std::uint64_t{1} << 7 : 0;
    word |= random_.Below(16) << 59;
    word |= random_.OneIn(8) ? std::uint64_t{1} << 63 : 0;
    if (random_.OneIn(20)) {
      word |= std::uint64_t{1} << (12 + random_.Below(40));
    }
    if (random_.OneIn(30) && maxphyaddr < 52) {
      word |= std::uint64_t{1} << maxphyaddr;
    }
    return word;
  }

  void FillTables(unsigned maxphyaddr) {
    for (std::uint32_t frame = 0; frame < kFrames; ++frame) {
      for (unsigned index = 0; index < 512; ++index) {
        memory_.Store(SlotOf(FakeTableMemory::FrameAt(frame), index), RandomEntry(maxphyaddr));
      }
    }
  }

  SdmControls RandomControls() {
    SdmControls controls;
    for (bool* flag : {&controls.wp, &controls.smep, &controls.smap, &controls.pke, &controls.pks,
                       &controls.ac, &controls.la57}) {
      *flag = random_.OneIn(2);
    }
    controls.nxe = !random_.OneIn(4);
    controls.pkru = static_cast<std::uint32_t>(random_.Next() & random_.Next());
    controls.pkrs = static_cast<std::uint32_t>(random_.Next() & random_.Next());
    controls.table = FakeTableMemory::FrameAt(0).value();
    return controls;
  }

  static PagingRegisters RegistersFor(const SdmControls& controls) {
    PagingRegisters registers;
    registers.cr0 = arch::Cr0::WriteProtect::Encode(controls.wp);
    registers.cr3 = controls.table;
    registers.cr4 = arch::Cr4::NoUserFetch::Encode(controls.smep) |
                    arch::Cr4::NoUserAccess::Encode(controls.smap) |
                    arch::Cr4::UserKeys::Encode(controls.pke) |
                    arch::Cr4::SupervisorKeys::Encode(controls.pks) |
                    arch::Cr4::FiveLevels::Encode(controls.la57);
    registers.efer = arch::Efer::NoExecute::Encode(controls.nxe);
    registers.pkru = arch::Pkru(controls.pkru);
    registers.pkrs = arch::Pkrs(controls.pkrs);
    registers.is_ac_set = controls.ac;
    return registers;
  }

  // A table outside of the memory is one that the entry should not have led to, but may: then the
  // access is left out.
  bool IsInMemory(const SdmControls& controls, std::uint64_t linear) const {
    std::uint64_t base = controls.table;
    for (int level = controls.la57 ? 4 : 3; level >= 0; --level) {
      if (!memory_.Contains(PhysAddr(base))) {
        return false;
      }
      const std::uint64_t word =
          memory_.Load(SlotOf(PhysAddr(base), linear >> (12 + 9 * level) & 511));
      if ((word & 1) == 0 || level == 0 || (level <= 2 && (word & 0x80) != 0)) {
        return true;
      }
      base = word & 0x000f'ffff'ffff'f000;
    }
    return true;
  }

  std::uint64_t RandomCanonical(bool la57) {
    const int unused = la57 ? 7 : 16;
    const auto shifted = static_cast<std::int64_t>(random_.Next() << unused);
    return static_cast<std::uint64_t>(shifted >> unused);
  }

  // Compares one access and its traces in memory.
  void CompareAccess(const SdmControls& controls, const ReservedMasks& reserved,
                     std::uint64_t linear) {
    const SdmAccess sdm_access =
        random_.OneOf({SdmAccess::kRead, SdmAccess::kWrite, SdmAccess::kFetch});
    SdmMode sdm_mode = random_.OneOf({SdmMode::kUser, SdmMode::kUser, SdmMode::kSupervisorExplicit,
                                      SdmMode::kSupervisorExplicit, SdmMode::kSupervisorImplicit});
    if (sdm_access == SdmAccess::kFetch && sdm_mode == SdmMode::kSupervisorImplicit) {
      sdm_mode = SdmMode::kSupervisorExplicit;
    }
    const Access access{static_cast<AccessKind>(sdm_access),
                        sdm_mode == SdmMode::kUser ? AccessMode::kUser
                        : sdm_mode == SdmMode::kSupervisorExplicit
                            ? AccessMode::kSupervisor
                            : AccessMode::kImplicitSupervisor};
    const SdmPrediction expected = predictor_.Predict(controls, linear, sdm_access, sdm_mode);
    std::map<std::uint64_t, std::uint64_t> entries = expected.entries;
    const PagingRegisters registers = RegistersFor(controls);
    const WalkResult actual =
        Walk(memory_, registers, reserved, WalkStepAtRoot(registers), VirtAddr(linear), access);
    ASSERT_EQ(actual.outcome.IsPageFault(), expected.is_fault) << std::hex << linear;
    if (expected.is_fault) {
      ++faults_;
      ASSERT_EQ(actual.outcome.code().value(), expected.error_code) << std::hex << linear;
      ASSERT_EQ(actual.outcome.fault_address(), VirtAddr(linear));
      return;
    }
    ++translations_;
    ASSERT_EQ(actual.outcome.address(), PhysAddr(expected.physical)) << std::hex << linear;
    ASSERT_EQ(actual.outcome.page_bytes_log2(), expected.page_size_log2);
    for (const auto& [address, word] : entries) {
      ASSERT_EQ(memory_.Load(PhysAddr(address)), word) << "accessed and dirty bits";
    }
  }

  FakeTableMemory memory_{kFrames};
  SdmPredictor predictor_{[this](std::uint64_t at) { return memory_.Load(PhysAddr(at)); }};
  Random random_{1};
  std::uint64_t faults_ = 0;
  std::uint64_t translations_ = 0;
};

TEST_F(TranslateTest, AgreesWithTheManualOnRandomTablesAndRegisters) {
  for (const unsigned maxphyaddr : {40u, 46u, 52u}) {
    for (int round = 0; round < 12; ++round) {
      FillTables(maxphyaddr);
      for (int setting = 0; setting < 40; ++setting) {
        SdmControls controls = RandomControls();
        controls.maxphyaddr = maxphyaddr;
        const ReservedMasks reserved(arch::PhysBits(maxphyaddr), controls.nxe
                                                                     ? NoExecuteBit::kDefined
                                                                     : NoExecuteBit::kReserved);
        for (int i = 0; i < 60; ++i) {
          const std::uint64_t linear = RandomCanonical(controls.la57);
          if (IsInMemory(controls, linear)) {
            CompareAccess(controls, reserved, linear);
            ASSERT_FALSE(HasFatalFailure());
          }
        }
      }
    }
  }
  // Both happen often, or the comparison would be worth little.
  EXPECT_GT(faults_, 10'000u);
  EXPECT_GT(translations_, 5'000u);
}

TEST_F(TranslateTest, AFaultLeavesNoTraceInTheTables) {
  FillTables(40);
  const std::vector<std::uint64_t> before = memory_.words();
  SdmControls controls = RandomControls();
  controls.la57 = false;
  controls.nxe = true;
  const PagingRegisters registers = RegistersFor(controls);
  const ReservedMasks reserved(arch::PhysBits(40), NoExecuteBit::kDefined);
  int faults = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t linear = RandomCanonical(false);
    if (IsInMemory(controls, linear) &&
        predictor_.Predict(controls, linear, SdmAccess::kRead, SdmMode::kUser).is_fault) {
      ++faults;
      Walk(memory_, registers, reserved, WalkStepAtRoot(registers), VirtAddr(linear),
           Access{AccessKind::kRead, AccessMode::kUser});
    }
  }
  EXPECT_GT(faults, 100);
  EXPECT_EQ(memory_.words(), before);
}

// Four levels by hand, for what chance would rarely meet.
class TranslateByHandTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kTableBits = 0x7;  // P RW US
  static constexpr VirtAddr kAt{0xffff'8000'0020'1000};

  TranslateByHandTest() {
    registers_.cr3 = FakeTableMemory::FrameAt(0).value();
    memory_.Store(SlotOf(FakeTableMemory::FrameAt(0), 256), Table(1));
    memory_.Store(FakeTableMemory::FrameAt(1), Table(2));
    memory_.Store(SlotOf(FakeTableMemory::FrameAt(2), 1), Table(3));
    memory_.Store(leaf_, kFrame | kTableBits);
  }

  static std::uint64_t Table(std::uint32_t frame) {
    return FakeTableMemory::FrameAt(frame).value() | kTableBits;
  }

  WalkResult WalkFor(Access access) {
    return Walk(memory_, registers_, reserved_, WalkStepAtRoot(registers_), kAt, access);
  }

  static constexpr std::uint64_t kFrame = 0x12'3456'7000;
  FakeTableMemory memory_{4};
  PhysAddr leaf_ = SlotOf(FakeTableMemory::FrameAt(3), 1);
  PagingRegisters registers_;
  ReservedMasks reserved_{arch::PhysBits(40), NoExecuteBit::kDefined};
};

TEST_F(TranslateByHandTest, AnAccessMarksWhatItUses) {
  ASSERT_TRUE(WalkFor(kRead).outcome.IsTranslated());
  EXPECT_EQ(memory_.Load(leaf_), kFrame | kTableBits | 0x20);
  EXPECT_EQ(memory_.Load(FakeTableMemory::FrameAt(1)), Table(2) | 0x20);
  ASSERT_TRUE(WalkFor(kWrite).outcome.IsTranslated());
  EXPECT_EQ(memory_.Load(leaf_), kFrame | kTableBits | 0x60);
  EXPECT_EQ(memory_.Load(FakeTableMemory::FrameAt(1)), Table(2) | 0x20) << "D is the leaf's alone";
}

TEST_F(TranslateByHandTest, AnEntryThatChangesUnderAWalkIsReadAgain) {
  memory_.InterruptNextExchange([&] { memory_.Store(leaf_, 0); });
  const WalkResult result = WalkFor(kRead);
  // The first exchange is the top entry's accessed bit; the leaf is exchanged later and gone.
  ASSERT_TRUE(result.outcome.IsPageFault());
  EXPECT_EQ(result.outcome.code().value(), 0u);
  EXPECT_EQ(memory_.Load(leaf_), 0u) << "no mark on what is gone";
}

TEST_F(TranslateByHandTest, AWalkThatUsesMarkedEntriesWritesNothing) {
  ASSERT_TRUE(WalkFor(kWrite).outcome.IsTranslated());
  memory_.StartLog();
  ASSERT_TRUE(WalkFor(kWrite).outcome.IsTranslated());
  ASSERT_TRUE(WalkFor(kRead).outcome.IsTranslated());
  EXPECT_TRUE(memory_.log().empty());
}

TEST_F(TranslateByHandTest, TellsTheTablesItCameThrough) {
  const WalkResult result = WalkFor(kRead);
  EXPECT_EQ(result.leaf_level, 0u);
  EXPECT_EQ(result.steps[0].table, FakeTableMemory::FrameAt(3));
  EXPECT_EQ(result.steps[1].table, FakeTableMemory::FrameAt(2));
  EXPECT_EQ(result.steps[2].table, FakeTableMemory::FrameAt(1));
  EXPECT_EQ(result.steps[3].table, FakeTableMemory::FrameAt(0));
}

TEST_F(TranslateByHandTest, AWalkCanBeginBelowTheRootWithTheRightsOfThePath) {
  memory_.Store(FakeTableMemory::FrameAt(1), Table(2) & ~std::uint64_t{2});
  const WalkResult whole = WalkFor(kRead);
  const WalkResult rest = Walk(memory_, registers_, reserved_, whole.steps[0], kAt, kWrite);
  ASSERT_TRUE(rest.outcome.IsPageFault());
  EXPECT_EQ(rest.outcome.code().value(), 0x3u) << "read-only above";
}

TEST(OutcomeTest, SaysHowAnAccessEnded) {
  const Outcome ok = Outcome::Translated(PhysAddr(0x5123), 21, AnswerSource::kTlb);
  EXPECT_TRUE(ok.IsTranslated());
  EXPECT_EQ(ok.address(), PhysAddr(0x5123));
  EXPECT_EQ(ok.page_bytes_log2(), 21u);
  EXPECT_EQ(ok.source(), AnswerSource::kTlb);
  const Outcome bad = Outcome::GeneralProtection(VirtAddr(std::uint64_t{1} << 63));
  EXPECT_EQ(bad.kind(), Outcome::Kind::kGeneralProtection);
  EXPECT_FALSE(bad.IsPageFault());
  EXPECT_EQ(bad.fault_address(), VirtAddr(std::uint64_t{1} << 63));
}

}  // namespace
}  // namespace pageward::ptable
