#include "runtime/os/syscall.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

namespace pageward::os {
namespace {

TEST(SyscallTest, ReturnsTheValueOfASuccess) {
  const SyscallResult result = Syscall(SYS_getpid);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value(), ::getpid());
}

TEST(SyscallTest, ReturnsTheErrnoOfAFailureAndLeavesErrnoAlone) {
  errno = 0;
  const SyscallResult result = Syscall(SYS_close, -1);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error(), EBADF);
  EXPECT_EQ(errno, 0);
}

TEST(SyscallTest, HighAddressesAreNoErrors) {
  EXPECT_TRUE(SyscallResult(-4096).ok());
  EXPECT_FALSE(SyscallResult(-4095).ok());
  EXPECT_FALSE(SyscallResult(-1).ok());
  EXPECT_TRUE(SyscallResult(0).ok());
}

}  // namespace
}  // namespace pageward::os
