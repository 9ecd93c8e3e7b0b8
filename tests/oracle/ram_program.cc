#include "tests/oracle/ram_program.h"

#include <set>
#include <sstream>
#include <vector>

#include "runtime/arch/x86_paging.h"
#include "runtime/ptable/tlb_entry.h"
#include "tests/oracle/guest/protocol.h"
#include "tests/oracle/guest_ram.h"
#include "tests/support/ptable/mmu_program_writer.h"

namespace pageward::oracle {
namespace {

using arch::PagingEntry;
using testing_support::Instruction;
using testing_support::MmuOperation;
using testing_support::NumberSource;
using testing_support::RegisterName;
namespace mmu_op = testing_support::mmu_op;

// Finds pages to access: some of those that each leaf maps, and of each table one that it does not.
class PageFinder {
 public:
  static constexpr std::size_t kMostPages = 20'000;

  PageFinder(const RamImage& image, NumberSource& numbers) : image_(image), numbers_(numbers) {}

  std::vector<VirtAddr> Find() {
    Visit(image_.root, image_.levels - 1, 0);
    return std::move(pages_);
  }

 private:
  void Visit(PhysAddr table, unsigned level, std::uint64_t begin) {
    // The same table may be at several places, but one place is enough.
    if (!visited_.insert(table.value()).second) {
      return;
    }
    bool has_absent = false;
    for (std::uint64_t index = 0; index < 512 && pages_.size() < kMostPages; ++index) {
      const bool is_of_oracle = level + 1 == image_.levels && index == kGuestSlot;
      const std::uint64_t at = begin | index << ptable::PageBytesLog2(level);
      const std::uint64_t word = image_.ram.Load(table + index * 8);
      const std::uint64_t target = word & PagingEntry::Frame::kMask;
      if (is_of_oracle) {
        continue;
      }
      if (!PagingEntry::Present::Get(word)) {
        if (!has_absent) {
          Add(at);
        }
        has_absent = true;
      } else if (level == 0 || (level <= 2 && PagingEntry::LargePage::Get(word))) {
        AddLeaf(at, target, level);
      } else if (IsInImage(target, kFrameBytes)) {
        Visit(PhysAddr(target), level - 1, at);
      }
    }
  }

  // The first, the last and any other page of a leaf, if they are in the image.
  void AddLeaf(std::uint64_t at, std::uint64_t target, unsigned level) {
    const std::uint64_t pages = std::uint64_t{1} << (arch::kTableEntriesLog2 * level);
    const std::uint64_t begin = target & ~(pages * kFrameBytes - 1);
    for (const std::uint64_t page : {std::uint64_t{0}, pages - 1, numbers_.Below(pages)}) {
      const std::uint64_t offset = page * kFrameBytes;
      if (IsInImage(begin + offset, kFrameBytes)) {
        Add(at + offset);
      }
    }
  }

  void Add(std::uint64_t at) {
    const unsigned unused = 64 - ptable::PageBytesLog2(image_.levels);
    const auto shifted = static_cast<std::int64_t>(at << unused);
    pages_.push_back(VirtAddr(static_cast<std::uint64_t>(shifted >> unused)));
  }

  bool IsInImage(std::uint64_t at, std::uint64_t bytes) const {
    return HasRamAt(PhysAddr(at)) && OffsetOf(PhysAddr(at)) + bytes <= image_.bytes;
  }

  const RamImage& image_;
  NumberSource& numbers_;
  std::set<std::uint64_t> visited_;
  std::vector<VirtAddr> pages_;
};

}  // namespace

std::optional<std::string> WriteRamProgram(const RamImage& image, std::uint64_t accesses,
                                           NumberSource& numbers,
                                           testing_support::MmuProgram& program) {
  constexpr std::uint64_t kAccessesOfRights = 64;
  std::ostringstream root;
  root << "the top table at 0x" << std::hex << image.root.value();
  if (image.root.value() % kFrameBytes != 0) {
    return root.str() + " is not at a multiple of 4096";
  }
  if (!HasRamAt(image.root) || OffsetOf(image.root) >= image.bytes) {
    return root.str() + " is not in the RAM";
  }
  const std::vector<VirtAddr> pages = PageFinder(image, numbers).Find();
  program.levels = image.levels;
  program.phys_bits = image.phys_bits;
  program.ram = image.ram;
  program.ram_bytes = image.bytes;
  program.operations.push_back(mmu_op::WriteRegister{RegisterName::kCr3, image.root.value()});
  for (std::uint64_t i = 0; i < accesses; ++i) {
    if (i % kAccessesOfRights == 0) {
      for (const MmuOperation& write :
           testing_support::AnyRights(numbers, program.levels, program.open_key)) {
        program.operations.push_back(write);
      }
    }
    mmu_op::Access access = testing_support::AnyAccess(numbers, numbers.OneOf(pages));
    // What is in the memory is unknown: it may be no code, and no data to be changed.
    access.instruction = numbers.OneIn(2) ? Instruction::kLoad8 : Instruction::kAdd;
    access.value = 0;
    access.at = VirtAddr(access.at.value() & ~std::uint64_t{7});
    program.operations.push_back(access);
  }
  return std::nullopt;
}

}  // namespace pageward::oracle
