#include "tools/pageward/report/colours.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pageward::tool {
namespace {

TEST(PaletteTest, GivesEachNameAColourOfItsOwn) {
  Palette palette;
  std::set<std::size_t> colours;
  for (int i = 0; i < 20; ++i) {
    palette.Add("name " + std::to_string(i));
    colours.insert(palette.ColourOf("name " + std::to_string(i)));
  }
  EXPECT_EQ(colours.size(), 20u);
}

TEST(PaletteTest, StripesWhatComesAfterTheEighth) {
  EXPECT_FALSE(IsStriped(7));
  EXPECT_TRUE(IsStriped(8));
  EXPECT_EQ(FillClass(8), FillClass(0));
  EXPECT_EQ(LineClass(9), LineClass(1));
}

TEST(PaletteTest, KeepsTheFirstColourOfAName) {
  Palette palette;
  palette.Add("a", 3);
  palette.Add("a", 5);
  palette.Add("b", 3);
  EXPECT_EQ(palette.ColourOf("a"), 3u);
  EXPECT_NE(palette.ColourOf("b"), 3u);
  EXPECT_EQ(palette.ColourOf("never added"), kGrey);
}

Report ReportOf(std::vector<std::string> freetypes) {
  Report report;
  report.runs.emplace_back();
  report.runs[0].freetypes = std::move(freetypes);
  return report;
}

TEST(PaletteTest, ColoursAFreetypeAlikeInEveryReport) {
  const Palette all = FreetypePalette(
      ReportOf({"other", "unmovable", "movable", "reclaimable", "unmapped", "keyed", "early"}));
  const Palette few = FreetypePalette(ReportOf({"keyed", "movable", "unmapped"}));
  for (const char* name : {"movable", "unmapped", "keyed"}) {
    EXPECT_EQ(all.ColourOf(name), few.ColourOf(name)) << name;
  }
  EXPECT_NE(all.ColourOf("movable"), all.ColourOf("unmovable"));
  EXPECT_NE(all.ColourOf("other"), all.ColourOf("unmapped")) << "known names come first";
}

TEST(PaletteTest, HasVariablesForLightAndDarkPaper) {
  const std::string style = ColourStyle();
  for (const Colour& colour : kColours) {
    EXPECT_NE(style.find(colour.light), std::string::npos) << colour.name;
    EXPECT_NE(style.find(colour.dark), std::string::npos) << colour.name;
  }
}

}  // namespace
}  // namespace pageward::tool
