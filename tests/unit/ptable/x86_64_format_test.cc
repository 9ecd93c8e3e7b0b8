#include "runtime/ptable/x86_64_format.h"

#include <gtest/gtest.h>

namespace pageward::ptable {
namespace {

using arch::PhysBits;

constexpr X86_64Format<4> kFormat{PhysBits(46)};
constexpr VirtAddr kLower{0x1000};
constexpr VirtAddr kUpper{0xffff'8000'0000'0000};

TEST(X8664FormatTest, EntriesHaveTheWordsThatLinuxGivesThem) {
  // _PAGE_KERNEL of a direct map: P RW A D G NX; and large, with PS.
  const LeafAttributes kernel{.permissions = {.is_writable = true},
                              .is_global = true,
                              .is_accessed = true,
                              .is_dirty = true};
  EXPECT_EQ(kFormat.LeafEntry(0, PhysAddr(0x1234'5000), kernel), 0x8000'0000'1234'5163);
  EXPECT_EQ(kFormat.LeafEntry(1, PhysAddr(0x1220'0000), kernel), 0x8000'0000'1220'01e3);
  EXPECT_EQ(kFormat.LeafEntry(2, PhysAddr(0x4000'0000), kernel), 0x8000'0000'4000'01e3);
  // A user's code page with key 5: P US.
  const LeafAttributes user{
      .permissions = {.is_executable = true, .is_user = true, .key = arch::Pkey(5)}};
  EXPECT_EQ(kFormat.LeafEntry(0, PhysAddr(0x7000), user), 0x2800'0000'0000'7005);
}

TEST(X8664FormatTest, TablesPermitEverythingButUsersInTheUpperHalf) {
  EXPECT_EQ(kFormat.TableEntry(kLower, PhysAddr(0x9000)), 0x9027u);
  EXPECT_EQ(kFormat.TableEntry(kUpper, PhysAddr(0x9000)), 0x9023u);
}

TEST(X8664FormatTest, ALeafForUsersCannotLieInTheUpperHalf) {
  const LeafAttributes user{.permissions = {.is_user = true}};
  EXPECT_TRUE(kFormat.CanMap(0, kLower, PhysAddr(0), user));
  EXPECT_FALSE(kFormat.CanMap(0, kUpper, PhysAddr(0), user));
  EXPECT_TRUE(kFormat.CanMap(0, kUpper, PhysAddr(0), LeafAttributes{}));
}

TEST(X8664FormatTest, FramesBeyondMaxphyaddrOrOffTheirAlignmentCannotBeMapped) {
  const LeafAttributes plain{};
  EXPECT_TRUE(kFormat.CanMap(0, kLower, PhysAddr((std::uint64_t{1} << 46) - 0x1000), plain));
  EXPECT_FALSE(kFormat.CanMap(0, kLower, PhysAddr(std::uint64_t{1} << 46), plain));
  EXPECT_FALSE(kFormat.CanMap(0, kLower, PhysAddr(0x1800), plain));
  EXPECT_FALSE(kFormat.CanMap(1, kLower, PhysAddr(0x1000), plain));
  EXPECT_FALSE(kFormat.CanMap(2, kLower, PhysAddr(0x20'0000), plain));
}

TEST(X8664FormatTest, ReservedBitsAreThoseOfTheManual) {
  const auto reserved = [](unsigned level, EntryKind kind) {
    return ReservedBits(level, kind, PhysBits(40), NoExecuteBit::kDefined);
  };
  constexpr std::uint64_t kBeyond = 0x000f'ff00'0000'0000;  // 51:40
  EXPECT_EQ(reserved(0, EntryKind::kLeaf), kBeyond);
  EXPECT_EQ(reserved(1, EntryKind::kLeaf), kBeyond | 0x1f'e000);    // 20:13
  EXPECT_EQ(reserved(2, EntryKind::kLeaf), kBeyond | 0x3fff'e000);  // 29:13
  EXPECT_EQ(reserved(1, EntryKind::kTable), kBeyond);
  EXPECT_EQ(reserved(2, EntryKind::kTable), kBeyond);
  EXPECT_EQ(reserved(3, EntryKind::kTable), kBeyond | 0x80);  // PS
  EXPECT_EQ(reserved(4, EntryKind::kTable), kBeyond | 0x80);
}

TEST(X8664FormatTest, MaxphyaddrAndNxeMoveTheReservedBits) {
  const auto reserved = [](unsigned bits, NoExecuteBit no_execute) {
    return ReservedBits(0, EntryKind::kLeaf, PhysBits(bits), no_execute);
  };
  EXPECT_EQ(reserved(52, NoExecuteBit::kDefined), 0u);
  EXPECT_EQ(reserved(51, NoExecuteBit::kDefined), std::uint64_t{1} << 51);
  EXPECT_EQ(reserved(52, NoExecuteBit::kReserved), std::uint64_t{1} << 63);
}

TEST(X8664FormatTest, ALeafTakenOutKeepsItsFrameAndIsNotPresent) {
  const LeafAttributes data{.permissions = {.is_writable = true, .key = arch::Pkey(9)},
                            .is_global = true,
                            .is_accessed = true,
                            .is_dirty = true};
  for (unsigned level = 0; level <= 2; ++level) {
    const std::uint64_t word = kFormat.LeafEntry(level, PhysAddr(0x4000'0000), data);
    Permissions closed = data.permissions;
    closed.is_readable = false;
    const std::uint64_t taken_out = kFormat.WithPermissions(level, word, closed);
    EXPECT_EQ(taken_out & 1, 0u) << level;
    EXPECT_EQ(kFormat.Decode(level, taken_out).frame(), PhysAddr(0x4000'0000)) << level;
    EXPECT_EQ(kFormat.WithPermissions(level, taken_out, data.permissions), word) << level;
  }
}

TEST(X8664FormatTest, ALeafTakenOutIsNeverZero) {
  const LeafAttributes nothing{.permissions = {.is_readable = false, .is_executable = true}};
  EXPECT_NE(kFormat.LeafEntry(0, PhysAddr(0), nothing), 0u);
}

TEST(X8664FormatTest, ThePatBitMovesWhenALargeLeafIsSplit) {
  constexpr std::uint64_t kLargeWithPat = 0x4000'0000 | 0x1000 | 0xe3;
  // 1 GiB to 2 MiB: bit 12 stays.
  EXPECT_EQ(kFormat.Part(2, kLargeWithPat, 3), 0x4060'10e3u);
  // 2 MiB to 4 KiB: bit 12 becomes address, and bit 7 takes over.
  EXPECT_EQ(kFormat.Part(1, kLargeWithPat, 0), 0x4000'00e3u);
  EXPECT_EQ(kFormat.Part(1, kLargeWithPat, 1), 0x4000'10e3u);
  EXPECT_EQ(kFormat.Part(1, kLargeWithPat, 511), 0x401f'f0e3u);
  EXPECT_EQ(kFormat.Part(1, kLargeWithPat & ~std::uint64_t{0x1000}, 511), 0x401f'f063u);
}

TEST(X8664FormatTest, OnlyWellFormedEntriesPass) {
  EXPECT_TRUE(kFormat.IsWellFormed(3, kFormat.TableEntry(kLower, PhysAddr(0x9000))));
  EXPECT_FALSE(kFormat.IsWellFormed(3, kFormat.TableEntry(kLower, PhysAddr(0x9000)) | 0x80));
  EXPECT_FALSE(kFormat.IsWellFormed(0, std::uint64_t{1} << 50 | 1));
  EXPECT_TRUE(kFormat.IsWellFormed(0, std::uint64_t{1} << 50)) << "not present, so not looked at";
}

}  // namespace
}  // namespace pageward::ptable
