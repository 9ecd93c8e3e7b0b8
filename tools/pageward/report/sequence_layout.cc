#include "tools/pageward/report/sequence_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/pageward/report/text_fit.h"

namespace pageward::tool {
namespace {

constexpr double kDepthGutter = 15;  // Left of everything: how deep it is.
constexpr double kMargin = 30;       // From there, and from the right edge, to the outer columns.
constexpr double kLineHeight = 13;
constexpr double kArrowBelow = 8;
constexpr double kRowGap = 10;
constexpr double kLoopHeight = 9;
constexpr double kGapHeight = 46;
constexpr double kInset = 4;  // Of each box inside of the one around it.
constexpr unsigned kMostInsets = 6;
constexpr unsigned kMostLines = 3;

double WidestWord(std::string_view text) {
  double widest = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    widest = std::max(widest, TextWidth(word, kHeadSize));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return widest;
}

std::vector<SequenceColumn> LayoutColumns(const Run& run, double width) {
  std::size_t count = std::max<std::size_t>(run.participants.size(), 1);
  for (const Message& message : run.messages) {
    // Whoever is not named is the last one: see ColumnOf().
    count =
        std::max<std::size_t>(count, std::max(message.from, message.to) < run.participants.size()
                                         ? 1
                                         : run.participants.size() + 1);
  }
  const double begin = kDepthGutter + kMargin;
  const double apart = count > 1 ? (width - kMargin - begin) / static_cast<double>(count - 1) : 0;
  const double room = count > 1 ? std::min(apart - 2, 2 * kMargin - 2) : width - kDepthGutter;
  std::vector<SequenceColumn> columns;
  for (std::size_t i = 0; i < count; ++i) {
    SequenceColumn column;
    column.x = count > 1 ? begin + apart * static_cast<double>(i) : (kDepthGutter + width) / 2;
    column.name = i < run.participants.size() ? run.participants[i] : "others";
    // Rather two words below each other than two names in one, but no word in two.
    const double wanted = std::min(std::max(room - 8, WidestWord(column.name)), room);
    column.lines = WrapToWidth(column.name, wanted, kHeadSize, kMostLines);
    columns.push_back(std::move(column));
  }
  return columns;
}

double ColumnOf(const SequenceLayout& layout, unsigned participant) {
  return layout.columns[std::min<std::size_t>(participant, layout.columns.size() - 1)].x;
}

SequenceRow LayoutRow(const SequenceLayout& layout, const Message& message, double top) {
  SequenceRow row;
  row.message = &message;
  row.from = ColumnOf(layout, message.from);
  row.to = ColumnOf(layout, message.to);
  const double inset = kInset * std::min(message.depth, kMostInsets);
  const double left = kDepthGutter + inset + 4;
  const double right = layout.width - inset - 4;
  row.lines = WrapToWidth(message.text, right - left, kMessageSize, kMostLines);
  double widest = 0;
  for (const std::string& line : row.lines) {
    widest = std::max(widest, TextWidth(line, kMessageSize));
  }
  // In the middle of the arrow, as far as the edges let it.
  const double middle = (row.from + row.to) / 2;
  row.text_x = std::max(left, std::min(middle - widest / 2, right - widest));
  row.text_y = top + kLineHeight;
  row.arrow_y = top + kLineHeight * static_cast<double>(row.lines.size()) + kArrowBelow;
  return row;
}

double BottomOf(const SequenceRow& row) {
  return row.arrow_y + (row.from == row.to ? kLoopHeight : 0) + kRowGap / 2;
}

// Boxes around neighbouring rows that are at least so deep.
void AddNests(SequenceLayout* layout, const std::vector<double>& tops) {
  unsigned deepest = 0;
  for (const SequenceRow& row : layout->rows) {
    deepest = std::max(deepest, row.message->depth);
  }
  for (unsigned depth = 1; depth <= std::min(deepest, kMostInsets); ++depth) {
    std::size_t begin = 0;
    while (begin < layout->rows.size()) {
      if (layout->rows[begin].message->depth < depth) {
        ++begin;
        continue;
      }
      std::size_t end = begin;
      while (end < layout->rows.size() && layout->rows[end].message->depth >= depth) {
        ++end;
      }
      const double inset = kInset * depth;
      const double top = tops[begin] + 1;
      layout->nests.push_back({depth,
                               {kDepthGutter + inset, top, layout->width - kDepthGutter - 2 * inset,
                                BottomOf(layout->rows[end - 1]) - 1 - top}});
      begin = end;
    }
  }
}

}  // namespace

SequenceLayout LayoutSequence(const Run& run, double width) {
  SequenceLayout layout;
  layout.width = width;
  layout.columns = LayoutColumns(run, width);
  std::size_t head_lines = 1;
  for (const SequenceColumn& column : layout.columns) {
    head_lines = std::max(head_lines, column.lines.size());
  }
  layout.heads_bottom = 6 + 11 * static_cast<double>(head_lines) + 4;

  const std::size_t all = run.messages.size();
  const bool is_cut = all > kFirstMessages + kLastMessages;
  double y = layout.heads_bottom + 6;
  std::vector<double> tops;
  for (std::size_t i = 0; i < all; ++i) {
    const Message& message = run.messages[i];
    layout.most_depth = std::max(layout.most_depth, message.depth);
    if (is_cut && i >= kFirstMessages && i < all - kLastMessages) {
      if (i == kFirstMessages) {
        layout.gaps.push_back({0, message.depth, message.depth, y + kGapHeight / 2});
        y += kGapHeight;
      }
      SequenceGap& gap = layout.gaps.back();
      ++gap.messages;
      gap.least_depth = std::min(gap.least_depth, message.depth);
      gap.most_depth = std::max(gap.most_depth, message.depth);
      continue;
    }
    SequenceRow row = LayoutRow(layout, message, y);
    row.changes_depth = layout.rows.empty() || layout.rows.back().message->depth != message.depth;
    tops.push_back(y);
    y = BottomOf(row) + kRowGap / 2;
    layout.rows.push_back(std::move(row));
  }
  AddNests(&layout, tops);
  layout.height = y + 6;
  return layout;
}

}  // namespace pageward::tool
