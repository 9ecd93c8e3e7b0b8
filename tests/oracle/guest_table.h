// A guest's page table in pages from wherever, walked by the software MMU and by an MMU of
// independent origin.
#pragma once

#include <gtest/gtest.h>

#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/ptable/mapper.h"
#include "runtime/ptable/page_table.h"
#include "runtime/ptable/x86_64_format.h"
#include "tests/oracle/qemu_machine.h"
#include "tests/support/ptable/mmu_comparison.h"
#include "tests/support/ptable/mmu_program_writer.h"
#include "tests/support/ptable/software_machine.h"

namespace pageward::oracle {

using testing_support::Compare;
using testing_support::ComparisonReport;
using testing_support::DataWord;
using testing_support::MmuOperation;
using testing_support::MmuProgram;
using testing_support::MmuRun;
using testing_support::RegisterName;
using testing_support::SeededNumbers;
using testing_support::SoftwareMachine;
using testing_support::SparseRam;
using testing_support::Summarize;
namespace mmu_op = testing_support::mmu_op;

/// Where a guest's memory begins for the guest. 1 GiB aligned: leaves of every size can begin
/// there.
inline constexpr PhysAddr kGuestBase{0x1'4000'0000};
inline constexpr std::size_t kGuestPages = 96;

inline PhysAddr GuestFrameAt(std::size_t index) {
  return kGuestBase + index * kFrameBytes;
}

/// The first half of the memory is for tables, the rest for data.
template <typename Memory>
class FirstHalf final : public ptable::PtpSource {
 public:
  explicit FirstHalf(const Memory& memory) : end_(memory.size() / 2) {}

  std::optional<PhysAddr> Allocate() override {
    return next_ == end_ ? std::nullopt : std::optional(GuestFrameAt(next_++));
  }
  void Free(PhysAddr) override { ADD_FAILURE() << "nothing is freed here"; }

 private:
  const std::size_t end_;
  std::size_t next_ = 1;  // Behind the root.
};

/// A table with leaves of every size, in the first half of `memory`, over the second.
template <unsigned kLevels, typename Memory>
class GuestTable {
 public:
  explicit GuestTable(Memory& memory) : memory_(memory) {
    std::uint32_t tag = 0;
    for (std::size_t i = kGuestPages / 2; i < kGuestPages; ++i) {
      for (std::uint64_t offset = 0; offset < kFrameBytes; offset += 8) {
        memory_.Store(GuestFrameAt(i) + offset, DataWord(tag++));
      }
    }
    const PhysAddr data = GuestFrameAt(kGuestPages / 2);
    constexpr std::uint64_t kPiece = 16 * kFrameBytes;
    // A program, its data, and data under key 3, by small pages.
    Map(kUser, kPiece, data, {.is_executable = true, .is_user = true});
    Map(kUser + kPiece, kPiece, data + kPiece, {.is_writable = true, .is_user = true});
    Map(kUser + 2 * kPiece, kPiece, data + 2 * kPiece,
        {.is_writable = true, .is_user = true, .key = arch::Pkey(3)});
    // The kernel's view of all of it, by leaves of each size.
    Map(kKernelLarge, kPageblockBytes, kGuestBase, {.is_writable = true});
    Map(kKernelHuge, std::uint64_t{1} << 30, kGuestBase,
        {.is_executable = true, .key = arch::Pkey(1)});
  }

  Memory& memory() { return memory_; }
  PhysAddr root() const { return GuestFrameAt(0); }

  /// Any page that has data behind it, or has nothing behind it.
  VirtAddr AnyPage(SeededNumbers& numbers) const {
    const std::uint64_t half = kGuestPages / 2 * kFrameBytes;
    const std::uint64_t page = numbers.Below(kGuestPages / 2 + 2) * kFrameBytes;
    switch (numbers.Below(4)) {
      case 0:
        return kKernelLarge + half + page % half;
      case 1:
        return kKernelHuge + half + page % half;
      default:
        return kUser + page;
    }
  }

 private:
  static constexpr VirtAddr kUser{0x40'0000'0000};
  static constexpr VirtAddr kKernelLarge{0xffff'8000'0020'0000};
  static constexpr VirtAddr kKernelHuge{0xffff'c000'4000'0000};

  void Map(VirtAddr at, std::uint64_t bytes, PhysAddr frame, const ptable::Permissions& rights) {
    ptable::MapRequest request;
    request.range = VirtRange{at, bytes};
    request.frame = frame;
    request.attributes.permissions = rights;
    EXPECT_TRUE(ptable::Mapper(table_).Map(request, source_).ok());
  }

  Memory& memory_;
  FirstHalf<Memory> source_{memory_};
  ptable::PageTable<ptable::X86_64Format<kLevels>, Memory> table_{ptable::X86_64Format<kLevels>(),
                                                                  memory_, GuestFrameAt(0)};
};

/// Walks through `memory` itself, and through a copy of it on QEMU. `what` is for the summary.
template <unsigned kLevels, typename Memory>
void CompareWalks(Memory& memory, std::uint64_t seed, std::string_view what) {
  GuestTable<kLevels, Memory> guest(memory);
  SeededNumbers numbers(seed);
  MmuProgram program;
  program.levels = kLevels;
  program.ram = guest.memory().Copy();
  program.operations.push_back(mmu_op::WriteRegister{RegisterName::kCr3, guest.root().value()});
  for (int round = 0; round < 40; ++round) {
    for (const MmuOperation& write : AnyRights(numbers, kLevels, program.open_key)) {
      program.operations.push_back(write);
    }
    for (int i = 0; i < 50; ++i) {
      mmu_op::Access access = AnyAccess(numbers, guest.AnyPage(numbers));
      program.avoided += testing_support::AvoidKnownError(access);
      program.operations.push_back(access);
    }
  }
  SoftwareMachine machine(guest.memory(), program.phys_bits, ptable::WalkCaching::kOn);
  MmuRun software;
  for (const MmuOperation& operation : program.operations) {
    software.observations.push_back(machine.Perform(operation));
  }
  software.ram = guest.memory().Copy();
  const QemuRun qemu = RunOnQemu(program);
  ASSERT_EQ(qemu.error, "");
  const ComparisonReport report = Compare(program, software, qemu.run);
  std::cout << "oracle (" << what << "): " << Summarize(report) << '\n';
  for (const std::string& example : report.examples) {
    ADD_FAILURE() << example;
  }
  EXPECT_EQ(report.accesses, 2000u);
  EXPECT_GT(report.page_faults, 500u);
  EXPECT_LT(report.page_faults, 1500u);
  // All bytes, those of tables with their A and D bits included, are the same.
  EXPECT_EQ(software.ram.frames(), qemu.run.ram.frames());
}

}  // namespace pageward::oracle
