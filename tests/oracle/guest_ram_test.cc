// Where RAM is in the file that QEMU gets, and what does not fit. Needs no QEMU.
#include "tests/oracle/guest_ram.h"

#include <gtest/gtest.h>

#include <array>

namespace pageward::oracle {
namespace {

using testing_support::SparseRam;

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

TEST(GuestRamTest, RamHasAHoleBetween3And4Gib) {
  EXPECT_EQ(OffsetOf(PhysAddr(3 * kGib - 1)), 3 * kGib - 1);
  EXPECT_EQ(OffsetOf(PhysAddr(4 * kGib)), 3 * kGib);
  EXPECT_EQ(AddressOf(3 * kGib), PhysAddr(4 * kGib));
  EXPECT_FALSE(HasRamAt(PhysAddr(3 * kGib)));
  EXPECT_FALSE(HasRamAt(PhysAddr(4 * kGib - 1)));
  EXPECT_TRUE(HasRamAt(PhysAddr(4 * kGib)));
}

TEST(GuestRamTest, WhatIsWrittenIsReadBackAndNothingElse) {
  SparseRam ram;
  ram.Store(PhysAddr(0x5008), 1);
  ram.Store(PhysAddr(5 * kGib + 8), 2);
  const GuestRam guest(ram, 0, kFrameBytes);
  EXPECT_EQ(guest.Read().frames(), ram.frames());
}

TEST(GuestRamTest, TheGuestsAreaIsBehindAllRam) {
  SparseRam ram;
  ram.Store(PhysAddr(0x5008), 1);
  EXPECT_GE(GuestRam(ram, 0, kFrameBytes).guest_area(), PhysAddr(0x6000));
  EXPECT_GE(GuestRam(ram, kGib, kFrameBytes).guest_area(), PhysAddr(kGib));
  ram.Store(PhysAddr(5 * kGib), 1);
  EXPECT_GE(GuestRam(ram, 0, kFrameBytes).guest_area(), PhysAddr(5 * kGib + kFrameBytes));
}

TEST(GuestRamTest, TheGuestsAreaIsInOnePiece) {
  SparseRam ram;
  ram.Store(PhysAddr(3 * kGib - 8 * kPageblockBytes), 1);
  EXPECT_LT(GuestRam(ram, 0, kPageblockBytes).guest_area(), PhysAddr(3 * kGib));
  EXPECT_EQ(GuestRam(ram, 0, 10 * kPageblockBytes).guest_area(), PhysAddr(4 * kGib));
}

TEST(GuestRamTest, TheGuestsAreaIsNotReadAsRam) {
  SparseRam ram;
  ram.Store(PhysAddr(0x5008), 1);
  GuestRam guest(ram, 0, kFrameBytes);
  const std::array<std::byte, 8> bytes{std::byte{7}};
  guest.WriteGuestArea(16, bytes);
  std::array<std::byte, 8> read{};
  guest.ReadGuestArea(16, read);
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(guest.Read().frames(), ram.frames());
}

TEST(GuestRamTest, FramesWithoutRamDoNotFit) {
  const auto fits = [](std::uint64_t at, unsigned phys_bits) {
    SparseRam ram;
    ram.Store(PhysAddr(at), 1);
    return !GuestRam::WhyUnfit(ram, phys_bits).has_value();
  };
  EXPECT_TRUE(fits(0xe'f000, 40));
  EXPECT_FALSE(fits(0xf'0000, 40)) << "the copy of the ROM";
  EXPECT_FALSE(fits(0xf'f000, 40));
  EXPECT_TRUE(fits(0x10'0000, 40));
  EXPECT_FALSE(fits(3 * kGib, 40)) << "the hole";
  EXPECT_TRUE(fits(4 * kGib, 40));
  EXPECT_FALSE(fits(4 * kGib, 32)) << "beyond MAXPHYADDR";
  EXPECT_FALSE(fits(std::uint64_t{1} << 39, 40)) << "more than the guest maps";
}

}  // namespace
}  // namespace pageward::oracle
