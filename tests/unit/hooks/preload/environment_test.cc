// What an ordinary process sees of itself. Set-uid programs and the time before libc has started
// are tested with whole programs.
#include "hooks/preload/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/os/linux_os.h"

namespace pageward::hooks {
namespace {

class EnvironmentTest : public testing::Test {
 protected:
  void SetUp() override { environment_.Read(os_); }

  os::LinuxOs os_;
  Environment environment_;
};

TEST_F(EnvironmentTest, VariablesAreFoundByTheirWholeName) {
  ASSERT_EQ(::setenv("PAGEWARD_TEST_VARIABLE", "a=b,c", 1), 0);
  EXPECT_EQ(environment_.Value("PAGEWARD_TEST_VARIABLE"), "a=b,c");
  EXPECT_EQ(environment_.Value("PAGEWARD_TEST"), "");
  EXPECT_EQ(environment_.Value("PAGEWARD_TEST_VARIABLE_2"), "");
  ASSERT_EQ(::unsetenv("PAGEWARD_TEST_VARIABLE"), 0);
  EXPECT_EQ(environment_.Value("PAGEWARD_TEST_VARIABLE"), "");
}

TEST_F(EnvironmentTest, TheProgramIsNamedByTheLastPartOfItsPath) {
  EXPECT_EQ(environment_.ProgramName(), "unit_hooks_preload");
}

TEST_F(EnvironmentTest, BeforeLibcKnowsItTheEnvironmentIsReadFromTheKernel) {
  char** const saved = environ;
  environ = nullptr;
  Environment early;
  early.Read(os_);
  EXPECT_NE(early.Value("PATH"), "");
  EXPECT_EQ(early.Value("PAGEWARD_NO_SUCH_VARIABLE"), "");
  environ = saved;
  EXPECT_EQ(early.Value("PATH"), environment_.Value("PATH"));
}

}  // namespace
}  // namespace pageward::hooks
