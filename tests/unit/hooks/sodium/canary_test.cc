#include "hooks/sodium/canary.h"

#include <gtest/gtest.h>

#include "runtime/os/linux_os.h"

namespace pageward::hooks {
namespace {

class CanaryTest : public testing::Test {
 protected:
  void SetUp() override { canary_.Draw(os_); }

  VirtAddr object() { return VirtAddr::Of(memory_ + Canary::kBytes); }

  os::LinuxOs os_;
  Canary canary_;
  unsigned char memory_[64] = {};
};

TEST_F(CanaryTest, StandsUntilAnyOfItsBytesChanges) {
  canary_.WriteBefore(object());
  EXPECT_TRUE(canary_.IsIntactBefore(object()));
  for (std::size_t i = 0; i < Canary::kBytes; ++i) {
    memory_[i] ^= 1;
    EXPECT_FALSE(canary_.IsIntactBefore(object())) << i;
    memory_[i] ^= 1;
  }
  EXPECT_TRUE(canary_.IsIntactBefore(object()));
}

TEST_F(CanaryTest, TouchesNothingElse) {
  canary_.WriteBefore(object());
  for (std::size_t i = Canary::kBytes; i < sizeof(memory_); ++i) {
    EXPECT_EQ(memory_[i], 0) << i;
  }
}

TEST_F(CanaryTest, OneObjectsCanaryIsNoneOfAnother) {
  canary_.WriteBefore(object());
  const VirtAddr other = object() + 2 * Canary::kBytes;
  std::memcpy((other - Canary::kBytes).AsPointer(), memory_, Canary::kBytes);
  EXPECT_FALSE(canary_.IsIntactBefore(other));
}

TEST_F(CanaryTest, TwoProcessesHaveDifferentSecrets) {
  Canary other;
  other.Draw(os_);
  other.WriteBefore(object());
  EXPECT_FALSE(canary_.IsIntactBefore(object()));
}

}  // namespace
}  // namespace pageward::hooks
