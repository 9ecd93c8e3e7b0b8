#include "tests/support/ptable/mmu_world.h"

#include <array>
#include <span>

#include "tests/support/ptable/instruction.h"

namespace pageward::testing_support {
namespace {

// The entries of a table of each level that are used. Entry 510 of the top table is the oracle's.
constexpr std::array<unsigned, 4> kUsedOfPages{0, 5, 256, 511};
constexpr std::array<unsigned, 4> kUsedOfDirectories{0, 1, 256, 511};
constexpr std::array<unsigned, 3> kUsedOfLevel2{0, 3, 511};
constexpr std::array<unsigned, 5> kUsedAbove{0, 1, 255, 256, 511};

std::span<const unsigned> UsedOf(unsigned level) {
  switch (level) {
    case 0:
      return kUsedOfPages;
    case 1:
      return kUsedOfDirectories;
    case 2:
      return kUsedOfLevel2;
    default:
      return kUsedAbove;
  }
}

constexpr unsigned kTablesOfLevel[5] = {6, 4, 3, 3, 3};
constexpr unsigned kRoots = 3;

// RAM ends at 3 GiB and goes on at 4 GiB, as on QEMU's microvm.
constexpr std::array<std::uint64_t, 5> kDataGib{0, 1, 2, 4, 5};
// Every other table is above 4 GiB. No data there, and none at this place of the first GiB.
constexpr std::uint64_t kTables[2] = {0x800'0000, 0x1'0800'0000};

constexpr std::uint64_t kTargetMask = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLarge = 0x80;

std::uint64_t SpanLog2(unsigned level) {
  return 12 + 9 * level;
}

}  // namespace

MmuWorld::MmuWorld(NumberSource& numbers, unsigned levels, unsigned phys_bits)
    : numbers_(numbers), levels_(levels), phys_bits_(phys_bits) {
  std::uint64_t made = 0;
  for (unsigned level = 0; level < levels; ++level) {
    const unsigned count = level + 1 == levels ? kRoots : kTablesOfLevel[level];
    for (unsigned i = 0; i < count; ++i, ++made) {
      tables_[level].push_back(PhysAddr(kTables[made % 2] + made * kFrameBytes));
    }
  }
}

SparseRam MmuWorld::MakeRam() {
  SparseRam ram;
  for (unsigned level = 0; level < levels_; ++level) {
    for (const PhysAddr table : tables_[level]) {
      for (const unsigned index : UsedOf(level)) {
        ram.Store(table + std::uint64_t{index} * 8, AnyEntry(level));
      }
    }
  }
  std::uint32_t tag = 0;
  for (const std::uint64_t gib : kDataGib) {
    for (const unsigned directory : kUsedOfDirectories) {
      for (const unsigned page : kUsedOfPages) {
        const std::uint64_t frame = gib << 18 | std::uint64_t{directory} << 9 | page;
        for (std::uint64_t& word : ram.FrameAt(frame)) {
          word = DataWord(tag++);
        }
      }
    }
  }
  return ram;
}

VirtAddr MmuWorld::AnyPage() {
  std::uint64_t address = 0;
  for (unsigned level = 0; level < levels_; ++level) {
    address |= std::uint64_t{numbers_.OneOf(UsedOf(level))} << SpanLog2(level);
  }
  const unsigned unused = 64 - static_cast<unsigned>(SpanLog2(levels_));
  const auto shifted = static_cast<std::int64_t>(address << unused);
  return VirtAddr(static_cast<std::uint64_t>(shifted >> unused));
}

VirtAddr MmuWorld::AnyNonCanonical() {
  const std::uint64_t bits = SpanLog2(levels_);
  if (numbers_.OneIn(3)) {
    // Just outside of either half.
    const std::uint64_t half = std::uint64_t{1} << (bits - 1);
    return numbers_.OneIn(2) ? VirtAddr(half) : VirtAddr(0 - half - 8);
  }
  const std::uint64_t wrong = bits + numbers_.Below(64 - bits);
  return VirtAddr(AnyPage().value() ^ std::uint64_t{1} << wrong);
}

std::uint64_t MmuWorld::AnyTarget(unsigned level, bool is_leaf) {
  if (!is_leaf) {
    return numbers_.OneOf(tables_[level - 1]).value();
  }
  std::uint64_t target = numbers_.OneOf(kDataGib) << 30;
  target |= level < 2 ? std::uint64_t{numbers_.OneOf(kUsedOfDirectories)} << 21 : 0;
  target |= level < 1 ? std::uint64_t{numbers_.OneOf(kUsedOfPages)} << 12 : 0;
  return target;
}

// One of the bits of section 4.5 that must be 0, or none if there are none.
std::uint64_t MmuWorld::AnyReservedBit(unsigned level, bool is_leaf) {
  if (is_leaf && level > 0 && numbers_.OneIn(2)) {
    return std::uint64_t{1} << (13 + numbers_.Below(SpanLog2(level) - 13));
  }
  if (level > 2 && numbers_.OneIn(2)) {
    return kLarge;
  }
  return phys_bits_ == 52 ? 0 : std::uint64_t{1} << (phys_bits_ + numbers_.Below(52 - phys_bits_));
}

std::uint64_t MmuWorld::AnyEntry(unsigned level) {
  const bool is_leaf = level == 0 || (level <= 2 && numbers_.OneIn(3));
  std::uint64_t word = AnyTarget(level, is_leaf) & kTargetMask;
  word |= numbers_.OneIn(level == 0 ? 16 : 32) ? 0 : kPresent;
  // Rights are the sum of all levels: leaves take them away more often than what is above.
  for (const unsigned bit : {1u, 2u}) {
    word |= numbers_.OneIn(level == 0 ? 3 : 12) ? 0 : std::uint64_t{1} << bit;
  }
  word |= numbers_.OneIn(level == 0 ? 5 : 24) ? std::uint64_t{1} << 63 : 0;
  // What the processor ignores or only caching obeys, G, A and D; and PAT, which is two bits.
  for (const unsigned bit : {3u, 4u, 5u, 6u, 8u, 9u, 10u, 11u, 52u, 55u, 58u}) {
    word |= numbers_.OneIn(3) ? std::uint64_t{1} << bit : 0;
  }
  word |= numbers_.Below(16) << 59;
  if (is_leaf) {
    word |= numbers_.OneIn(3) ? std::uint64_t{1} << (level == 0 ? 7 : 12) : 0;
    word |= level > 0 ? kLarge : 0;
  }
  word |= numbers_.OneIn(48) ? AnyReservedBit(level, is_leaf) : 0;
  return word;
}

}  // namespace pageward::testing_support
