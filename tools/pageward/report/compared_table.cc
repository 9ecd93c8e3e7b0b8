#include "tools/pageward/report/compared_table.h"

#include <algorithm>
#include <limits>

#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/scale.h"
#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {
namespace {

constexpr double kBarWidth = 100;

// Returns what the longest bar stands for, or 0 if bars would say nothing: all are equal.
double LongestBar(const ComparedRow& row) {
  double largest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& cell : row.cells) {
    if (cell && cell->value) {
      largest = std::max(largest, *cell->value);
      least = std::min(least, *cell->value);
    }
  }
  return largest > least ? largest : 0;
}

bool HasAny(const ComparedRow& row, const std::vector<std::size_t>& runs) {
  return std::any_of(runs.begin(), runs.end(), [&](std::size_t run) {
    return run < row.cells.size() && row.cells[run].has_value();
  });
}

void WriteCell(MarkupWriter& out, const std::optional<ComparedCell>& cell, double largest) {
  if (!cell) {
    out.Element("td", {{"class", "none"}, {"title", "not told by this run"}}, kNoNumber);
    return;
  }
  const bool is_zero = cell->value && *cell->value == 0;
  out.Open("td", {{"class", is_zero ? "zero" : ""}});
  out.Open("div", {{"class", cell->value ? "values" : "values stacked"}});
  if (!cell->note.empty()) {
    out.Element("span", {{"class", "note"}}, cell->note);
  }
  out.Element("span", {{"class", "number"}}, cell->text);
  out.Close();
  if (cell->value && largest > 0) {
    const Scale scale = Scale::Linear(0, largest, 0, kBarWidth);
    SvgWriter bar(out, kBarWidth, 4, cell->text, "cell-bar", SvgWriter::Fit::kStretch);
    bar.Rect({0, 0, kBarWidth, 4}, "bar-ground");
    bar.Rect({0, 0, scale.At(*cell->value), 4}, "bar");
  }
  out.Close();
}

void WriteHead(MarkupWriter& out, const std::string& heading, const std::vector<std::string>& runs,
               const std::vector<std::size_t>& chosen) {
  out.Open("thead");
  out.Open("tr");
  out.Element("th", {{"scope", "col"}}, heading);
  for (const std::size_t run : chosen) {
    out.Element("th", {{"scope", "col"}}, runs[run]);
  }
  out.Close();
  out.Close();
}

void WriteRow(MarkupWriter& out, const ComparedRow& row, const std::vector<std::size_t>& chosen) {
  const double largest = LongestBar(row);
  out.Open("tr");
  out.Open("th", {{"scope", "row"}});
  out.Element("span", {{"class", "name"}}, row.name);
  if (!row.what.empty()) {
    out.Element("span", {{"class", "what"}}, row.what);
  }
  out.Close();
  for (const std::size_t run : chosen) {
    WriteCell(out, run < row.cells.size() ? row.cells[run] : std::nullopt, largest);
  }
  out.Close();
}

}  // namespace

std::string RatioNote(double value, std::optional<double> first) {
  if (!first || !(*first > 0)) {
    return {};
  }
  return value == *first ? "1×" : value == 0 ? "0×" : FormatRatio(value / *first);
}

std::vector<std::vector<std::size_t>> TablesFor(std::size_t runs) {
  std::vector<std::vector<std::size_t>> tables;
  for (std::size_t next = 0; next < runs;) {
    std::vector<std::size_t> chosen;
    if (next > 0) {
      chosen.push_back(0);
    }
    while (chosen.size() < kRunsPerTable && next < runs) {
      chosen.push_back(next++);
    }
    tables.push_back(std::move(chosen));
  }
  return tables;
}

void WriteComparedTable(MarkupWriter& out, const std::string& caption, const std::string& heading,
                        const std::vector<std::string>& runs,
                        const std::vector<ComparedRow>& rows) {
  if (rows.empty()) {
    return;
  }
  const std::vector<std::vector<std::size_t>> tables = TablesFor(runs.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::string part = tables.size() == 1 ? caption
                                                : caption + " (" + GroupThousands(i + 1) + " of " +
                                                      GroupThousands(tables.size()) + ")";
    out.Open("div",
             {{"class", "scrolls"}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", part}});
    out.Open("table", {{"class", "compared"}});
    out.Element("caption", part);
    WriteHead(out, heading, runs, tables[i]);
    out.Open("tbody");
    for (const ComparedRow& row : rows) {
      if (HasAny(row, tables[i])) {
        WriteRow(out, row, tables[i]);
      }
    }
    out.Close();
    out.Close();
    out.Close();
  }
}

}  // namespace pageward::tool
