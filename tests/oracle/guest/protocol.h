// What host and guest of the oracle agree on: the commands, and where everything lies.
//
// The guest is the only program on the emulated machine. Its code, constants and page tables are a
// ROM of 64 KiB below 4 GiB, which the host completes before each run; what it writes lies in the
// runtime area, RAM of its own behind that of the program under test. It reaches all of physical
// memory through a direct map, which hangs on one entry of whichever top table is loaded.
#pragma once

// Shared with the assembler.
#define PW_GUEST_PARAMETER_LEVELS 8
#define PW_GUEST_PARAMETER_DIRECT_MAP 16
#define PW_GUEST_STATE_RSP 0
#define PW_GUEST_STATE_RECORD 8
#define PW_GUEST_STATE_STACK_TOP 0x4000
#define PW_GUEST_STATE_FAULT_STACK_TOP 0x5000
#define PW_GUEST_RECORD_VECTOR 3
#define PW_GUEST_RECORD_ERROR 4
#define PW_GUEST_RECORD_ADDRESS 8
#define PW_GUEST_RECORD_OPERAND 16
#define PW_GUEST_RECORD_RESULT 24
#define PW_GUEST_RECORD_CR2 32
#define PW_GUEST_RECORD_RIP 40
#define PW_GUEST_SELECTOR_CODE 0x08
#define PW_GUEST_SELECTOR_DATA 0x10
#define PW_GUEST_SELECTOR_USER_DATA 0x1b
#define PW_GUEST_SELECTOR_USER_CODE 0x23
#define PW_GUEST_SELECTOR_TSS 0x28
#define PW_GUEST_SELECTOR_LDT 0x38
#define PW_GUEST_SELECTOR_IN_LDT 0x07
#define PW_GUEST_VECTOR_DONE 0x20
#define PW_GUEST_EXIT_PORT 0xf4
#define PW_GUEST_EXIT_DONE 0x10
#define PW_GUEST_EXIT_FAULT 0x40

#ifndef __ASSEMBLER__

#include <cstddef>
#include <cstdint>

namespace pageward::oracle {

// --- Places ------------------------------------------------------------------------------------

/// The entry of the top table that the guest needs for itself, and of the table below if there are
/// five levels.
inline constexpr unsigned kGuestSlot = 510;

/// Where the guest finds physical address 0, in every address space.
constexpr std::uint64_t DirectMapOf(unsigned levels) {
  const std::uint64_t four = 0xffff'0000'0000'0000 | std::uint64_t{kGuestSlot} << 39;
  return levels == 5 ? four - (std::uint64_t{1} << 48) : four;
}

inline constexpr std::uint64_t kRomBytes = 0x1'0000;
inline constexpr std::uint64_t kRomBase = 0x1'0000'0000 - kRomBytes;
/// Offsets in the ROM: pages that the host fills in, and the instructions for accesses.
inline constexpr std::uint64_t kRomParameters = 0x0000;
inline constexpr std::uint64_t kRomTop5 = 0x1000;
inline constexpr std::uint64_t kRomTop4 = 0x2000;
inline constexpr std::uint64_t kRomDirectMap = 0x3000;
inline constexpr std::uint64_t kRomUserDirectory = 0x4000;
inline constexpr std::uint64_t kRomUserTable = 0x5000;
inline constexpr std::uint64_t kRomAccesses = 0x6000;

/// The direct map ends where the last GiB of its table would be: there, code for users is mapped.
inline constexpr std::uint64_t kDirectMapBytes = std::uint64_t{511} << 30;
/// Each instruction that makes an access has so many bytes of code.
inline constexpr std::uint64_t kAccessCodeBytes = 16;

/// What the host tells the guest at the start of the ROM.
struct RomParameters {
  std::uint64_t runtime_area = 0;  ///< Physical address.
  std::uint64_t levels = 4;
  std::uint64_t direct_map = DirectMapOf(4);
};
static_assert(offsetof(RomParameters, levels) == PW_GUEST_PARAMETER_LEVELS);
static_assert(offsetof(RomParameters, direct_map) == PW_GUEST_PARAMETER_DIRECT_MAP);

/// The runtime area: this, and from kRecords on the records.
inline constexpr std::uint64_t kRecords = 0x8000;

// --- Commands ----------------------------------------------------------------------------------

enum class Command : std::uint8_t { kEnd, kAccess, kPoke, kInvlpg, kWriteRegister };

/// The registers that a command can write. CR4.LA57 stays as it is.
enum class GuestRegister : std::uint8_t { kCr0, kCr3, kCr4, kEfer, kPkru, kPkrs };

/// Bits of Record::mode.
inline constexpr std::uint8_t kModeUser = 1;
inline constexpr std::uint8_t kModeAc = 2;

/// A command, and, filled in by the guest, what came of it.
struct Record {
  Command command = Command::kEnd;
  std::uint8_t detail = 0;          ///< Which instruction, or which register.
  std::uint8_t mode = 0;            ///< Of an access.
  std::uint8_t vector = 0;          ///< Out: the exception that ended the access.
  std::uint32_t error = 0;          ///< Out: its error code.
  std::uint64_t address = 0;        ///< Virtual, or for kPoke physical.
  std::uint64_t operand = 0;        ///< What is stored, or written to the register.
  std::uint64_t result = 0;         ///< Out: RAX after an access; what kPoke replaced.
  std::uint64_t cr2 = 0;            ///< Out.
  std::uint64_t rip = 0;            ///< Out: where the exception happened.
  std::uint64_t entry_address = 0;  ///< Physical: a word to be looked at after an access; 0: none.
  std::uint64_t entry = 0;          ///< Out: that word.
};
static_assert(sizeof(Record) == 64);
static_assert(offsetof(Record, vector) == PW_GUEST_RECORD_VECTOR);
static_assert(offsetof(Record, error) == PW_GUEST_RECORD_ERROR);
static_assert(offsetof(Record, address) == PW_GUEST_RECORD_ADDRESS);
static_assert(offsetof(Record, operand) == PW_GUEST_RECORD_OPERAND);
static_assert(offsetof(Record, result) == PW_GUEST_RECORD_RESULT);
static_assert(offsetof(Record, cr2) == PW_GUEST_RECORD_CR2);
static_assert(offsetof(Record, rip) == PW_GUEST_RECORD_RIP);

/// What Record::vector holds of a vector that no access should end in: the guest's own mistake.
inline constexpr std::uint8_t kVectorNotRun = 0xff;

}  // namespace pageward::oracle

#endif
