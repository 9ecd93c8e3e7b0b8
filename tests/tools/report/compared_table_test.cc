#include "tools/pageward/report/compared_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pageward::tool {
namespace {

using Indices = std::vector<std::vector<std::size_t>>;

std::string Render(const std::vector<std::string>& runs, const std::vector<ComparedRow>& rows) {
  MarkupWriter out;
  WriteComparedTable(out, "caption", "heading", runs, rows);
  return out.Take();
}

std::size_t CountOf(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

ComparedCell Cell(double value) {
  return {std::to_string(value), {}, value};
}

TEST(ComparedTableTest, RepeatsTheFirstRunInEachTable) {
  EXPECT_EQ(TablesFor(0), Indices{});
  EXPECT_EQ(TablesFor(6), (Indices{{0, 1, 2, 3, 4, 5}}));
  EXPECT_EQ(TablesFor(7), (Indices{{0, 1, 2, 3, 4, 5}, {0, 6}}));
  EXPECT_EQ(TablesFor(12), (Indices{{0, 1, 2, 3, 4, 5}, {0, 6, 7, 8, 9, 10}, {0, 11}}));
}

TEST(ComparedTableTest, SaysWhatAHeaderIsOf) {
  const std::string html = Render({"a", "b"}, {{"row", "meaning", {Cell(1), Cell(2)}}});
  EXPECT_EQ(CountOf(html, "scope=\"col\""), 3u);
  EXPECT_EQ(CountOf(html, "scope=\"row\""), 1u);
  EXPECT_EQ(CountOf(html, "<caption>"), 1u);
}

TEST(ComparedTableTest, DrawsBarsWhereTheyCompareSomething) {
  EXPECT_EQ(CountOf(Render({"a", "b"}, {{"row", {}, {Cell(1), Cell(2)}}}), "<svg"), 2u);
  EXPECT_EQ(CountOf(Render({"a", "b"}, {{"row", {}, {Cell(2), Cell(2)}}}), "<svg"), 0u);
  EXPECT_EQ(CountOf(Render({"a", "b"}, {{"row", {}, {Cell(0), Cell(0)}}}), "<svg"), 0u);
}

TEST(ComparedTableTest, KeepsWhatWasNotToldApartFromZero) {
  const std::string html =
      Render({"a", "b"}, {{"row", {}, {ComparedCell{"0", {}, 0.0}, std::nullopt}}});
  EXPECT_EQ(CountOf(html, "class=\"zero\""), 1u);
  EXPECT_EQ(CountOf(html, "class=\"none\""), 1u);
}

TEST(ComparedTableTest, LeavesOutRowsThatATableHasNothingOf) {
  const std::vector<std::string> runs(7, "run");
  std::vector<std::optional<ComparedCell>> cells(7);
  cells[1] = Cell(3);
  EXPECT_EQ(CountOf(Render(runs, {{"row", {}, cells}}), "scope=\"row\""), 1u);
}

TEST(ComparedTableTest, RelatesOnlyToWhatIsMoreThanNothing) {
  EXPECT_EQ(RatioNote(3, 3), "1×");
  EXPECT_EQ(RatioNote(0, 3), "0×");
  EXPECT_EQ(RatioNote(3, 12), "0.25×");
  EXPECT_EQ(RatioNote(3, 0), "");
  EXPECT_EQ(RatioNote(3, std::nullopt), "");
}

}  // namespace
}  // namespace pageward::tool
