// Faults planted in what the software MMU gets to see are reported: the comparison can fail.
//
// QEMU performs a program as it was written; the software MMU performs one with a bit that is
// ignored or a flush that is left out.
#include <gtest/gtest.h>

#include "tests/oracle/campaign.h"
#include "tests/oracle/qemu_machine.h"
#include "tests/oracle/qemu_process.h"
#include "tests/oracle/small_program.h"
#include "tests/support/ptable/software_machine.h"

namespace pageward::oracle {
namespace {

using ptable::TlbFlush;
using testing_support::Compare;
using testing_support::ComparisonReport;
using testing_support::Instruction;
using testing_support::MmuOperation;
using testing_support::MmuProgram;
using testing_support::MmuProgramWriter;
using testing_support::MmuRun;
using testing_support::RegisterName;
using testing_support::RunInSoftware;
using testing_support::SeededNumbers;
using testing_support::SoftwareMachine;
using testing_support::SparseRam;
namespace mmu_op = testing_support::mmu_op;

// An address that is not canonical: INVLPG of it does nothing.
constexpr MmuOperation kNothing = mmu_op::Invlpg{VirtAddr(std::uint64_t{1} << 63)};

// A program with what QEMU made of it.
struct Performed {
  MmuProgram program;
  QemuRun qemu;

  explicit Performed(CampaignMode mode) {
    // The first shape: four levels, PCIDs.
    SeededNumbers numbers(20);
    MmuProgramWriter writer(numbers, ShapeOf(mode, 0));
    writer.Write(2'000);
    program = writer.TakeProgram();
    qemu = RunOnQemu(program);
  }

  ComparisonReport CompareWith(const MmuProgram& planted) const {
    return Compare(program, RunInSoftware(planted), qemu.run);
  }
};

struct Plant {
  const char* name;
  void (*plant)(MmuProgram& program);
  std::uint64_t bits = 0;
};

void PrintTo(const Plant& plant, std::ostream* out) {
  *out << plant.name;
}

// --- Ways to go wrong ----------------------------------------------------------------------------

/// Changes every entry of every table.
template <typename Change>
void ChangeEntries(MmuProgram& program, Change change) {
  for (const auto& [number, frame] : program.ram.frames()) {
    for (std::size_t i = 0; i < frame.size(); ++i) {
      // Data words end in the bytes of an invalid instruction, 0x0b0f; keys and bit 63 don't.
      if (frame[i] != 0 && frame[i] >> 48 != 0x0b0f) {
        const PhysAddr at(number * kFrameBytes + i * 8);
        program.ram.Store(at, change(frame[i]));
      }
    }
  }
  for (MmuOperation& operation : program.operations) {
    if (auto* poke = std::get_if<mmu_op::Poke>(&operation)) {
      poke->word = change(poke->word);
    }
  }
}

template <std::uint64_t kBits>
void ClearInEntries(MmuProgram& program) {
  ChangeEntries(program, [](std::uint64_t word) { return word & ~kBits; });
}

template <std::uint64_t kBits>
void SetInEntries(MmuProgram& program) {
  ChangeEntries(program, [](std::uint64_t word) { return word | kBits; });
}

template <RegisterName kRegister, std::uint64_t kBits>
void ClearInRegister(MmuProgram& program) {
  for (MmuOperation& operation : program.operations) {
    auto* write = std::get_if<mmu_op::WriteRegister>(&operation);
    if (write != nullptr && write->which == kRegister) {
      write->value &= ~kBits;
    }
  }
}

template <typename Operation>
void LeaveOut(MmuProgram& program, bool (*applies)(const Operation&)) {
  for (MmuOperation& operation : program.operations) {
    const auto* found = std::get_if<Operation>(&operation);
    if (found != nullptr && applies(*found)) {
      operation = kNothing;
    }
  }
}

template <TlbFlush::Kind kKind>
void LeaveOutInvpcid(MmuProgram& program) {
  LeaveOut<mmu_op::Invpcid>(
      program, [](const mmu_op::Invpcid& invpcid) { return invpcid.flush.kind == kKind; });
}

void LeaveOutInvlpg(MmuProgram& program) {
  LeaveOut<mmu_op::Invlpg>(program, [](const mmu_op::Invlpg&) { return true; });
}

void KeepTranslations(MmuProgram& program) {
  for (MmuOperation& operation : program.operations) {
    auto* write = std::get_if<mmu_op::WriteRegister>(&operation);
    if (write != nullptr && write->which == RegisterName::kCr3) {
      write->value |= std::uint64_t{1} << 63;
    }
  }
}

void IgnoreAc(MmuProgram& program) {
  for (MmuOperation& operation : program.operations) {
    if (auto* access = std::get_if<mmu_op::Access>(&operation)) {
      access->is_ac_set = false;
    }
  }
}

constexpr std::uint64_t Bit(unsigned number) {
  return std::uint64_t{1} << number;
}

// --- Permissions ---------------------------------------------------------------------------------

class PlantedPermissionTest : public testing::TestWithParam<Plant> {
 protected:
  void SetUp() override {
    if (const auto why = WhyNoQemu()) {
      GTEST_SKIP() << *why;
    }
    ASSERT_EQ(PerformedOnce().qemu.error, "");
    ASSERT_EQ(PerformedOnce().CompareWith(PerformedOnce().program).mismatches(), 0u);
  }

