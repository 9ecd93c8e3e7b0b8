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

TEST(CpuTest, PkruIsSavedBehindTheLegacyAreaAndTheHeaderOrNotAtAll) {
  const unsigned offset = PkruOffsetInSavedState();
  if (HasOspke()) {
    EXPECT_GE(offset, 576u);
    EXPECT_EQ(offset % 4, 0u);
  } else if (!KernelListsFlag("pku")) {
    EXPECT_EQ(offset, 0u);
  }
}

}  // namespace
}  // namespace pageward::arch
