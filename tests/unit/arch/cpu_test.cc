#include "runtime/arch/cpu.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace pageward::arch {
namespace {

bool KernelListsFlag(const std::string& flag) {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string word; cpuinfo >> word;) {
    if (word == flag) {
      return true;
    }
  }
  return false;
}

TEST(CpuTest, AgreesWithTheKernelAboutProtectionKeys) {
  EXPECT_EQ(HasOspke(), KernelListsFlag("ospke"));
}

}  // namespace
}  // namespace pageward::arch