  static const Performed& PerformedOnce() {
    static const Performed performed(CampaignMode::kCoherent);
    return performed;
  }
};

// Spec: T130
TEST_P(PlantedPermissionTest, IsReported) {
  MmuProgram planted = PerformedOnce().program;
  GetParam().plant(planted);
  EXPECT_GT(PerformedOnce().CompareWith(planted).wrong_accesses, 0u);
}

constexpr Plant kPermissions[] = {
    {"AbsentIsPresent", SetInEntries<Bit(0)>},
    {"NothingIsWritable", ClearInEntries<Bit(1)>},
    {"EverythingIsWritable", SetInEntries<Bit(1)>},
    {"NothingIsForUsers", ClearInEntries<Bit(2)>},
    {"EverythingIsForUsers", SetInEntries<Bit(2)>},
    {"EverythingIsExecutable", ClearInEntries<Bit(63)>},
    {"NothingIsExecutable", SetInEntries<Bit(63)>},
    {"NoLargePages", ClearInEntries<Bit(7)>},
    {"KeyBit0IsIgnored", ClearInEntries<Bit(59)>},
    {"KeyBit1IsIgnored", ClearInEntries<Bit(60)>},
    {"KeyBit2IsIgnored", ClearInEntries<Bit(61)>},
    {"KeyBit3IsIgnored", ClearInEntries<Bit(62)>},
    {"ReservedAddressBitsAreIgnored", ClearInEntries<0xf'ff00'0000'0000>},
    {"ReservedLargeBitsAreIgnored", ClearInEntries<Bit(13)>},
    {"NoWriteProtect", ClearInRegister<RegisterName::kCr0, Bit(16)>},
    {"NoSmep", ClearInRegister<RegisterName::kCr4, Bit(20)>},
    {"NoSmap", ClearInRegister<RegisterName::kCr4, Bit(21)>},
    {"NoUserKeys", ClearInRegister<RegisterName::kCr4, Bit(22)>},
    {"NoSupervisorKeys", ClearInRegister<RegisterName::kCr4, Bit(24)>},
    {"NoNxe", ClearInRegister<RegisterName::kEfer, Bit(11)>},
    {"PkruClosesNoWrites", ClearInRegister<RegisterName::kPkru, 0xaaaa'aaaa>},
    {"PkruClosesNoAccesses", ClearInRegister<RegisterName::kPkru, 0x5555'5555>},
    {"PkrsClosesNoWrites", ClearInRegister<RegisterName::kPkrs, 0xaaaa'aaaa>},
    {"PkrsClosesNoAccesses", ClearInRegister<RegisterName::kPkrs, 0x5555'5555>},
    {"AcExcusesNothing", IgnoreAc},
};
INSTANTIATE_TEST_SUITE_P(Plants, PlantedPermissionTest, testing::ValuesIn(kPermissions),
                         [](const auto& plant) { return std::string(plant.param.name); });

// --- Flushes -------------------------------------------------------------------------------------

class PlantedFlushTest : public PlantedPermissionTest {};

// Spec: T130
TEST_P(PlantedFlushTest, ThatIsMissingIsReported) {
  MmuProgram planted = PerformedOnce().program;
  GetParam().plant(planted);
  EXPECT_GT(PerformedOnce().CompareWith(planted).wrong_accesses, 0u);
}

constexpr Plant kFlushes[] = {
    {"Invlpg", LeaveOutInvlpg},
    {"MovToCr3", KeepTranslations},
    {"MovToCr4", ClearInRegister<RegisterName::kCr4, Bit(7)>},
    {"InvpcidOfOnePage", LeaveOutInvpcid<TlbFlush::Kind::kPageOfPcid>},
    {"InvpcidOfOnePcid", LeaveOutInvpcid<TlbFlush::Kind::kPcid>},
    {"InvpcidOfAllButGlobal", LeaveOutInvpcid<TlbFlush::Kind::kAllButGlobal>},
    {"InvpcidOfAll", LeaveOutInvpcid<TlbFlush::Kind::kAll>},
};
INSTANTIATE_TEST_SUITE_P(Plants, PlantedFlushTest, testing::ValuesIn(kFlushes),
                         [](const auto& plant) { return std::string(plant.param.name); });

// Where much is not flushed anyhow, a stale end is wrong only after the flush that was left out.
class PlantedReplayFlushTest : public testing::TestWithParam<Plant> {};

// Spec: T130
TEST_P(PlantedReplayFlushTest, ThatIsMissingIsReported) {
  if (const auto why = WhyNoQemu()) {
    GTEST_SKIP() << *why;
  }
  const Performed performed(CampaignMode::kReplay);
  ASSERT_EQ(performed.qemu.error, "");
  ASSERT_EQ(performed.CompareWith(performed.program).mismatches(), 0u);
  MmuProgram planted = performed.program;
  GetParam().plant(planted);
  EXPECT_GT(performed.CompareWith(planted).wrong_accesses, 0u);
}

INSTANTIATE_TEST_SUITE_P(Plants, PlantedReplayFlushTest,
                         testing::Values(kFlushes[0], kFlushes[1], kFlushes[4]),
                         [](const auto& plant) { return std::string(plant.param.name); });

// --- Bits of use ---------------------------------------------------------------------------------

// RAM in which some bits can't be set by exchange, as a processor sets A and D.
class ForgetfulRam {
 public:
  ForgetfulRam(const SparseRam& ram, std::uint64_t bits) : ram_(ram), bits_(bits) {}

  std::uint64_t Load(PhysAddr at) const { return ram_.Load(at); }
  void Store(PhysAddr at, std::uint64_t word) { ram_.Store(at, word); }
  std::uint64_t CompareExchange(PhysAddr at, std::uint64_t expected, std::uint64_t word) {
    return ram_.CompareExchange(at, expected, word & ~(bits_ & ~expected));
  }

  const SparseRam& ram() const { return ram_; }

 private:
  SparseRam ram_;
  const std::uint64_t bits_;
};

class PlantedUsageTest : public PlantedPermissionTest {
 protected:
  static std::uint64_t WrongAccessesWithout(std::uint64_t bits) {
    const Performed& performed = PerformedOnce();
    ForgetfulRam ram(performed.program.ram, bits);
    SoftwareMachine machine(ram, performed.program.phys_bits, performed.program.walk_caching);
    MmuRun run;
    for (const MmuOperation& operation : performed.program.operations) {
      run.observations.push_back(machine.Perform(operation));
    }
    run.ram = ram.ram();
    return Compare(performed.program, run, performed.qemu.run).wrong_accesses;
  }
};

// Spec: T130
TEST_P(PlantedUsageTest, ThatIsNotNotedIsReported) {
  EXPECT_EQ(WrongAccessesWithout(0), 0u);
  EXPECT_GT(WrongAccessesWithout(GetParam().bits), 0u);
}

constexpr Plant kUsage[] = {{"Accessed", nullptr, 0x20}, {"Dirty", nullptr, 0x40}};
INSTANTIATE_TEST_SUITE_P(Plants, PlantedUsageTest, testing::ValuesIn(kUsage),
                         [](const auto& plant) { return std::string(plant.param.name); });

// --- One of each ---------------------------------------------------------------------------------

class PlantedOnceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = WhyNoQemu()) {
      GTEST_SKIP() << *why;
    }
  }

  static constexpr VirtAddr kAt{0x40'1000};
  static constexpr std::uint64_t kPage =
      SmallProgram::kData.value() | SmallProgram::kPresent | SmallProgram::kWritable;
};

// Spec: T130
TEST_F(PlantedOnceTest, OneWrongPermissionBitIsOneMismatch) {
  SmallProgram written;
  const PhysAddr slot = written.Map(kAt, 0, kPage);
  written.Access(Instruction::kLoad8, kAt);
  written.Access(Instruction::kAdd, kAt);
  const QemuRun qemu = RunOnQemu(written.program());
  ASSERT_EQ(qemu.error, "");
  EXPECT_EQ(Compare(written.program(), RunInSoftware(written.program()), qemu.run).mismatches(),
            0u);
  MmuProgram planted = written.program();
  planted.ram.Store(slot, kPage & ~SmallProgram::kWritable);
  EXPECT_EQ(Compare(written.program(), RunInSoftware(planted), qemu.run).wrong_accesses, 1u);
}

// Spec: T130
TEST_F(PlantedOnceTest, OneMissingFlushIsOneMismatch) {
  SmallProgram written;
  const PhysAddr slot = written.Map(kAt, 0, kPage);
  written.Access(Instruction::kLoad8, kAt);
  written.Add(mmu_op::Poke{slot, 0});
  const std::size_t flush = written.Add(mmu_op::Invlpg{kAt});
  written.Access(Instruction::kLoad8, kAt);
  const QemuRun qemu = RunOnQemu(written.program());
  ASSERT_EQ(qemu.error, "");
  EXPECT_EQ(Compare(written.program(), RunInSoftware(written.program()), qemu.run).mismatches(),
            0u);
  MmuProgram planted = written.program();
  planted.operations[flush] = kNothing;
  EXPECT_EQ(Compare(written.program(), RunInSoftware(planted), qemu.run).wrong_accesses, 1u);
}

}  // namespace
}  // namespace pageward::oracle
