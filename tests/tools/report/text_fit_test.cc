#include "tools/pageward/report/text_fit.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pageward::tool {
namespace {

TEST(TextFitTest, MeasuresLongerAndLargerTextsAsWider) {
  EXPECT_EQ(TextWidth("", 10), 0);
  EXPECT_LT(TextWidth("frame", 10), TextWidth("frames", 10));
  EXPECT_LT(TextWidth("iiii", 10), TextWidth("mmmm", 10));
  EXPECT_DOUBLE_EQ(TextWidth("frame", 20), 2 * TextWidth("frame", 10));
}

TEST(TextFitTest, CutsOnlyWhatDoesNotFit) {
  EXPECT_EQ(CutToWidth("frame", 100, 10), "frame");
  const std::string cut = CutToWidth("a rather long text that does not fit", 100, 10);
  EXPECT_LE(TextWidth(cut, 10), 100);
  EXPECT_EQ(cut.substr(cut.size() - 3), "…");
  EXPECT_EQ(cut.substr(0, 8), "a rather");
}

TEST(TextFitTest, NeverCutsACharacterInTwo) {
  for (double width = 0; width < 60; width += 0.5) {
    const std::string cut = CutToWidth("ööööööööö", width, 10);
    EXPECT_EQ((cut.size() - (cut.find("…") == std::string::npos ? 0 : 3)) % 2, 0u) << width;
  }
}

TEST(TextFitTest, WrapsAtSpacesAndHyphens) {
  EXPECT_EQ(WrapToWidth("page allocator", 60, 10, 3),
            (std::vector<std::string>{"page", "allocator"}));
  EXPECT_EQ(WrapToWidth("system-call", 50, 10, 3), (std::vector<std::string>{"system-", "call"}));
}

TEST(TextFitTest, BreaksAWordThatFitsNoLine) {
  const std::vector<std::string> lines = WrapToWidth(std::string(40, 'x'), 60, 10, 10);
  EXPECT_GT(lines.size(), 3u);
  std::string joined;
  for (const std::string& line : lines) {
    EXPECT_LE(TextWidth(line, 10), 60);
    joined += line;
  }
  EXPECT_EQ(joined, std::string(40, 'x'));
}

TEST(TextFitTest, KeepsToTheLinesItHas) {
  const std::vector<std::string> lines =
      WrapToWidth("one two three four five six seven eight nine ten", 60, 10, 2);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[1].find("…"), std::string::npos);
  EXPECT_EQ(WrapToWidth("", 60, 10, 2).size(), 1u);
  EXPECT_EQ(WrapToWidth("text", 0, 10, 2).size(), 2u) << "no room is no reason to hang";
}

}  // namespace
}  // namespace pageward::tool
