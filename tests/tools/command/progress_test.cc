#include "tools/pageward/command/progress.h"

#include <gtest/gtest.h>

namespace pageward::tool {
namespace {

TEST(ProgressLineTest, AShortRunLeavesNoTrace) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line;
    line.Tell("running", 1, 2);
    line.Tell("running", 1, 0);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace pageward::tool
