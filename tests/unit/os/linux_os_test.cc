// What only the real system has; the contract itself is tested in tests/conformance/os.
#include "runtime/os/linux_os.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "runtime/arch/cpu.h"
#include "runtime/os/linux_abi.h"
#include "runtime/os/syscall.h"
#include "tests/support/memory_probe.h"

namespace pageward::os {
namespace {

TEST(LinuxOsTest, SystemCallsLeaveErrnoAlone) {
  LinuxOs os;
  errno = 4711;
  static_cast<void>(os.Reserve(std::uint64_t{1} << 50, 4096));
  char buffer[1];
  static_cast<void>(os.ReadFile("/no/such/file", buffer));
  EXPECT_EQ(errno, 4711);
}

TEST(LinuxOsTest, ReadsFilesUpToTheSizeOfTheBuffer) {
  LinuxOs os;
  char buffer[8];
  const Result<std::size_t> length = os.ReadFile("/proc/self/stat", buffer);
  ASSERT_TRUE(length.ok());
  EXPECT_EQ(*length, sizeof(buffer));
}

TEST(LinuxOsTest, KnowsWhoItIs) {
  LinuxOs os;
  EXPECT_EQ(os.ProcessId(), static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(os.ThreadId(), static_cast<std::uint32_t>(::gettid()));
}

TEST(LinuxOsTest, AProbeWithoutAFilterTellsWhatTheKernelHas) {
  LinuxOs os;
  EXPECT_EQ(os.ProbeInChild(ProbedCall::kPkeyAlloc),
            arch::HasOspke() ? ProbeOutcome::kWorks : ProbeOutcome::kRefused);
  for (const ProbedCall call :
       {ProbedCall::kMemfdSecret, ProbedCall::kMseal, ProbedCall::kGuardInstall}) {
    const ProbeOutcome outcome = os.ProbeInChild(call);
    EXPECT_TRUE(outcome == ProbeOutcome::kWorks || outcome == ProbeOutcome::kRefused);
  }
}

TEST(LinuxOsTest, AProbeIsInvisibleToTheProgramsOwnWait) {
  LinuxOs os;
  static_cast<void>(os.ProbeInChild(ProbedCall::kMseal));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// Kills the process for system call `number`, allows everything else.
void InstallKillingFilter(long number) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

TEST(LinuxOsTest, AFilterKillsTheProbeAndNotTheProgram) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    InstallKillingFilter(SYS_pkey_alloc);
    LinuxOs os;
    const bool is_killed = os.ProbeInChild(ProbedCall::kPkeyAlloc) == ProbeOutcome::kKilled;
    const bool others_work = os.ProbeInChild(ProbedCall::kMseal) != ProbeOutcome::kKilled;
    ::_exit(is_killed && others_work ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "the filter killed the program itself";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

class SecretMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<Descriptor> memory = os_.CreateShared(SharedMemory::kSecret, 4096);
    if (!memory.ok()) {
      GTEST_SKIP() << "memfd_secret: " << NameOf(memory.error());
    }
    const Result<VirtRange> at = os_.Reserve(4096, 4096);
    ASSERT_TRUE(at.ok());
    ASSERT_TRUE(os_.MapShared(*memory, *at, Protection::kReadWrite).ok());
    os_.Close(*memory);
    at_ = *at;
  }

  LinuxOs os_;
  VirtRange at_;
};

TEST_F(SecretMemoryTest, IsWritableThroughItsMapping) {
  EXPECT_EQ(testing_support::TryWrite(at_.begin), testing_support::Access::kOk);
}

// Where the kernel locks it, discarding is refused; where it only counts it, the mapping lets go of
// pages that the file keeps.
TEST_F(SecretMemoryTest, KeepsItsContentsWhateverDiscardingAnswers) {
  auto* const byte = at_.begin.AsPointer<volatile char>();
  *byte = 83;
  const Status discarded = os_.Discard(at_);
  EXPECT_TRUE(discarded.ok() || discarded.error() == Error::kUnsupported);
  EXPECT_EQ(*byte, 83);
}

TEST(LinuxOsDeathTest, AFailureThatIsNoAnswerIsADeathThatNamesTheCall) {
  LinuxOs os;
  const Result<VirtRange> range = os.Reserve(4096, 4096);
  ASSERT_TRUE(range.ok());
  ASSERT_TRUE(os.Unmap(*range).ok());
  // EFAULT or ENOMEM by kernel generation; a hole under MADV_DONTNEED is ENOMEM, which has no row.
  EXPECT_DEATH(static_cast<void>(os.Discard(*range)),
               "unexpected system call failure: madvise\\(MADV_DONTNEED");
}

}  // namespace
}  // namespace pageward::os
