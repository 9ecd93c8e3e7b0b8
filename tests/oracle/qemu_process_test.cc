// What becomes of a run of QEMU that does not go well.
#include "tests/oracle/qemu_process.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/oracle/guest/protocol.h"

namespace pageward::oracle {
namespace {

constexpr std::uint64_t kRamBytes = std::uint64_t{4} << 20;

class QemuProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = WhyNoQemu()) {
      GTEST_SKIP() << *why;
    }
  }
};

TEST_F(QemuProcessTest, AGuestThatDoesNotEndIsStopped) {
  const MemoryFile ram(kRamBytes);
  MemoryFile rom(kRomBytes);
  // The first instruction is at the last 16 bytes: a jump to itself.
  const std::array<std::byte, 2> jump{std::byte{0xeb}, std::byte{0xfe}};
  rom.Write(kRomBytes - 16, jump);
  EXPECT_EQ(RunQemu(QemuJob{ram, rom, 40, 1}), "QEMU was not done after 1 s");
}

TEST_F(QemuProcessTest, WhatQemuComplainsAboutIsTold) {
  const MemoryFile ram(kRamBytes);
  const MemoryFile rom(100);
  const auto error = RunQemu(QemuJob{ram, rom, 40, 20});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->find("QEMU ended with status 1: "), 0u) << *error;
  EXPECT_EQ(error->find('\n'), std::string::npos) << *error;
}

}  // namespace
}  // namespace pageward::oracle
