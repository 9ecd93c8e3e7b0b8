// The smallest format that keeps the laws of format.h, as documentation and as a test.
//
// It differs from x86-64 wherever the generic code must not care: every bit at another place,
// leaves at every level, a top table of four entries, no sign extension, and a readable bit apart
// from the valid one. What is wrong for this format somewhere is an assumption about x86-64.
#pragma once

#include <cstdint>

#include "runtime/core/bit_field.h"
#include "runtime/ptable/format.h"

namespace pageward::ptable {

/// Three levels, 4 GiB of addresses, 2^48 bytes of physical memory.
class ExemplarFormat {
 public:
  static constexpr unsigned kLevels = 3;
  static constexpr bool kSignExtends = false;

  static constexpr unsigned IndexBits(unsigned level) { return level == kLevels - 1 ? 2 : 9; }
  static constexpr bool HasLeaves(unsigned) { return true; }

  constexpr Entry Decode(unsigned, std::uint64_t word) const {
    if (word == 0) {
      return Entry::Absent();
    }
    const PhysAddr address(Address::Get(word) << kFrameBytesLog2);
    if (IsTable::Get(word)) {
      return Entry::Table(word, address);
    }
    const Permissions permissions{Readable::Get(word), Writable::Get(word), Executable::Get(word),
                                  User::Get(word), arch::Pkey(Key::Get(word))};
    return Entry::Leaf(
        word, address,
        LeafAttributes{permissions, Global::Get(word), Accessed::Get(word), Dirty::Get(word)});
  }

  constexpr bool CanMap(unsigned level, VirtAddr, PhysAddr frame, const LeafAttributes&) const {
    return frame.value() >> 48 == 0 && IsAligned(frame.value(), kFrameBytes << 9 * level);
  }

  constexpr std::uint64_t TableEntry(VirtAddr, PhysAddr table) const {
    return Valid::Encode(true) | IsTable::Encode(true) | AddressOf(table);
  }

  constexpr std::uint64_t LeafEntry(unsigned level, PhysAddr frame,
                                    const LeafAttributes& attributes) const {
    return WithUsage(WithPermissions(level, Valid::Encode(true) | AddressOf(frame),
                                     attributes.permissions),
                     attributes) |
           Global::Encode(attributes.is_global);
  }

  constexpr std::uint64_t WithPermissions(unsigned, std::uint64_t word, Permissions to) const {
    word = Writable::Set(Readable::Set(word, to.is_readable), to.is_writable);
    word = User::Set(Executable::Set(word, to.is_executable), to.is_user);
    return Key::Set(word, to.key.value());
  }

  constexpr std::uint64_t WithUsage(std::uint64_t word, const LeafAttributes& attributes) const {
    return Dirty::Set(Accessed::Set(word, attributes.is_accessed), attributes.is_dirty);
  }

  constexpr std::uint64_t Part(unsigned level, std::uint64_t word, unsigned index) const {
    return word + Address::Encode(std::uint64_t{index} << 9 * (level - 1));
  }

  constexpr std::uint64_t Whole(unsigned, std::uint64_t word) const { return word; }

  constexpr bool IsWellFormed(unsigned, std::uint64_t word) const {
    return word == 0 || Valid::Get(word);
  }

 private:
  using Dirty = BitField<bool, 0, 1>;
  using Accessed = BitField<bool, 1, 1>;
  using Global = BitField<bool, 2, 1>;
  using User = BitField<bool, 5, 1>;
  using Executable = BitField<bool, 6, 1>;
  using Writable = BitField<bool, 7, 1>;
  using Readable = BitField<bool, 8, 1>;
  using Address = BitField<std::uint64_t, 16, 36>;
  using Key = BitField<unsigned, 52, 4>;
  using IsTable = BitField<bool, 60, 1>;
  using Valid = BitField<bool, 61, 1>;
  static_assert(kAreDisjoint<Readable, Writable, Executable, User, Global, Accessed, Dirty, Key,
                             Address, IsTable, Valid>);

  static constexpr std::uint64_t AddressOf(PhysAddr address) {
    return Address::Encode(address.value() >> kFrameBytesLog2);
  }
};
static_assert(PageTableFormat<ExemplarFormat>);

}  // namespace pageward::ptable
