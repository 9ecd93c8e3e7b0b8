#include "tests/oracle/qemu_machine.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <sstream>
#include <vector>

#include "runtime/arch/x86_paging.h"
#include "tests/oracle/guest/protocol.h"
#include "tests/oracle/guest_ram.h"
#include "tests/oracle/qemu_process.h"

namespace pageward::oracle {
namespace {

using arch::PagingEntry;
using testing_support::Instruction;
using testing_support::MmuOperation;
using testing_support::MmuProgram;
using testing_support::Observation;
using testing_support::RegisterName;
namespace mmu_op = testing_support::mmu_op;

// Bits of registers that the guest can't do without.
constexpr std::uint64_t kCr0Base = 0x8000'0033;  // PG, NE, ET, MP, PE
constexpr std::uint64_t kCr4Base = 0x20;         // PAE
constexpr std::uint64_t kEferBase = 0x500;       // LMA, LME

constexpr unsigned kVectorInvalid = 6;
constexpr unsigned kVectorProtection = 13;
constexpr unsigned kVectorPage = 14;

// The commands that a program becomes: none, one or more for each operation.
class CommandWriter {
 public:
  CommandWriter(const MmuProgram& program, MissingFlushes missing_flushes)
      : missing_flushes_(missing_flushes) {
    for (const MmuOperation& operation : program.operations) {
      first_.push_back(records_.size());
      std::visit(*this, operation);
    }
    records_.emplace_back();
  }

  std::vector<Record>& records() { return records_; }
  /// Which record an operation's outcome is in.
  std::size_t IndexOf(std::size_t operation) const { return first_[operation]; }

  void operator()(const mmu_op::BeginEpisode&) { ReloadCr3(); }
  void operator()(const mmu_op::WriteRegister& write) {
    Record record;
    record.command = Command::kWriteRegister;
    record.detail = static_cast<std::uint8_t>(write.which);
    record.operand = write.value;
    switch (write.which) {
      case RegisterName::kCr0:
        record.operand |= kCr0Base;
        break;
      case RegisterName::kCr3:
        root_ = write.value & arch::Cr3::TableFrame::kMask;
        return ReloadCr3();
      case RegisterName::kCr4:
        record.operand = (write.value & ~arch::Cr4::ContextIds::kMask) | kCr4Base;
        records_.push_back(record);
        if (missing_flushes_ == MissingFlushes::kAdded) {
          ReloadCr3();
        }
        return;
      case RegisterName::kEfer:
        record.operand |= kEferBase;
        break;
      case RegisterName::kPkru:
      case RegisterName::kPkrs:
        break;
    }
    records_.push_back(record);
  }
  void operator()(const mmu_op::Poke& poke) {
    Record record;
    record.command = Command::kPoke;
    record.address = poke.at.value();
    record.operand = poke.word;
    records_.push_back(record);
  }
  void operator()(const mmu_op::Invlpg& invlpg) {
    Record record;
    record.command = Command::kInvlpg;
    record.address = invlpg.at.value();
    records_.push_back(record);
  }
  void operator()(const mmu_op::Invpcid&) { ReloadCr3(); }
  void operator()(const mmu_op::Access& access) {
    Record record;
    record.command = Command::kAccess;
    record.detail = static_cast<std::uint8_t>(access.instruction);
    record.mode = static_cast<std::uint8_t>((access.is_user ? kModeUser : 0) |
                                            (access.is_ac_set ? kModeAc : 0));
    record.vector = kVectorNotRun;
    record.address = access.at.value();
    record.operand = access.value;
    record.entry_address = access.entry.value();
    records_.push_back(record);
  }

 private:
  // Drops all that QEMU has cached, global or not.
  void ReloadCr3() {
    Record record;
    record.command = Command::kWriteRegister;
    record.detail = static_cast<std::uint8_t>(RegisterName::kCr3);
    record.operand = root_;
    records_.push_back(record);
  }

  std::vector<Record> records_;
  std::vector<std::size_t> first_;
  std::uint64_t root_ = 0;
  const MissingFlushes missing_flushes_;
};
static_assert(static_cast<unsigned>(GuestRegister::kPkrs) ==
              static_cast<unsigned>(RegisterName::kPkrs));

struct AsObservation {
  const Record& record;

  template <typename Operation>
  Observation operator()(const Operation&) const {
    return {};
  }
  Observation operator()(const mmu_op::Poke&) const {
    Observation observation;
    observation.value = record.result;
    return observation;
  }
  Observation operator()(const mmu_op::Access& access) const {
    Observation observation;
    observation.entry = record.entry;
    const bool is_fetch = access.instruction == Instruction::kFetch;
    if (record.vector == kVectorPage && (!is_fetch || record.rip == access.at.value())) {
      observation.end = Observation::End::kPageFault;
      observation.code = record.error;
      observation.fault_address = VirtAddr(record.cr2);
    } else if (record.vector == kVectorProtection && record.error == 0) {
      observation.end = Observation::End::kGeneralProtection;
    } else if (is_fetch ? record.vector == kVectorInvalid &&
                              record.rip == access.at.value() + testing_support::kInvalidAt
                        : record.vector == PW_GUEST_VECTOR_DONE) {
      const bool is_loaded = access.instruction != Instruction::kStore8 &&
                             access.instruction != Instruction::kStore1 &&
                             access.instruction != Instruction::kSegment;
      observation.value = is_loaded ? record.result : 0;
    } else {
      observation.end = Observation::End::kOther;
      observation.code = record.vector;
    }
    return observation;
  }
};

// The entry of a top table that leads to the guest's direct map.
std::uint64_t GuestEntry(unsigned levels) {
  const std::uint64_t table = kRomBase + (levels == 5 ? kRomTop4 : kRomDirectMap);
  return table | PagingEntry::Present::kMask | PagingEntry::Writable::kMask |
         PagingEntry::User::kMask | PagingEntry::Accessed::kMask;
}

class Rom {
 public:
  explicit Rom(std::vector<char> bytes) : bytes_(std::move(bytes)) {}

