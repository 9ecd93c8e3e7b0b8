#include "runtime/sim/sim_ram.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "tests/support/sim/test_kernel.h"

namespace pageward::sim {
namespace {

constexpr FrameCount kFrames{1u << 18};  // 1 GiB

class SimRamTest : public testing::Test {
 protected:
  static std::uint64_t Bytes() {
    Carver carver;
    SimRam::Memory::CarveFrom(carver, kFrames);
    return AlignUp<std::uint64_t>(carver.taken(), kFrameBytes);
  }

  PhysAddr At(std::uint32_t frame, std::uint64_t offset = 0) const {
    return ram_.AddressOf(FrameNumber(frame)) + offset;
  }

  testing_support::LazyMemory memory_{Bytes()};
  Carver carver_{memory_.range()};
  SimRam ram_{SimRam::Memory::CarveFrom(carver_, kFrames), SimRam::kDefaultBase};
};

TEST_F(SimRamTest, ReadsAsZeroAndCostsNothing) {
  EXPECT_EQ(ram_.Load(At(5)), 0u);
  EXPECT_TRUE(ram_.IsZero(FrameNumber(kFrames.value - 1)));
  ram_.Zero(FrameNumber(77));
  EXPECT_EQ(ram_.backed_frames(), 0u);
}

TEST_F(SimRamTest, AddressesAreHighAndNumbersAreNot) {
  EXPECT_EQ(At(0), SimRam::kDefaultBase);
  EXPECT_EQ(ram_.FrameOf(At(7, 123)), FrameNumber(7));
  EXPECT_FALSE(ram_.Contains(PhysAddr(0)));
  EXPECT_FALSE(ram_.Contains(SimRam::kDefaultBase + kFrames.bytes()));
}

TEST_F(SimRamTest, AWordThatIsWrittenIsReadAndCostsItsFrame) {
  ram_.Store(At(3, 16), 0x1234);
  EXPECT_EQ(ram_.Load(At(3, 16)), 0x1234u);
  EXPECT_EQ(ram_.Load(At(3, 24)), 0u);
  EXPECT_EQ(ram_.backed_frames(), 1u);
  EXPECT_TRUE(ram_.IsTouched(FrameNumber(3)));
  EXPECT_FALSE(ram_.IsZero(FrameNumber(3)));
}

TEST_F(SimRamTest, AnExchangeReplacesOnlyWhatWasExpected) {
  EXPECT_EQ(ram_.CompareExchange(At(1), 0, 5), 0u);
  EXPECT_EQ(ram_.CompareExchange(At(1), 0, 6), 5u);
  EXPECT_EQ(ram_.Load(At(1)), 5u);
}

TEST_F(SimRamTest, AFilledFrameIsOnePatternAndCostsNothing) {
  ram_.Fill(FrameNumber(9), FillTag{42});
  EXPECT_EQ(ram_.Load(At(9, 0)), SimRam::PatternOf(FillTag{42}));
  EXPECT_EQ(ram_.Load(At(9, 4088)), SimRam::PatternOf(FillTag{42}));
  EXPECT_NE(SimRam::PatternOf(FillTag{42}), SimRam::PatternOf(FillTag{43}));
  EXPECT_EQ(ram_.backed_frames(), 0u);
  EXPECT_TRUE(ram_.IsTouched(FrameNumber(9)));
}

TEST_F(SimRamTest, AWriteIntoAPatternLeavesTheRestOfIt) {
  ram_.Fill(FrameNumber(9), FillTag{42});
  ram_.Store(At(9, 8), 1);
  EXPECT_EQ(ram_.Load(At(9, 0)), SimRam::PatternOf(FillTag{42}));
  EXPECT_EQ(ram_.Load(At(9, 8)), 1u);
  EXPECT_EQ(ram_.Load(At(9, 16)), SimRam::PatternOf(FillTag{42}));
}

TEST_F(SimRamTest, ClearingTakesBytesAndPatternsAway) {
  ram_.Store(At(1, 8), 7);
  ram_.Fill(FrameNumber(2), FillTag{1});
  for (const std::uint32_t frame : {1u, 2u}) {
    ram_.Zero(FrameNumber(frame));
    EXPECT_TRUE(ram_.IsZero(FrameNumber(frame)));
    EXPECT_EQ(ram_.Load(At(frame, 8)), 0u);
  }
  EXPECT_EQ(ram_.backed_frames(), 0u);
  // What lay behind the frame must not come back with the next write.
  ram_.Store(At(1, 16), 9);
  EXPECT_EQ(ram_.Load(At(1, 8)), 0u);
}

TEST_F(SimRamTest, FillingOverBytesLeavesNoneOfThem) {
  ram_.Store(At(1, 8), 7);
  ram_.Fill(FrameNumber(1), FillTag{3});
  ram_.Store(At(1, 16), 9);
  EXPECT_EQ(ram_.Load(At(1, 8)), SimRam::PatternOf(FillTag{3}));
}

TEST_F(SimRamTest, ACopyIsTheSameWhateverItIs) {
  ram_.Store(At(1, 8), 7);
  ram_.Fill(FrameNumber(2), FillTag{3});
  ram_.Store(At(10), 1);
  for (const std::uint32_t from : {1u, 2u, 3u}) {
    ram_.Copy(FrameNumber(from), FrameNumber(10));
    for (const std::uint64_t offset : {0u, 8u, 4088u}) {
      EXPECT_EQ(ram_.Load(At(10, offset)), ram_.Load(At(from, offset))) << from;
    }
  }
}

TEST_F(SimRamTest, AFrameCanBeReadAsBytes) {
  ram_.Store(At(1, 8), 0x0102'0304'0506'0708);
  std::array<std::byte, kFrameBytes> bytes{};
  ram_.Read(FrameNumber(1), bytes);
  EXPECT_EQ(bytes[8], std::byte{8});
  EXPECT_EQ(bytes[15], std::byte{1});
  EXPECT_EQ(bytes[16], std::byte{0});
}

using SimRamDeathTest = SimRamTest;

TEST_F(SimRamDeathTest, AnAddressOutsideIsForeign) {
  EXPECT_DEATH(ram_.Load(PhysAddr(0x5000)), "foreign frame: 0x5000");
  EXPECT_DEATH(ram_.Store(SimRam::kDefaultBase + kFrames.bytes(), 1), "foreign frame");
}

}  // namespace
}  // namespace pageward::sim
