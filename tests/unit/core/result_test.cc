#include "runtime/core/result.h"

#include <gtest/gtest.h>

#include <set>

namespace pageward {
namespace {

TEST(ResultTest, HoldsAValue) {
  const Result<int> result = 42;
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 42);
}

TEST(ResultTest, HoldsAReasonWhyNot) {
  const Result<int> result = Error::kNoMemory;
  EXPECT_FALSE(result);
  EXPECT_EQ(result.error(), Error::kNoMemory);
}

TEST(ResultTest, StatusIsSuccessByDefault) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status(Error::kLimit).error(), Error::kLimit);
}

TEST(ResultTest, EachErrorHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(Error::kInvalid); ++i) {
    EXPECT_TRUE(names.insert(NameOf(static_cast<Error>(i))).second) << i;
  }
  EXPECT_EQ(names.count("unknown error"), 0u);
}

#if PW_CHECK_LEVEL >= 1
TEST(ResultDeathTest, AskingAnErrorForItsValueDies) {
  const Result<int> result = Error::kNoMemory;
  EXPECT_DEATH(static_cast<void>(result.value()), "assertion failed");
}
#endif

}  // namespace
}  // namespace pageward
