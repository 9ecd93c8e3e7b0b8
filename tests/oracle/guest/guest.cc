// The guest: sets the processor up and performs one command after another until kEnd.
//
// It has no variables: everything it writes is in the runtime area, which the host places. Source:
// Intel SDM, volume 3A, chapters 3, 6 and 7 (descriptors, gates, task state).
#include <cstdint>

#include "tests/oracle/guest/protocol.h"
#include "tests/support/ptable/instruction.h"

// 16 bytes of code.
struct GuestHandler {
  char code[16];
};

extern "C" {
// boot.S and access.S
[[gnu::visibility("hidden")]] extern const pageward::oracle::RomParameters g_parameters;
[[gnu::visibility("hidden")]] extern const GuestHandler g_handlers[];
void PerformAccess(pageward::oracle::Record* record, std::uint64_t rip, std::uint64_t flags,
                   std::uint64_t cs, std::uint64_t ss);
// Called by boot.S, with the address of the runtime area in the direct map.
void GuestMain(void* runtime_area);
}

namespace pageward::oracle {
namespace {

using testing_support::Instruction;
using testing_support::IsImplicit;

// 16 bytes that a 64-bit processor reads as one.
struct WideDescriptor {
  std::uint64_t low;
  std::uint64_t high;
};

struct [[gnu::packed]] TablePointer {
  std::uint16_t limit;
  std::uint64_t base;
};

struct [[gnu::packed]] TaskState {
  std::uint32_t unused;
  std::uint64_t stacks[3];
  std::uint64_t unused2;
  std::uint64_t interrupt_stacks[7];
  std::uint64_t unused3;
  std::uint16_t unused4;
  std::uint16_t io_map;
};
static_assert(sizeof(TaskState) == 104);

// The first pages of the runtime area; the stacks are behind. GS leads here.
struct State {
  std::uint64_t rsp;     // Where PerformAccess() comes back to.
  std::uint64_t record;  // Whose access is going on, or 0.
  std::uint64_t gdt[9];
  TaskState task;
  WideDescriptor idt[PW_GUEST_VECTOR_DONE + 1];
};
static_assert(offsetof(State, rsp) == PW_GUEST_STATE_RSP);
static_assert(offsetof(State, record) == PW_GUEST_STATE_RECORD);
static_assert(sizeof(State) <= 0x1000);

constexpr std::uint32_t kMsrEfer = 0xc000'0080;
constexpr std::uint32_t kMsrGsBase = 0xc000'0101;
constexpr std::uint32_t kMsrPkrs = 0x6e1;
constexpr std::uint64_t kCr4UserKeys = std::uint64_t{1} << 22;

void WriteMsr(std::uint32_t which, std::uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(which), "a"(static_cast<std::uint32_t>(value)),
                 "d"(static_cast<std::uint32_t>(value >> 32))
               : "memory");
}

std::uint64_t ReadCr4() {
  std::uint64_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

void WriteCr4(std::uint64_t value) {
  asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

// WRPKRU is an invalid instruction while CR4.PKE is clear, but the register keeps its value.
void WritePkru(std::uint32_t rights) {
  const std::uint64_t cr4 = ReadCr4();
  WriteCr4(cr4 | kCr4UserKeys);
  asm volatile("wrpkru" : : "a"(rights), "c"(0), "d"(0) : "memory");
  WriteCr4(cr4);
}

void WriteRegister(GuestRegister which, std::uint64_t value) {
  switch (which) {
    case GuestRegister::kCr0:
      asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
      break;
    case GuestRegister::kCr3:
      asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
      break;
    case GuestRegister::kCr4:
      WriteCr4(value);
      break;
    case GuestRegister::kEfer:
      WriteMsr(kMsrEfer, value);
      break;
    case GuestRegister::kPkru:
      WritePkru(static_cast<std::uint32_t>(value));
      break;
    case GuestRegister::kPkrs:
      WriteMsr(kMsrPkrs, value);
      break;
  }
}

// A system segment of 64-bit mode (SDM 3A 3.5.2, 7.2.3). `type`: 2 is an LDT, 9 a task state.
WideDescriptor SystemSegment(std::uint64_t base, std::uint64_t limit, std::uint64_t type) {
  const std::uint64_t present = std::uint64_t{1} << 47;
  return WideDescriptor{
      limit | (base & 0xff'ffff) << 16 | type << 40 | present | (base >> 24 & 0xff) << 56,
      base >> 32};
}

void SetUp(State& state) {
  const auto base = reinterpret_cast<std::uint64_t>(&state);
  WriteMsr(kMsrGsBase, base);
  state.gdt[PW_GUEST_SELECTOR_CODE / 8] = 0x00af'9b00'0000'ffff;
  state.gdt[PW_GUEST_SELECTOR_DATA / 8] = 0x00cf'9300'0000'ffff;
  state.gdt[PW_GUEST_SELECTOR_USER_DATA / 8] = 0x00cf'f300'0000'ffff;
  state.gdt[PW_GUEST_SELECTOR_USER_CODE / 8] = 0x00af'fb00'0000'ffff;
  const auto task = SystemSegment(reinterpret_cast<std::uint64_t>(&state.task), 103, 9);
  state.gdt[PW_GUEST_SELECTOR_TSS / 8] = task.low;
  state.gdt[PW_GUEST_SELECTOR_TSS / 8 + 1] = task.high;
  state.task.interrupt_stacks[0] = base + PW_GUEST_STATE_FAULT_STACK_TOP;
  state.task.io_map = sizeof(TaskState);
  for (unsigned vector = 0; vector <= PW_GUEST_VECTOR_DONE; ++vector) {
    // A gate for interrupts, on stack 1; users may call only the one that ends an access.
    const auto handler = reinterpret_cast<std::uint64_t>(&g_handlers[vector]);
    const std::uint64_t flags = vector == PW_GUEST_VECTOR_DONE ? 0xee01 : 0x8e01;
    state.idt[vector].low = (handler & 0xffff) | PW_GUEST_SELECTOR_CODE << 16 | flags << 32 |
                            (handler >> 16 & 0xffff) << 48;
    state.idt[vector].high = handler >> 32;
  }
  const TablePointer gdt{sizeof(state.gdt) - 1, reinterpret_cast<std::uint64_t>(state.gdt)};
  const TablePointer idt{sizeof(state.idt) - 1, reinterpret_cast<std::uint64_t>(state.idt)};
  asm volatile("lgdt %0" : : "m"(gdt));
  asm volatile("lidt %0" : : "m"(idt));
  asm volatile("ltr %w0" : : "r"(PW_GUEST_SELECTOR_TSS));
}

// Makes the only descriptor of the LDT lie at `address`.
void PlaceDescriptorTable(State& state, std::uint64_t address) {
  const WideDescriptor table = SystemSegment(address, 7, 2);
  state.gdt[PW_GUEST_SELECTOR_LDT / 8] = table.low;
  state.gdt[PW_GUEST_SELECTOR_LDT / 8 + 1] = table.high;
  asm volatile("lldt %w0" : : "r"(PW_GUEST_SELECTOR_LDT) : "memory");
}

std::uint64_t* WordAt(std::uint64_t physical_address) {
  return reinterpret_cast<std::uint64_t*>(g_parameters.direct_map + physical_address);
}

void Access(State& state, Record& record) {
  const bool is_user = (record.mode & kModeUser) != 0;
  const auto instruction = static_cast<Instruction>(record.detail);
  if (IsImplicit(instruction)) {
    PlaceDescriptorTable(state, record.address);
  }
  const std::uint64_t code =
      g_parameters.direct_map + (is_user ? kDirectMapBytes : kRomBase + kRomAccesses);
  const std::uint64_t rip =
      instruction == Instruction::kFetch ? record.address : code + record.detail * kAccessCodeBytes;
  const std::uint64_t flags = (record.mode & kModeAc) != 0 ? 0x4'0002 : 0x2;
  if (is_user) {
    PerformAccess(&record, rip, flags, PW_GUEST_SELECTOR_USER_CODE, PW_GUEST_SELECTOR_USER_DATA);
  } else {
    PerformAccess(&record, rip, flags, PW_GUEST_SELECTOR_CODE, PW_GUEST_SELECTOR_DATA);
  }
  if (record.entry_address != 0) {
    record.entry = __atomic_load_n(WordAt(record.entry_address), __ATOMIC_SEQ_CST);
  }
}

void Poke(Record& record) {
  record.result = __atomic_exchange_n(WordAt(record.address), record.operand, __ATOMIC_SEQ_CST);
}

void Perform(State& state, Record& record) {
  switch (record.command) {
    case Command::kAccess:
      Access(state, record);
      break;
    case Command::kPoke:
      Poke(record);
      break;
    case Command::kInvlpg:
      asm volatile("invlpg (%0)" : : "r"(record.address) : "memory");
      break;
    case Command::kWriteRegister:
      WriteRegister(static_cast<GuestRegister>(record.detail), record.operand);
      break;
    case Command::kEnd:
      break;
  }
}

void PerformAll(void* runtime_area) {
  State& state = *static_cast<State*>(runtime_area);
  SetUp(state);
  auto* record = reinterpret_cast<Record*>(static_cast<char*>(runtime_area) + kRecords);
  for (; record->command != Command::kEnd; ++record) {
    Perform(state, *record);
  }
}

}  // namespace
}  // namespace pageward::oracle

void GuestMain(void* runtime_area) {
  pageward::oracle::PerformAll(runtime_area);
}
