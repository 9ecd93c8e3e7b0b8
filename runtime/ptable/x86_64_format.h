// The page tables of x86-64, four levels or five.
//
// The largest leaves are those of level 2, 1 GiB (SDM 3A 4.5.4): every processor with protection
// keys has them. What the model decides beyond the manual:
//   * An entry that leads to a table permits everything below, and in the upper half of the address
//     space everything but user access. So leaves alone decide, and a leaf for users in the upper
//     half can't be made. Its accessed bit is set from the start, as Linux does.
//   * A leaf that is not readable has P clear and keeps all other bits; bit 9, which the processor
//     leaves to software, is set in it so that it is never all zero.
#pragma once

#include <cstdint>

#include "runtime/arch/x86_paging.h"
#include "runtime/ptable/format.h"

namespace pageward::ptable {

/// Whether bit 63 of an entry means "no execute" (EFER.NXE) or is reserved.
enum class NoExecuteBit : std::uint8_t { kReserved, kDefined };

/// Returns which bits of a present entry make every access through it a fault (4.5, 4.7).
///
/// Requires: `is_leaf` if level is 0; not `is_leaf` if it is 3 or 4.
constexpr std::uint64_t ReservedBits(unsigned level, EntryKind kind, arch::PhysBits phys_bits,
                                     NoExecuteBit no_execute) {
  using Bits = arch::PagingEntry;
  // Bits 51:MAXPHYADDR of an address.
  std::uint64_t reserved = Bits::Frame::kMask & ~((std::uint64_t{1} << phys_bits.value()) - 1);
  if (kind == EntryKind::kLeaf && level > 0) {
    // A large frame is aligned: bits 20:13 or 29:13 are reserved, bit 12 is PAT.
    reserved |= ((std::uint64_t{1} << (kTableBytesLog2 + 9 * level)) - 1) & Bits::Frame::kMask &
                ~Bits::LargePat::kMask;
  }
  if (kind == EntryKind::kTable && level > 2) {
    reserved |= Bits::LargePage::kMask;
  }
  if (no_execute == NoExecuteBit::kReserved) {
    reserved |= Bits::NoExecute::kMask;
  }
  return reserved;
}

/// A format of page tables.
template <unsigned kLevelCount>
class X86_64Format {
  static_assert(kLevelCount == 4 || kLevelCount == 5);
  using Bits = arch::PagingEntry;

 public:
  static constexpr unsigned kLevels = kLevelCount;
  static constexpr bool kSignExtends = true;
  static constexpr unsigned kLargestLeafLevel = 2;

  constexpr X86_64Format() = default;
  explicit constexpr X86_64Format(arch::PhysBits phys_bits) : phys_bits_(phys_bits) {}

  constexpr arch::PhysBits phys_bits() const { return phys_bits_; }

  static constexpr unsigned IndexBits(unsigned) { return arch::kTableEntriesLog2; }
  static constexpr bool HasLeaves(unsigned level) { return level <= kLargestLeafLevel; }

  constexpr Entry Decode(unsigned level, std::uint64_t word) const {
    if (word == 0) {
      return Entry::Absent();
    }
    const bool is_leaf = level == 0 || (level <= kLargestLeafLevel && Bits::LargePage::Get(word));
    if (Bits::Present::Get(word) && !is_leaf) {
      return Entry::Table(word, PhysAddr(word & Bits::Frame::kMask));
    }
    const Permissions permissions{Bits::Present::Get(word), Bits::Writable::Get(word),
                                  !Bits::NoExecute::Get(word), Bits::User::Get(word),
                                  arch::Pkey(Bits::Key::Get(word))};
    return Entry::Leaf(word, PhysAddr(AlignDown(word & Bits::Frame::kMask, Bytes(level))),
                       LeafAttributes{permissions, Bits::Global::Get(word),
                                      Bits::Accessed::Get(word), Bits::Dirty::Get(word)});
  }

  constexpr bool CanMap(unsigned level, VirtAddr at, PhysAddr frame,
                        const LeafAttributes& attributes) const {
    return phys_bits_.Contains(frame) && IsAligned(frame.value(), Bytes(level)) &&
           !(attributes.permissions.is_user && IsUpperHalf(at));
  }

  constexpr std::uint64_t TableEntry(VirtAddr at, PhysAddr table) const {
    return Bits::Present::Encode(true) | Bits::Writable::Encode(true) |
           Bits::User::Encode(!IsUpperHalf(at)) | Bits::Accessed::Encode(true) | table.value();
  }

  constexpr std::uint64_t LeafEntry(unsigned level, PhysAddr frame,
                                    const LeafAttributes& attributes) const {
    const std::uint64_t word = frame.value() | Bits::LargePage::Encode(level > 0) |
                               Bits::Global::Encode(attributes.is_global);
    return WithUsage(WithPermissions(level, word, attributes.permissions), attributes);
  }

  constexpr std::uint64_t WithPermissions(unsigned, std::uint64_t word, Permissions to) const {
    word = Kept::Set(Bits::Present::Set(word, to.is_readable), !to.is_readable);
    word = Bits::User::Set(Bits::Writable::Set(word, to.is_writable), to.is_user);
    word = Bits::NoExecute::Set(word, !to.is_executable);
    return Bits::Key::Set(word, to.key.value());
  }

  constexpr std::uint64_t WithUsage(std::uint64_t word, const LeafAttributes& attributes) const {
    word = Bits::Accessed::Set(word, attributes.is_accessed);
    return Bits::Dirty::Set(word, attributes.is_dirty);
  }

  constexpr std::uint64_t Part(unsigned level, std::uint64_t word, unsigned index) const {
    const std::uint64_t offset = std::uint64_t{index} * Bytes(level - 1);
    if (level != 1) {
      return word + offset;
    }
    // PAT is bit 12 of a large leaf, and of a small one bit 7, where a large leaf has PS.
    return Bits::Pat::Set(Bits::LargePat::Set(word, false) + offset, Bits::LargePat::Get(word));
  }

  constexpr std::uint64_t Whole(unsigned level, std::uint64_t word) const {
    if (level != 1) {
      return word;
    }
    return Bits::LargePage::Set(Bits::LargePat::Set(word, Bits::Pat::Get(word)), true);
  }

  constexpr bool IsWellFormed(unsigned level, std::uint64_t word) const {
    const EntryKind kind = Decode(level, word).kind();
    return !Bits::Present::Get(word) ||
           (word & ReservedBits(level, kind, phys_bits_, NoExecuteBit::kDefined)) == 0;
  }

 private:
  // Bit 9, the lowest of AVL: a leaf that is not readable but kept.
  using Kept = BitField<bool, 9, 1>;

  static constexpr std::uint64_t Bytes(unsigned level) {
    return kFrameBytes << (arch::kTableEntriesLog2 * level);
  }
  static constexpr bool IsUpperHalf(VirtAddr at) { return at.value() >> 63 != 0; }

  arch::PhysBits phys_bits_;
};
static_assert(PageTableFormat<X86_64Format<4>> && PageTableFormat<X86_64Format<5>>);

}  // namespace pageward::ptable
