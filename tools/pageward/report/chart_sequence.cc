#include "tools/pageward/report/chart_sequence.h"

#include <fmt/format.h>

#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/sequence_layout.h"
#include "tools/pageward/report/text_fit.h"

namespace pageward::tool {
namespace {

constexpr double kWidth = 372;
constexpr double kHeadLine = 11;
constexpr double kLineHeight = 13;
constexpr double kArrow = 5;
constexpr double kLoop = 16;

std::string TitleOf(const Message& message) {
  return fmt::format("{} (event {}, depth {})", message.text, GroupThousands(message.at),
                     message.depth);
}

void WriteHeads(SvgWriter& svg, const SequenceLayout& layout) {
  for (const SequenceColumn& column : layout.columns) {
    for (std::size_t i = 0; i < column.lines.size(); ++i) {
      svg.Text({column.x, 6 + kHeadLine * static_cast<double>(i + 1) - 2}, column.lines[i],
               "middle", "head", column.name);
    }
  }
  svg.Line({0, layout.heads_bottom}, {layout.width, layout.heads_bottom}, "axis");
}

void WriteArrow(SvgWriter& svg, const SequenceRow& row, const std::string& title) {
  const double y = row.arrow_y;
  if (row.from == row.to) {
    // To itself: out and back, towards where there is room.
    const double side = row.from + kLoop < kWidth - 8 ? 1 : -1;
    svg.Polyline({{row.from, y},
                  {row.from + side * kLoop, y},
                  {row.from + side * kLoop, y + 9},
                  {row.from + side * kArrow, y + 9}},
                 "arrow", title);
    svg.Polygon({{row.from, y + 9},
                 {row.from + side * kArrow, y + 9 - kArrow / 1.6},
                 {row.from + side * kArrow, y + 9 + kArrow / 1.6}},
                "arrow-head");
    return;
  }
  const double side = row.to > row.from ? -1 : 1;
  svg.Line({row.from, y}, {row.to + side * kArrow, y}, "arrow", title);
  svg.Polygon({{row.to, y},
               {row.to + side * kArrow, y - kArrow / 1.6},
               {row.to + side * kArrow, y + kArrow / 1.6}},
              "arrow-head");
  svg.Circle({row.from, y}, 2, "arrow-head");
}

void WriteRow(SvgWriter& svg, const SequenceRow& row) {
  const std::string title = TitleOf(*row.message);
  WriteArrow(svg, row, title);
  for (std::size_t i = 0; i < row.lines.size(); ++i) {
    svg.Text({row.text_x, row.text_y + kLineHeight * static_cast<double>(i)}, row.lines[i], "start",
             "message", title);
  }
  if (row.changes_depth) {
    svg.Text({14, row.text_y}, GroupThousands(row.message->depth), "end", "tick",
             fmt::format("nested {} deep from here on", row.message->depth));
  }
}

std::string TextOf(const SequenceGap& gap) {
  const std::string depths =
      gap.least_depth == gap.most_depth
          ? fmt::format("all of depth {}", gap.least_depth)
          : fmt::format("of depth {} to {}", gap.least_depth, gap.most_depth);
  return GroupThousands(gap.messages) + " messages left out, " + depths;
}

void WriteGap(SvgWriter& svg, const SequenceLayout& layout, const SequenceGap& gap) {
  svg.Rect({0, gap.y - 15, layout.width, 30}, "gap");
  svg.Text({layout.width / 2, gap.y + 4}, CutToWidth(TextOf(gap), layout.width - 8, kMessageSize),
           "middle", "message", TextOf(gap));
}

}  // namespace

void WriteSequence(MarkupWriter& out, const std::string& name, const Run& run) {
  const SequenceLayout layout = LayoutSequence(run, kWidth);
  out.Open("div", {{"class", "panel"}});
  out.Element("h3", name);
  out.Element("p", {{"class", "note"}},
              fmt::format("{} messages, nested {} deep at most",
                          GroupThousands(run.messages.size()), layout.most_depth));
  {
    SvgWriter svg(out, layout.width, layout.height, "Sequence diagram of " + name, "sequence");
    for (const SequenceNest& nest : layout.nests) {
      svg.Rect(nest.box, "nest", fmt::format("depth {}", nest.depth), 3);
    }
    for (const SequenceColumn& column : layout.columns) {
      svg.Line({column.x, layout.heads_bottom}, {column.x, layout.height}, "life");
    }
    WriteHeads(svg, layout);
    for (const SequenceGap& gap : layout.gaps) {
      WriteGap(svg, layout, gap);
    }
    for (const SequenceRow& row : layout.rows) {
      WriteRow(svg, row);
    }
  }
  out.Close();
}

}  // namespace pageward::tool
