#include "tools/pageward/report/markup_writer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {
namespace {

TEST(MarkupWriterTest, ClosesWhatItOpened) {
  MarkupWriter out;
  out.Open("p", {{"class", "x"}});
  out.Text("1 < 2");
  out.Element("b", "&");
  out.Close();
  EXPECT_EQ(out.Take(), "<p class=\"x\">1 &lt; 2<b>&amp;</b></p>\n");
  EXPECT_EQ(out.Take(), "");
}

TEST(MarkupWriterTest, EscapesAttributesAndLeavesOutEmptyOnes) {
  MarkupWriter out;
  out.Element("i", {{"title", "\"quoted\""}, {"class", ""}});
  EXPECT_EQ(out.Take(), "<i title=\"&quot;quoted&quot;\"></i>");
}

TEST(MarkupWriterTest, GivesNoEndToElementsThatHaveNone) {
  MarkupWriter out;
  out.Open("p");
  out.Open("br");
  out.Close();
  EXPECT_EQ(out.Take(), "<p><br/></p>\n");
}

TEST(MarkupWriterTest, KeepsTwoDigitsOfPlaces) {
  EXPECT_EQ(FormatPlace(1), "1");
  EXPECT_EQ(FormatPlace(1.5), "1.5");
  EXPECT_EQ(FormatPlace(1.23456), "1.23");
  EXPECT_EQ(FormatPlace(-0.001), "0");
  EXPECT_EQ(FormatPlace(100), "100");
  EXPECT_EQ(FormatPlace(std::nan("")), "0");
}

TEST(MarkupWriterTest, DrawsShapesWithTheirTitles) {
  MarkupWriter out;
  {
    SvgWriter svg(out, 10, 20, "a picture", "small");
    svg.Rect({1, 2, 3, 4}, "x", "tip");
    svg.Polygon({{0, 0}, {1.5, 2}}, "y");
  }
  EXPECT_EQ(out.Take(),
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 10 20\" role=\"img\" "
            "aria-label=\"a picture\" class=\"small\"><rect x=\"1\" y=\"2\" width=\"3\" "
            "height=\"4\" class=\"x\"><title>tip</title></rect>\n<polygon points=\"0,0 1.5,2\" "
            "class=\"y\"></polygon></svg>\n");
}

}  // namespace
}  // namespace pageward::tool
