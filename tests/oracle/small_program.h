// Programs of a few operations, written by hand.
#pragma once

#include <cstdint>
#include <set>

#include "tests/support/ptable/mmu_program.h"

namespace pageward::oracle {

/// Four levels, empty tables, and registers under which supervisors may do anything.
class SmallProgram {
 public:
  // Bits of entries.
  static constexpr std::uint64_t kPresent = 0x1;
  static constexpr std::uint64_t kWritable = 0x2;
  static constexpr std::uint64_t kUser = 0x4;
  static constexpr std::uint64_t kAccessed = 0x20;
  static constexpr std::uint64_t kDirty = 0x40;
  static constexpr std::uint64_t kLarge = 0x80;
  static constexpr unsigned kKeyShift = 59;
  // Bits of registers.
  static constexpr std::uint64_t kWriteProtect = std::uint64_t{1} << 16;    // CR0
  static constexpr std::uint64_t kNoUserAccess = std::uint64_t{1} << 21;    // CR4.SMAP
  static constexpr std::uint64_t kSupervisorKeys = std::uint64_t{1} << 24;  // CR4.PKS
  static constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 11;       // EFER.NXE

  /// A frame of data words.
  static constexpr PhysAddr kData{0x20'0000};

  SmallProgram() {
    program_.episodes.emplace_back();
    for (std::uint64_t& word : program_.ram.FrameAt(kData.value() / kFrameBytes)) {
      word = testing_support::DataWord(next_tag_++);
    }
    Write(testing_support::RegisterName::kCr3, kRoot.value());
    Write(testing_support::RegisterName::kCr4, 0);
    Write(testing_support::RegisterName::kCr0, kWriteProtect);
    Write(testing_support::RegisterName::kEfer, kNoExecute);
    Write(testing_support::RegisterName::kPkru, 0);
    Write(testing_support::RegisterName::kPkrs, 0);
    Add(testing_support::mmu_op::BeginEpisode{0});
  }

  /// Makes the tables down to `level` for an address, with all rights, and its entry there `leaf`.
  /// Returns where that is.
  PhysAddr Map(VirtAddr at, unsigned level, std::uint64_t leaf) {
    program_.episodes[0].push_back(VirtAddr(at.value() & ~(kFrameBytes - 1)));
    PhysAddr table = kRoot;
    for (unsigned i = 3;; --i) {
      const PhysAddr slot = table + (at.value() >> (12 + 9 * i) & 511) * 8;
      if (i == level) {
        program_.ram.Store(slot, leaf);
        return slot;
      }
      if (program_.ram.Load(slot) == 0) {
        next_table_ = next_table_ + kFrameBytes;
        program_.ram.Store(slot, next_table_.value() | kPresent | kWritable | kUser);
      }
      table = PhysAddr(program_.ram.Load(slot) & ~(kFrameBytes - 1));
    }
  }

  std::size_t Add(const testing_support::MmuOperation& operation) {
    program_.operations.push_back(operation);
    return program_.operations.size() - 1;
  }
  std::size_t Write(testing_support::RegisterName which, std::uint64_t value) {
    return Add(testing_support::mmu_op::WriteRegister{which, value});
  }
  /// Adds an access of a supervisor. Returns the number of the operation.
  std::size_t Access(testing_support::Instruction instruction, VirtAddr at) {
    return Add(testing_support::mmu_op::Access{instruction, false, false, true, at, 0, PhysAddr()});
  }
  std::size_t UserAccess(testing_support::Instruction instruction, VirtAddr at) {
    return Add(testing_support::mmu_op::Access{instruction, true, false, true, at, 0, PhysAddr()});
  }

  const testing_support::MmuProgram& program() const { return program_; }

 private:
  static constexpr PhysAddr kRoot{0x800'0000};

  testing_support::MmuProgram program_;
  PhysAddr next_table_ = kRoot;
  std::uint32_t next_tag_ = 1;
};

}  // namespace pageward::oracle
