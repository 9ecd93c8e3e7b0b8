#include "runtime/core/violation.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/core/check.h"

namespace pageward {
namespace {

TEST(ViolationTest, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i < kViolationCount; ++i) {
    EXPECT_TRUE(names.insert(NameOf(static_cast<Violation>(i))).second) << i;
  }
  EXPECT_EQ(names.count("unknown violation"), 0u);
}

TEST(ViolationDeathTest, FatalWritesOneLineAndAborts) {
  EXPECT_EXIT(Fatal(Violation::kDoubleFree, "object 1"), testing::KilledBySignal(SIGABRT),
              "^pageward: double free: object 1\n$");
}

TEST(ViolationDeathTest, AFailedCheckNamesTheObjectAndTheCondition) {
  EXPECT_DEATH(PW_CHECK(1 + 1 == 3, Violation::kForeignFrame, 0xabc),
               "foreign frame: 0xabc \\(1 \\+ 1 == 3 at .*violation_test.cc:[0-9]+\\)");
}

TEST(ViolationDeathTest, AHookThatFailsItselfStillEndsInAnAbort) {
  SetFatalHook([](Violation) { Fatal(Violation::kInvariant, "never printed"); });
  EXPECT_EXIT(Fatal(Violation::kDoubleFree, "first"), testing::KilledBySignal(SIGABRT),
              "^pageward: double free: first\n$");
  SetFatalHook(nullptr);
}

}  // namespace
}  // namespace pageward
