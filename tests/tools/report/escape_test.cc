#include "tools/pageward/report/escape.h"

#include <gtest/gtest.h>

#include <string>

namespace pageward::tool {
namespace {

constexpr char kBad[] = "\xEF\xBF\xBD";

TEST(EscapeTest, LeavesOrdinaryTextsAlone) {
  EXPECT_EQ(EscapeMarkup("pageward sim --seed 7\n"), "pageward sim --seed 7\n");
  EXPECT_EQ(EscapeMarkup("Zürich ÷ 東京 𝄞"), "Zürich ÷ 東京 𝄞");
  EXPECT_EQ(EscapeMarkup(""), "");
}

TEST(EscapeTest, EscapesWhatEndsTextsAndAttributes) {
  EXPECT_EQ(EscapeMarkup("<a b=\"c\" d='e'>&amp;</a>"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;&lt;/a&gt;");
}

TEST(EscapeTest, ReplacesCharactersThatXmlDoesNotHave) {
  EXPECT_EQ(EscapeMarkup(std::string_view("a\0b", 3)), std::string("a") + kBad + "b");
  EXPECT_EQ(EscapeMarkup("\x1B[31m"), std::string(kBad) + "[31m");
  EXPECT_EQ(EscapeMarkup("\xEF\xBF\xBF"), std::string(kBad) + kBad + kBad);
}

TEST(EscapeTest, ReplacesEachByteThatIsNoUtf8) {
  EXPECT_EQ(EscapeMarkup("\xFFx"), std::string(kBad) + "x");
  EXPECT_EQ(EscapeMarkup("\xC3"), kBad) << "cut short";
  EXPECT_EQ(EscapeMarkup("\xC0\xBC"), std::string(kBad) + kBad) << "a long form of <";
  EXPECT_EQ(EscapeMarkup("\xED\xA0\x80"), std::string(kBad) + kBad + kBad) << "half a surrogate";
  EXPECT_EQ(EscapeMarkup("\xF4\x90\x80\x80").size(), 4 * (sizeof(kBad) - 1)) << "beyond the last";
}

TEST(EscapeTest, MeasuresCharactersByTheirFirstByte) {
  EXPECT_EQ(LengthOfCharacter(""), 0u);
  EXPECT_EQ(LengthOfCharacter("ab"), 1u);
  EXPECT_EQ(LengthOfCharacter("üb"), 2u);
  EXPECT_EQ(LengthOfCharacter("東"), 3u);
  EXPECT_EQ(LengthOfCharacter("\x80"), 0u);
}

}  // namespace
}  // namespace pageward::tool
