// The instructions that programs for an MMU are made of, one for each way to access memory, and
// what they make of the memory that they reach.
#pragma once

#include <cstdint>

namespace pageward::testing_support {

/// What an access executes. The oracle's guest has code for each, in this order.
enum class Instruction : std::uint8_t {
  kLoad8,    ///< MOV from memory, 8 bytes.
  kLoad1,    ///< MOVZX from memory, 1 byte.
  kStore8,   ///< MOV to memory, 8 bytes.
  kStore1,   ///< MOV to memory, 1 byte.
  kAdd,      ///< LOCK XADD of 0, 8 bytes: a write from the start that changes nothing.
  kLimit,    ///< LSL of a descriptor at the address: the processor reads implicitly.
  kSegment,  ///< MOV to FS of it: reads, and sets the descriptor's accessed bit if it is clear.
  kFetch,    ///< A jump to the address.
};
inline constexpr unsigned kInstructionCount = 8;

/// Returns whether the processor accesses memory on its own behalf (SDM 3A 4.6.1).
constexpr bool IsImplicit(Instruction instruction) {
  return instruction == Instruction::kLimit || instruction == Instruction::kSegment;
}

/// Returns whether what the access reaches is different afterwards.
constexpr bool ChangesMemory(Instruction instruction) {
  return instruction == Instruction::kStore8 || instruction == Instruction::kStore1 ||
         instruction == Instruction::kSegment;
}

/// Returns the words that data is made of. All instructions can act on them: as code, such a word
/// loads `tag` into EAX and then is an invalid instruction (UD2) at byte 5; as a segment
/// descriptor (SDM 3A 3.4.5), it is a data segment for users.
constexpr std::uint64_t DataWord(std::uint32_t tag) {
  constexpr std::uint64_t kMoveToEax = 0xb8;
  constexpr std::uint64_t kDescriptor = 0xf2;  // Present, DPL 3, data, writable. As code: REPNE.
  constexpr std::uint64_t kInvalid = 0x0b0f;
  return kMoveToEax | std::uint64_t{tag} << 8 | kDescriptor << 40 | kInvalid << 48;
}
/// The accessed bit of a data word as a descriptor. As code, it makes the REPNE a REP.
inline constexpr std::uint64_t kDescriptorAccessed = std::uint64_t{1} << 40;
/// Where code in a data word is invalid.
inline constexpr unsigned kInvalidAt = 5;

/// Returns what a register holds after an access at byte `offset` of the data word `word`, if the
/// instruction loads one; else 0.
constexpr std::uint64_t LoadedBy(Instruction instruction, std::uint64_t word, unsigned offset) {
  switch (instruction) {
    case Instruction::kLoad8:
    case Instruction::kAdd:
      return word;
    case Instruction::kLoad1:
      return word >> (8 * offset) & 0xff;
    case Instruction::kLimit:
      return (word & 0xffff) | (word >> 32 & 0xf'0000);
    case Instruction::kFetch:
      return word >> 8 & 0xffff'ffff;
    case Instruction::kStore8:
    case Instruction::kStore1:
    case Instruction::kSegment:
      break;
  }
  return 0;
}

/// Returns what becomes of the data word `word` by an access at its byte `offset`.
constexpr std::uint64_t ChangedBy(Instruction instruction, std::uint64_t word, unsigned offset,
                                  std::uint64_t value) {
  switch (instruction) {
    case Instruction::kStore8:
      return value;
    case Instruction::kStore1: {
      const std::uint64_t byte = std::uint64_t{0xff} << (8 * offset);
      return (word & ~byte) | (value << (8 * offset) & byte);
    }
    case Instruction::kSegment:
      return word | kDescriptorAccessed;
    default:
      return word;
  }
}

}  // namespace pageward::testing_support
