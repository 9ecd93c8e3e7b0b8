#include "tools/pageward/command/failure.h"

#include <gtest/gtest.h>

namespace pageward::tool {
namespace {

TEST(FailureTest, IsToldInOneLine) {
  EXPECT_EQ(InOneLine("two\nlines,\r\n\tand blanks  \n"), "two lines, and blanks");
  EXPECT_EQ(InOneLine(""), "");
  EXPECT_EQ(Failure("as it is").what(), std::string("as it is"));
}

}  // namespace
}  // namespace pageward::tool
