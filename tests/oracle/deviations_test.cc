// What QEMU does otherwise than the manual says, one case for each row of docs/oracle.md.
//
// A case ends as the manual says or as is known of QEMU 7.2, and prints which: whoever sees that a
// newer QEMU does it right can take the row out.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/oracle/qemu_machine.h"
#include "tests/oracle/qemu_process.h"
#include "tests/oracle/small_program.h"

namespace pageward::oracle {
namespace {

using testing_support::Describe;
using testing_support::Instruction;
using testing_support::Observation;
using testing_support::RegisterName;
namespace mmu_op = testing_support::mmu_op;

constexpr VirtAddr kAt{0x40'1000};
constexpr std::uint64_t kPage = SmallProgram::kData.value() | SmallProgram::kPresent |
                                SmallProgram::kWritable | SmallProgram::kAccessed |
                                SmallProgram::kDirty;
constexpr std::uint64_t kKey5 = std::uint64_t{5} << SmallProgram::kKeyShift;
constexpr std::uint64_t kKey5Closed = 1u << 10;

Observation Fault(std::uint32_t code) {
  Observation fault;
  fault.end = Observation::End::kPageFault;
  fault.code = code;
  fault.fault_address = kAt;
  return fault;
}

Observation Loaded(std::uint64_t value) {
  Observation loaded;
  loaded.value = value;
  return loaded;
}

class DeviationsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = WhyNoQemu()) {
      GTEST_SKIP() << *why;
    }
  }

  // Runs the program as QEMU would by itself.
  void Run() {
    result_ = RunOnQemu(program_.program(), MissingFlushes::kLeftOut);
    ASSERT_EQ(result_.error, "");
  }

  void ExpectEither(std::size_t operation, const Observation& of_manual, const Observation& known) {
    const Observation& seen = result_.run.observations[operation];
    EXPECT_TRUE(seen == of_manual || seen == known) << Describe(seen);
    std::cout << (seen == of_manual ? "as the manual says: " : "deviates: ") << Describe(seen)
              << '\n';
  }

  SmallProgram program_;
  QemuRun result_;
};

TEST_F(DeviationsTest, AFaultForAReservedBitMayLackThePresentBit) {
  program_.Map(kAt, 0, kPage | std::uint64_t{1} << 51);
  const std::size_t load = program_.Access(Instruction::kLoad8, kAt);
  Run();
  ExpectEither(load, Fault(0x9), Fault(0x8));
}

TEST_F(DeviationsTest, TheKeyOfASupervisorPageMayBeUntoldToUsers) {
  program_.Map(kAt, 0, kPage | kKey5);
  program_.Write(RegisterName::kCr4, SmallProgram::kSupervisorKeys);
  program_.Write(RegisterName::kPkrs, kKey5Closed);
  const std::size_t load = program_.UserAccess(Instruction::kLoad8, kAt);
  Run();
  ExpectEither(load, Fault(0x25), Fault(0x5));
}

TEST_F(DeviationsTest, WhatWasCachedMaySurviveAPageFault) {
  const PhysAddr slot = program_.Map(kAt, 0, kPage & ~SmallProgram::kWritable);
  program_.Access(Instruction::kLoad8, kAt);
  program_.Add(mmu_op::Poke{slot, 0});
  const std::size_t store = program_.Access(Instruction::kAdd, kAt);
  const std::size_t load = program_.Access(Instruction::kLoad8, kAt);
  Run();
  EXPECT_EQ(result_.run.observations[store], Fault(0x2));
  ExpectEither(load, Fault(0), Loaded(program_.program().ram.Load(SmallProgram::kData)));
}

TEST_F(DeviationsTest, AcMayExcuseImplicitAccessesFromSmap) {
  program_.Map(kAt, 0, kPage | SmallProgram::kUser);
  program_.Write(RegisterName::kCr4, SmallProgram::kNoUserAccess);
  const std::size_t limit =
      program_.Add(mmu_op::Access{Instruction::kLimit, false, true, true, kAt, 0, PhysAddr()});
  Run();
  const std::uint64_t word = program_.program().ram.Load(SmallProgram::kData);
  ExpectEither(limit, Fault(0x1), Loaded(testing_support::LoadedBy(Instruction::kLimit, word, 0)));
}

TEST_F(DeviationsTest, KeysMayNotMatterToWhatIsCachedOnceCr4EnablesThem) {
  program_.Map(kAt, 0, kPage | kKey5);
  program_.Write(RegisterName::kPkrs, kKey5Closed);
  program_.Access(Instruction::kLoad8, kAt);
  program_.Write(RegisterName::kCr4, SmallProgram::kSupervisorKeys);
  const std::size_t load = program_.Access(Instruction::kLoad8, kAt);
  Run();
  ExpectEither(load, Fault(0x21), Loaded(program_.program().ram.Load(SmallProgram::kData)));
}

TEST_F(DeviationsTest, A1GibLeafMayBeMarkedAsAccessedThoughItsReservedBitsAreSet) {
  constexpr std::uint64_t kReserved = std::uint64_t{1} << 13;
  constexpr std::uint64_t kLeaf =
      SmallProgram::kPresent | SmallProgram::kWritable | SmallProgram::kLarge | kReserved;
  const PhysAddr slot = program_.Map(kAt, 2, kLeaf);
  program_.Access(Instruction::kLoad8, kAt);
  Run();
  const std::uint64_t seen = result_.run.ram.Load(slot);
  EXPECT_TRUE(seen == kLeaf || seen == (kLeaf | SmallProgram::kAccessed)) << seen;
  std::cout << (seen == kLeaf ? "as the manual says" : "deviates: A is set") << '\n';
}

}  // namespace
}  // namespace pageward::oracle
