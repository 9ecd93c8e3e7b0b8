#include "tools/pageward/report/summary.h"

#include <algorithm>
#include <map>
#include <optional>

#include "tools/pageward/report/compared_table.h"
#include "tools/pageward/report/number_format.h"

namespace pageward::tool {
namespace {

// Rows by name, in the order in which the names come up first.
class RowsByName {
 public:
  explicit RowsByName(std::size_t runs) : runs_(runs) {}

  ComparedRow& At(const std::string& name) {
    const auto [found, is_new] = index_.try_emplace(name, rows_.size());
    if (is_new) {
      rows_.push_back({name, {}, std::vector<std::optional<ComparedCell>>(runs_)});
    }
    return rows_[found->second];
  }
  std::vector<ComparedRow> Take() { return std::move(rows_); }

 private:
  std::size_t runs_;
  std::map<std::string, std::size_t> index_;
  std::vector<ComparedRow> rows_;
};

bool IsSameEverywhere(const ComparedRow& row) {
  return std::all_of(row.cells.begin(), row.cells.end(), [&](const auto& cell) {
    return cell && cell->text == row.cells.front()->text;
  });
}

bool IsZeroEverywhere(const ComparedRow& row) {
  return std::all_of(row.cells.begin(), row.cells.end(),
                     [](const auto& cell) { return cell && cell->value == 0.0; });
}

void AddRatios(ComparedRow* row) {
  const auto& first = row->cells.front();
  for (std::size_t run = 1; run < row->cells.size(); ++run) {
    if (row->cells[run] && row->cells[run]->value) {
      row->cells[run]->note =
          RatioNote(*row->cells[run]->value, first ? first->value : std::nullopt);
    }
  }
}

bool IsIn(const std::string& text, const std::vector<std::string>& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

void WriteFact(MarkupWriter& out, const std::string& name, const std::string& value,
               std::string_view tag) {
  out.Open("div");
  out.Element("dt", name);
  out.Open("dd");
  out.Element(tag, value);
  out.Close();
  out.Close();
}

// With more runs than stand beside each other, they stand below each other.
void WriteDiffering(MarkupWriter& out, const std::vector<std::string>& runs,
                    std::vector<ComparedRow> settings) {
  const char* const caption = "Settings in which the runs differ";
  if (runs.size() <= kRunsPerTable || settings.empty()) {
    WriteComparedTable(out, caption, "Setting", runs, settings);
    return;
  }
  std::vector<std::string> names;
  std::vector<ComparedRow> rows;
  for (const std::string& run : runs) {
    rows.push_back({run, {}, {}});
  }
  for (ComparedRow& setting : settings) {
    names.push_back(setting.name);
    for (std::size_t run = 0; run < runs.size(); ++run) {
      rows[run].cells.push_back(std::move(setting.cells[run]));
    }
  }
  WriteComparedTable(out, caption, "Run", names, rows);
}

void WriteSettings(MarkupWriter& out, const Report& report) {
  RowsByName by_name(report.runs.size());
  for (std::size_t run = 0; run < report.runs.size(); ++run) {
    for (const Setting& setting : report.runs[run].settings) {
      by_name.At(setting.name).cells[run] = ComparedCell{setting.value, {}, {}};
    }
  }
  std::vector<ComparedRow> differing;
  std::vector<ComparedRow> same;
  for (ComparedRow& row : by_name.Take()) {
    (IsSameEverywhere(row) ? same : differing).push_back(std::move(row));
  }
  WriteDiffering(out, NamesOfRuns(report), std::move(differing));
  if (same.empty()) {
    return;
  }
  out.Element("h3", report.runs.size() == 1 ? "Settings" : "Settings of every run");
  out.Open("dl", {{"class", "facts"}});
  for (const ComparedRow& row : same) {
    WriteFact(out, row.name, row.cells.front()->text, "code");
  }
  out.Close();
}

void WriteList(MarkupWriter& out, const std::string& heading,
               const std::vector<std::string>& lines) {
  if (lines.empty()) {
    return;
  }
  out.Open("div");
  out.Element("h3", heading);
  out.Open("ul");
  for (const std::string& line : lines) {
    out.Element("li", line);
  }
  out.Close();
  out.Close();
}

// What happened nowhere is one sentence and not a column of zeros.
void WriteZeros(MarkupWriter& out, const std::vector<ComparedRow>& zeros) {
  if (zeros.empty()) {
    return;
  }
  out.Open("p", {{"class", "zeros"}});
  out.Text("0 in every run: ");
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    out.Text(i == 0 ? "" : ", ");
    out.Element("span", {{"class", "name"}, {"title", zeros[i].what}}, zeros[i].name);
  }
  out.Text(".");
  out.Close();
}

}  // namespace

std::vector<std::string> NamesOfRuns(const Report& report) {
  std::vector<std::string> names;
  for (const Run& run : report.runs) {
    names.push_back(run.name.empty() ? "run " + GroupThousands(names.size() + 1) : run.name);
  }
  return names;
}

void WriteWhatWasRun(MarkupWriter& out, const Report& report) {
  out.Open("header");
  out.Element("h1", report.title.empty() ? "Simulated kernel" : report.title);
  if (!report.question.empty()) {
    out.Element("p", {{"class", "question"}}, report.question);
  }
  out.Open("dl", {{"class", "facts wide"}});
  if (!report.command.empty()) {
    WriteFact(out, "Command", report.command, "code");
  }
  if (!report.version.empty()) {
    WriteFact(out, "Version", report.version, "span");
  }
  out.Close();
  if (!report.runs.empty()) {
    WriteSettings(out, report);
  }
  out.Close();
}

void WriteCounts(MarkupWriter& out, const Report& report) {
  RowsByName by_name(report.runs.size());
  RowsByName quantities(report.runs.size());
  for (std::size_t run = 0; run < report.runs.size(); ++run) {
    for (const Count& count : report.runs[run].counts) {
      ComparedRow& row = by_name.At(count.name);
      row.what = row.what.empty() ? count.what : row.what;
      row.cells[run] =
          ComparedCell{GroupThousands(count.times), {}, static_cast<double>(count.times)};
    }
    for (const Quantity& quantity : report.runs[run].quantities) {
      ComparedRow& row = quantities.At(quantity.name);
      row.what = quantity.unit;
      row.cells[run] = ComparedCell{FormatValue(quantity.value), {}, quantity.value};
    }
  }
  std::vector<ComparedRow> counts;
  std::vector<ComparedRow> zeros;
  for (ComparedRow& row : by_name.Take()) {
    (IsZeroEverywhere(row) ? zeros : counts).push_back(std::move(row));
  }
  std::vector<ComparedRow> measured = quantities.Take();
  std::for_each(counts.begin(), counts.end(), [](ComparedRow& row) { AddRatios(&row); });
  std::for_each(measured.begin(), measured.end(), [](ComparedRow& row) { AddRatios(&row); });
  const std::vector<std::string> runs = NamesOfRuns(report);
  WriteComparedTable(out, "How often", "Event", runs, counts);
  WriteZeros(out, zeros);
  WriteComparedTable(out, "How much", "Quantity", runs, measured);
}

void WritePublished(MarkupWriter& out, const Report& report) {
  out.Open("div", {{"class", "scrolls"},
                   {"role", "region"},
                   {"tabindex", "0"},
                   {"aria-label", "Published figures"}});
  out.Open("table", {{"class", "published"}});
  out.Element("caption", "Published figures. They check the model and have no part in it.");
  out.Open("thead");
  out.Open("tr");
  for (const char* heading : {"Figure", "Expected", "Found", "Holds"}) {
    out.Element("th", {{"scope", "col"}}, heading);
  }
  out.Close();
  out.Close();
  out.Open("tbody");
  for (const PublishedFigure& figure : report.published) {
    out.Open("tr");
    out.Element("th", {{"scope", "row"}}, figure.what);
    out.Element("td", figure.expected);
    out.Element("td", figure.found);
    out.Element("td", {{"class", figure.holds ? "holds" : "fails"}},
                figure.holds ? "✓ yes" : "✗ no");
    out.Close();
  }
  out.Close();
  out.Close();
  out.Close();
}

void WriteLimits(MarkupWriter& out, const Report& report) {
  out.Open("div", {{"class", "columns"}});
  WriteList(out, "Modelled", report.modelled);
  WriteList(out, "Not modelled", report.not_modelled);
  out.Close();
}

void WriteRemarks(MarkupWriter& out, const Report& report) {
  // What holds for every run is said once.
  std::vector<std::string> common;
  if (report.runs.size() > 1) {
    for (const std::string& remark : report.runs.front().remarks) {
      if (std::all_of(report.runs.begin(), report.runs.end(),
                      [&](const Run& run) { return IsIn(remark, run.remarks); })) {
        common.push_back(remark);
      }
    }
  }
  const std::vector<std::string> names = NamesOfRuns(report);
  out.Open("div", {{"class", "columns"}});
  WriteList(out, "Every run", common);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<std::string> own;
    for (const std::string& remark : report.runs[i].remarks) {
      if (!IsIn(remark, common)) {
        own.push_back(remark);
      }
    }
    WriteList(out, names[i], own);
  }
  out.Close();
}

}  // namespace pageward::tool
