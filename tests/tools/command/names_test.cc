#include "tools/pageward/command/names.h"

#include <gtest/gtest.h>

namespace pageward::tool {
namespace {

constexpr std::string_view kNames[] = {"adhoc", "grouped", "skip-flush"};

TEST(NamesTest, ACommaIsBetweenPartsAndEmptyPartsStay) {
  EXPECT_EQ(SplitAtCommas("a,b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(SplitAtCommas(""), (std::vector<std::string>{""}));
  EXPECT_EQ(SplitAtCommas("a,,"), (std::vector<std::string>{"a", "", ""}));
}

TEST(NamesTest, TheNearestNameIsTheOneWithTheFewestChanges) {
  EXPECT_EQ(NearestName("groupd", kNames), "grouped");
  EXPECT_EQ(NearestName("ad-hoc", kNames), "adhoc");
  EXPECT_EQ(NearestName("skipflush", kNames), "skip-flush");
}

TEST(NamesTest, SomethingElseAltogetherIsNearToNothing) {
  EXPECT_EQ(NearestName("xyzzy", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
}

TEST(NamesTest, ANameThatDoesNotExistIsToldWithThoseThatDo) {
  EXPECT_EQ(NoSuchName("a value", "groupd", kNames),
            "'groupd' is not a value: it is one of adhoc, grouped, skip-flush; "
            "did you mean 'grouped'?");
  EXPECT_EQ(NoSuchName("a value", "xyzzy", kNames),
            "'xyzzy' is not a value: it is one of adhoc, grouped, skip-flush");
}

}  // namespace
}  // namespace pageward::tool