  template <typename T>
  void Put(std::uint64_t offset, const T& value) {
    const auto from = std::as_bytes(std::span(&value, 1));
    std::copy(
        from.begin(), from.end(),
        std::as_writable_bytes(std::span(bytes_)).begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void PutEntry(std::uint64_t table, unsigned index, std::uint64_t word) {
    Put(table + index * sizeof(word), word);
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::vector<char> bytes_;
};

// Completes the ROM: parameters, and page tables that lead to all of memory. A and D are set in all
// of them, since a ROM can't be written.
void FillRom(Rom& rom, const MmuProgram& program, PhysAddr guest_area) {
  rom.Put(kRomParameters,
          RomParameters{guest_area.value(), program.levels, DirectMapOf(program.levels)});
  const std::uint64_t table = PagingEntry::Present::kMask | PagingEntry::Writable::kMask |
                              PagingEntry::User::kMask | PagingEntry::Accessed::kMask;
  // Address 0 leads to memory as well, for the moment between paging and the direct map.
  for (const unsigned slot : {0u, kGuestSlot}) {
    rom.PutEntry(kRomTop5, slot, (kRomBase + kRomTop4) | table);
    rom.PutEntry(kRomTop4, slot, (kRomBase + kRomDirectMap) | table);
  }
  const std::uint64_t leaf = PagingEntry::Present::kMask | PagingEntry::Writable::kMask |
                             PagingEntry::Accessed::kMask | PagingEntry::Dirty::kMask |
                             PagingEntry::LargePage::kMask |
                             PagingEntry::Key::Encode(program.open_key);
  const auto gibs = static_cast<unsigned>(kDirectMapBytes >> 30);
  for (unsigned gib = 0; gib < gibs; ++gib) {
    rom.PutEntry(kRomDirectMap, gib, (std::uint64_t{gib} << 30) | leaf);
  }
  rom.PutEntry(kRomDirectMap, gibs, (kRomBase + kRomUserDirectory) | table);
  rom.PutEntry(kRomUserDirectory, 0, (kRomBase + kRomUserTable) | table);
  rom.PutEntry(kRomUserTable, 0,
               (kRomBase + kRomAccesses) | PagingEntry::Present::kMask | PagingEntry::User::kMask |
                   PagingEntry::Accessed::kMask | PagingEntry::Dirty::kMask);
}

std::vector<char> ReadRom() {
  std::ifstream in(PAGEWARD_ORACLE_ROM, std::ios::binary);
  return std::vector<char>{std::istreambuf_iterator<char>(in), {}};
}

PhysAddr GuestSlotOf(std::uint64_t root) {
  return PhysAddr(root + std::uint64_t{kGuestSlot} * 8);
}

// The top tables that a program has the processor use.
std::set<std::uint64_t> RootsOf(const MmuProgram& program) {
  std::set<std::uint64_t> roots;
  for (const MmuOperation& operation : program.operations) {
    const auto* write = std::get_if<mmu_op::WriteRegister>(&operation);
    if (write != nullptr && write->which == RegisterName::kCr3) {
      roots.insert(write->value & arch::Cr3::TableFrame::kMask);
    }
  }
  return roots;
}

}  // namespace

std::optional<std::string> WhyNotOnQemu(const MmuProgram& program) {
  if (auto why = GuestRam::WhyUnfit(program.ram, program.phys_bits)) {
    return why;
  }
  for (const std::uint64_t root : RootsOf(program)) {
    if (program.ram.Load(GuestSlotOf(root)) != 0) {
      std::ostringstream out;
      out << "entry " << kGuestSlot << " of the top table at 0x" << std::hex << root
          << " is not free for the oracle";
      return out.str();
    }
  }
  return std::nullopt;
}

QemuRun RunOnQemu(const MmuProgram& program, MissingFlushes missing_flushes) {
  QemuRun result;
  if (const auto why = WhyNotOnQemu(program)) {
    result.error = *why;
    return result;
  }
  Rom rom(ReadRom());
  if (rom.bytes().size() != kRomBytes) {
    result.error = "the guest's ROM is missing: " PAGEWARD_ORACLE_ROM;
    return result;
  }
  const std::set<std::uint64_t> roots = RootsOf(program);
  testing_support::SparseRam ram = program.ram;
  for (const std::uint64_t root : roots) {
    ram.Store(GuestSlotOf(root), GuestEntry(program.levels));
  }
  CommandWriter commands(program, missing_flushes);
  const std::span<Record> records(commands.records());
  GuestRam guest(ram, program.ram_bytes, kRecords + records.size_bytes());
  guest.WriteGuestArea(kRecords, std::as_bytes(records));
  FillRom(rom, program, guest.guest_area());
  MemoryFile rom_file(kRomBytes);
  rom_file.Write(0, rom.bytes());
  if (const auto error = RunQemu(QemuJob{guest.file(), rom_file, program.phys_bits})) {
    result.error = *error;
    return result;
  }
  guest.ReadGuestArea(kRecords, std::as_writable_bytes(records));
  for (std::size_t i = 0; i < program.operations.size(); ++i) {
    const Record& record = records[commands.IndexOf(i)];
    result.run.observations.push_back(std::visit(AsObservation{record}, program.operations[i]));
  }
  result.run.ram = guest.Read();
  for (const std::uint64_t root : roots) {
    result.run.ram.Store(GuestSlotOf(root), 0);
  }
  return result;
}

}  // namespace pageward::oracle
