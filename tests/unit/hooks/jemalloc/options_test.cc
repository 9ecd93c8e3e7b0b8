#include "hooks/jemalloc/options.h"

#include <gtest/gtest.h>

namespace pageward::hooks {
namespace {

TEST(OptionsTest, TheLastValueOfAnOptionCounts) {
  EXPECT_EQ(ValueIn("retain:true,narenas:4,retain:false", "retain"), "false");
  EXPECT_EQ(ValueIn("retain:true", "narenas"), "");
  EXPECT_EQ(ValueIn("", "narenas"), "");
  EXPECT_EQ(ValueIn("narenas", "narenas"), "");
  EXPECT_EQ(ValueIn("xnarenas:3", "narenas"), "");
}

}  // namespace
}  // namespace pageward::hooks
