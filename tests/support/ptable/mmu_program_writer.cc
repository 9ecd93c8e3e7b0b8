#include "tests/support/ptable/mmu_program_writer.h"

#include <array>

namespace pageward::testing_support {
namespace {

using ptable::TlbFlush;

// Few, so that they come again.
constexpr std::array<unsigned, 4> kPcids{0, 1, 2, 0xfff};

constexpr unsigned kCr0Wp = 16;
constexpr unsigned kCr4Pge = 7;
constexpr unsigned kCr4La57 = 12;
constexpr unsigned kCr4Pcide = 17;
constexpr unsigned kCr4Smap = 21;
constexpr std::array<unsigned, 4> kCr4Rights{20, kCr4Smap, 22, 24};  // SMEP, SMAP, PKE, PKS
constexpr unsigned kEferNxe = 11;

std::uint64_t Bit(unsigned number, bool is_set = true) {
  return std::uint64_t{is_set} << number;
}

std::uint64_t KeyMask(unsigned key) {
  return std::uint64_t{3} << (2 * key);
}

// A quarter of the keys is closed in some way.
std::uint64_t AnyKeyRights(NumberSource& numbers) {
  return numbers.Word() & numbers.Word() & numbers.Word() & 0xffff'ffff;
}

MmuProgram EmptyProgram(const ProgramShape& shape, MmuWorld& world) {
  MmuProgram program;
  program.levels = shape.levels;
  program.phys_bits = shape.phys_bits;
  program.open_key = shape.open_key;
  program.walk_caching = shape.walk_caching;
  program.ram = world.MakeRam();
  return program;
}

}  // namespace

mmu_op::Access AnyAccess(NumberSource& numbers, VirtAddr page) {
  mmu_op::Access access{};
  access.instruction = static_cast<Instruction>(numbers.Below(kInstructionCount));
  access.is_user = numbers.OneIn(2);
  access.is_ac_set = numbers.OneIn(2);
  access.is_coherent = true;
  std::uint64_t byte = 0;
  switch (access.instruction) {
    case Instruction::kStore8:
      access.value = DataWord(static_cast<std::uint32_t>(numbers.Below(std::uint64_t{1} << 32)));
      break;
    case Instruction::kStore1:
      // One of the bytes of the tag, so that data words stay what they are.
      access.value = numbers.Below(256);
      byte = 1 + numbers.Below(4);
      break;
    case Instruction::kLoad1:
      byte = numbers.Below(8);
      break;
    default:
      break;
  }
  access.at = page + (numbers.Below(512) * 8 + byte);
  return access;
}

std::uint64_t AvoidKnownError(mmu_op::Access& access) {
  if (!access.is_ac_set || access.is_user || !IsImplicit(access.instruction)) {
    return 0;
  }
  access.is_ac_set = false;
  return 1;
}

std::vector<MmuOperation> AnyRights(NumberSource& numbers, unsigned levels, unsigned open_key) {
  std::uint64_t cr4 = Bit(kCr4Pge) | Bit(kCr4La57, levels == 5);
  for (const unsigned bit : kCr4Rights) {
    cr4 |= Bit(bit, numbers.OneIn(2));
  }
  return {mmu_op::WriteRegister{RegisterName::kCr4, cr4},
          mmu_op::WriteRegister{RegisterName::kCr0, Bit(kCr0Wp, numbers.OneIn(2))},
          mmu_op::WriteRegister{RegisterName::kEfer, Bit(kEferNxe)},
          mmu_op::WriteRegister{RegisterName::kPkru, AnyKeyRights(numbers)},
          mmu_op::WriteRegister{RegisterName::kPkrs, AnyKeyRights(numbers) & ~KeyMask(open_key)}};
}

MmuProgramWriter::MmuProgramWriter(NumberSource& numbers, const ProgramShape& shape)
    : numbers_(numbers),
      shape_(shape),
      world_(numbers, shape.levels, shape.phys_bits),
      program_(EmptyProgram(shape, world_)),
      reference_(program_, shape.walk_caching == ptable::WalkCaching::kOn
                               ? Tracking::kTablesToo
                               : Tracking::kTranslations) {
  // A root with PCID 0 comes first: PCIDs can be switched on only then.
  Add(mmu_op::WriteRegister{RegisterName::kCr3, world_.AnyRoot().value()});
  for (const RegisterName which : {RegisterName::kCr4, RegisterName::kCr0, RegisterName::kEfer,
                                   RegisterName::kPkru, RegisterName::kPkrs}) {
    WriteRegister(which);
  }
}

void MmuProgramWriter::Add(const MmuOperation& operation) {
  program_.operations.push_back(operation);
  if (!std::holds_alternative<mmu_op::Access>(operation)) {
    reference_.Perform(operation);
  }
}

void MmuProgramWriter::BeginEpisode() {
  std::vector<VirtAddr> pages;
  for (unsigned i = 0; i < kPagesOfEpisode; ++i) {
    pages.push_back(world_.AnyPage());
  }
  program_.episodes.push_back(pages);
  Add(mmu_op::BeginEpisode{static_cast<std::uint32_t>(program_.episodes.size() - 1)});
}

void MmuProgramWriter::WriteRegister(RegisterName which) {
  std::uint64_t value = 0;
  switch (which) {
    case RegisterName::kCr0:
      value = Bit(kCr0Wp, numbers_.OneIn(2));
      break;
    case RegisterName::kCr3:
      value = world_.AnyRoot().value();
      if (shape_.has_pcids) {
        value |= numbers_.OneOf(kPcids) | Bit(63, numbers_.OneIn(2));
      }
      break;
    case RegisterName::kCr4: {
      for (const unsigned bit : kCr4Rights) {
        value |= Bit(bit, numbers_.OneIn(2));
      }
      // A change of PGE flushes everything, so it is rare.
      const bool has_globals = (reference_.RegisterValue(which) & Bit(kCr4Pge)) != 0;
      value |= Bit(kCr4Pge, has_globals != numbers_.OneIn(6));
      value |= Bit(kCr4La57, shape_.levels == 5) | Bit(kCr4Pcide, shape_.has_pcids);
      break;
    }
    case RegisterName::kEfer:
      value = Bit(kEferNxe, !numbers_.OneIn(4));
      break;
    case RegisterName::kPkru:
      value = AnyKeyRights(numbers_);
      break;
    case RegisterName::kPkrs:
      value = AnyKeyRights(numbers_) & ~KeyMask(shape_.open_key);
      break;
  }
  Add(mmu_op::WriteRegister{which, value});
}

void MmuProgramWriter::ChangeTables() {
  const Way way = reference_.WayNow(AnyPage());
  const unsigned which =
      numbers_.OneIn(2) ? way.count - 1 : static_cast<unsigned>(numbers_.Below(way.count));
  const WayEntry& entry = way.entries[which];
  const unsigned level = shape_.levels - 1 - which;
  std::uint64_t word = world_.AnyEntry(level);
  if (numbers_.OneIn(3)) {
    // Only a bit or two: as software does when it takes a right away, or clears A and D.
    constexpr std::array<std::uint64_t, 8> kChanges{
        0x1, 0x2, 0x4, 0x20, 0x40, 0x60, std::uint64_t{1} << 63, std::uint64_t{1} << 59};
    word = entry.word ^ numbers_.OneOf(kChanges);
  }
  Add(mmu_op::Poke{PhysAddr(entry.slot), word});
}

void MmuProgramWriter::FlushSomething(VirtAddr at) {
  const std::uint64_t cr3 = reference_.RegisterValue(RegisterName::kCr3);
  const std::uint64_t cr4 = reference_.RegisterValue(RegisterName::kCr4);
  const arch::Pcid pcid(shape_.has_pcids ? static_cast<unsigned>(cr3 & 0xfff) : 0);
  switch (numbers_.Below(9)) {
    case 0:
    case 1:
    case 2:
      return Add(mmu_op::Invlpg{at});
    case 3:
    case 4:
      return Add(mmu_op::WriteRegister{RegisterName::kCr3, cr3});
    case 5:
      Add(mmu_op::WriteRegister{RegisterName::kCr4, cr4 ^ Bit(kCr4Pge)});
      return Add(mmu_op::WriteRegister{RegisterName::kCr4, cr4});
    case 6:
      return Add(mmu_op::Invpcid{TlbFlush{TlbFlush::Kind::kPcid, pcid, VirtAddr()}});
    case 7:
      return Add(mmu_op::Invpcid{TlbFlush{TlbFlush::Kind::kAllButGlobal, pcid, VirtAddr()}});
    default:
      return Add(mmu_op::Invpcid{TlbFlush{TlbFlush::Kind::kPageOfPcid, pcid, at}});
  }
}

// Flushes until it is enough.
void MmuProgramWriter::MakeCertain(VirtAddr at) {
  if (!reference_.IsCertain(at)) {
    FlushSomething(at);
  }
  if (!reference_.IsCertain(at)) {
    Add(mmu_op::Invpcid{TlbFlush{TlbFlush::Kind::kAll, arch::Pcid(), VirtAddr()}});
  }
}

void MmuProgramWriter::LookAtSomeEntry(mmu_op::Access& access) {
  const Way way = reference_.WayNow(access.at);
  const std::uint64_t which = numbers_.OneIn(2) ? way.count - 1 : numbers_.Below(way.count);
  access.entry = PhysAddr(way.entries[which].slot);
}

void MmuProgramWriter::AddAccess() {
  mmu_op::Access access = AnyAccess(numbers_, AnyPage());
  if (numbers_.OneIn(40) && !IsImplicit(access.instruction)) {
    access.at = world_.AnyNonCanonical();
    return Add(access);
  }
  if (shape_.flushes == FlushDiscipline::kCoherent) {
    MakeCertain(access.at);
  } else if (!reference_.IsCertain(access.at)) {
    access.is_coherent = false;
    if (ChangesMemory(access.instruction)) {
      access.instruction = Instruction::kAdd;
      access.value = 0;
      access.at = VirtAddr(access.at.value() & ~std::uint64_t{7});
    }
  }
  const bool has_smap = (reference_.RegisterValue(RegisterName::kCr4) & Bit(kCr4Smap)) != 0;
  if (shape_.known_errors == KnownErrors::kAvoided && has_smap &&
      reference_.MayBeUserPage(access.at)) {
    program_.avoided += AvoidKnownError(access);
  }
  LookAtSomeEntry(access);
  Add(access);
}

void MmuProgramWriter::Write(std::uint64_t accesses) {
  constexpr std::array<RegisterName, 6> kRegisters{RegisterName::kCr0,  RegisterName::kCr3,
                                                   RegisterName::kCr4,  RegisterName::kEfer,
                                                   RegisterName::kPkru, RegisterName::kPkrs};
  for (std::uint64_t written = 0; written < accesses && !numbers_.IsEmpty();) {
    if (written % kAccessesOfEpisode == 0) {
      BeginEpisode();
    }
    if (numbers_.OneIn(8)) {
      WriteRegister(numbers_.OneOf(kRegisters));
    }
    if (numbers_.OneIn(6)) {
      ChangeTables();
    }
    if (shape_.flushes == FlushDiscipline::kRandom && numbers_.OneIn(12)) {
      FlushSomething(AnyPage());
    }
    AddAccess();
    ++written;
  }
}

}  // namespace pageward::testing_support
