#include "tools/pageward/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "tools/pageward/command/sizes.h"

namespace pageward::tool {
namespace {

// More runs than this beside each other fit no terminal; the rest goes below.
constexpr std::size_t kMostColumns = 6;
constexpr std::size_t kMostMessages = 60;

using Runs = std::span<const Run>;

// The parts of a name that stand above each other as the head of a column.
std::vector<std::string> HeadOf(const Run& run) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0;;) {
    const std::size_t end = run.name.find(", ", begin);
    lines.push_back(run.name.substr(begin, end - begin));
    if (end == std::string::npos) {
      return lines;
    }
    begin = end + 2;
  }
}

// Rows with a label, a cell for each run, and a word about what it is.
class Table {
 public:
  explicit Table(Runs runs) : runs_(runs) {}

  void Add(std::string label, std::vector<std::string> cells, std::string note = {}) {
    rows_.push_back(Row{std::move(label), std::move(cells), std::move(note)});
  }
  bool IsEmpty() const { return rows_.empty(); }

  std::string Render() const {
    std::vector<std::vector<std::string>> heads;
    std::size_t head_lines = 0;
    std::size_t label_width = 0;
    std::vector<std::size_t> widths(runs_.size());
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      heads.push_back(HeadOf(runs_[i]));
      head_lines = std::max(head_lines, heads[i].size());
      for (const std::string& line : heads[i]) {
        widths[i] = std::max(widths[i], line.size());
      }
    }
    for (const Row& row : rows_) {
      label_width = std::max(label_width, row.label.size());
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        widths[i] = std::max(widths[i], row.cells[i].size());
      }
    }
    std::string text;
    for (std::size_t line = 0; runs_.size() > 1 && line < head_lines; ++line) {
      std::vector<std::string> cells;
      for (const std::vector<std::string>& head : heads) {
        // Heads stand on the line above the numbers.
        const std::size_t skipped = head_lines - head.size();
        cells.push_back(line < skipped ? std::string() : head[line - skipped]);
      }
      text += RenderRow(Row{"", cells, ""}, label_width, widths);
    }
    for (const Row& row : rows_) {
      text += RenderRow(row, label_width, widths);
    }
    return text;
  }

 private:
  struct Row {
    std::string label;
    std::vector<std::string> cells;
    std::string note;
  };

  static std::string RenderRow(const Row& row, std::size_t label_width,
                               const std::vector<std::size_t>& widths) {
    std::string line = fmt::format("  {:{}}", row.label, label_width);
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      line += fmt::format("  {:>{}}", row.cells[i], widths[i]);
    }
    if (!row.note.empty()) {
      line += "   " + row.note;
    }
    line.resize(line.find_last_not_of(' ') + 1);
    return line + "\n";
  }

  Runs runs_;
  std::vector<Row> rows_;
};

using CellOf = std::function<std::string(const Run& run)>;

std::vector<std::string> CellsOf(Runs runs, const CellOf& cell_of) {
  std::vector<std::string> cells;
  for (const Run& run : runs) {
    cells.push_back(cell_of(run));
  }
  return cells;
}

std::string Settled(const Report& report) {
  std::string text;
  for (const Setting& setting : report.runs.front().settings) {
    const bool is_same = std::all_of(report.runs.begin(), report.runs.end(), [&](const Run& run) {
      return std::any_of(run.settings.begin(), run.settings.end(), [&](const Setting& other) {
        return other.name == setting.name && other.value == setting.value;
      });
    });
    if (is_same) {
      text += fmt::format("{}{} {}", text.empty() ? "" : "  ", setting.name, setting.value);
    }
  }
  return text;
}

std::string Counted(Runs runs) {
  Table table(runs);
  const std::vector<Count>& names = runs.front().counts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_there = std::any_of(runs.begin(), runs.end(),
                                      [&](const Run& run) { return run.counts[i].times > 0; });
    if (is_there) {
      table.Add(names[i].name,
                CellsOf(runs, [&](const Run& run) { return WithCommas(run.counts[i].times); }),
                names[i].what);
    }
  }
  return table.IsEmpty() ? std::string() : "\nWhat happened\n" + table.Render();
}

double ShareOf(const Run& run, const std::string& primitive) {
  for (const CostShare& share : run.shares) {
    if (share.primitive == primitive && run.cycles.nominal > 0) {
      return static_cast<double>(share.times) * static_cast<double>(share.cycles) /
             run.cycles.nominal;
    }
  }
  return 0;
}

std::string Modelled(Runs runs) {
  Table table(runs);
  table.Add("cycles", CellsOf(runs, [](const Run& run) { return InThousands(run.cycles.nominal); }),
            "the sum over all processors");
  table.Add("from", CellsOf(runs, [](const Run& run) { return InThousands(run.cycles.low); }),
            "if every constant is half of what is assumed");
  table.Add("to", CellsOf(runs, [](const Run& run) { return InThousands(run.cycles.high); }),
            "if every constant is half as much again");
  for (const Count& count : runs.front().counts) {
    const bool is_seen = std::any_of(
        runs.begin(), runs.end(), [&](const Run& run) { return ShareOf(run, count.name) >= 0.02; });
    if (is_seen) {
      table.Add("of that " + count.name, CellsOf(runs, [&](const Run& run) {
                  return fmt::format("{:.0f} %", ShareOf(run, count.name) * 100);
                }));
    }
  }
  return "\nModelled cycles\n" + table.Render();
}

std::string ShownQuantity(const Run& run, std::size_t index) {
  const Quantity& quantity = run.quantities[index];
  if (quantity.value == std::floor(quantity.value) && std::fabs(quantity.value) < 1e15) {
    return WithCommas(static_cast<std::uint64_t>(quantity.value));
  }
  return fmt::format("{:.{}f}", quantity.value, quantity.value < 10 ? 2 : 1);
}

std::string Left(Runs runs) {
  Table table(runs);
  for (std::size_t i = 0; i < runs.front().freetypes.size(); ++i) {
    const auto last = [i](const Run& run) { return run.blocks.back().blocks[i]; };
    if (std::any_of(runs.begin(), runs.end(),
                    [&](const Run& run) { return !run.blocks.empty() && last(run) > 0; })) {
      table.Add("pageblocks " + runs.front().freetypes[i],
                CellsOf(runs, [&](const Run& run) { return WithCommas(last(run)); }));
    }
  }
  for (std::size_t i = 0; i < runs.front().quantities.size(); ++i) {
    if (std::all_of(runs.begin(), runs.end(),
                    [i](const Run& run) { return run.quantities[i].value == 0; })) {
      continue;
    }
    table.Add(runs.front().quantities[i].name,
              CellsOf(runs, [i](const Run& run) { return ShownQuantity(run, i); }),
              runs.front().quantities[i].unit);
  }
  return "\nAt the end\n" + table.Render();
}

std::string Compared(const Report& report) {
  std::string text;
  std::size_t width = 0;
  for (const Comparison& comparison : report.comparisons) {
    width = std::max(width, comparison.run.size() + comparison.with.size() + 3);
  }
  for (const Comparison& comparison : report.comparisons) {
    text += fmt::format("  {:{}}  {:.3f}   from {:.3f} to {:.3f}\n",
                        fmt::format("{} / {}", comparison.run, comparison.with), width,
                        comparison.ratio.nominal, comparison.ratio.low, comparison.ratio.high);
  }
  return text.empty() ? text : "\nModelled cycles in relation to each other\n" + text;
}

std::string Published(const Report& report) {
  std::string text;
  for (const PublishedFigure& figure : report.published) {
    text += fmt::format("  {}  {}: {}; expected {}\n", figure.holds ? "holds" : "FAILS",
                        figure.what, figure.found, figure.expected);
  }
  return text.empty() ? text
                      : "\nBeside what others published, which has no part in the model\n" + text;
}

// What is told and what is tried, in the order in which it happened.
class Story {
 public:
  explicit Story(const Run& run) : run_(run) {}

  std::string Tell() {
    std::string text;
    for (const Message& message : run_.messages) {
      text += ProbesBefore(message.at);
      if (++told_ > kMostMessages) {
        text += fmt::format("  ... and {} more; --json has them all\n",
                            run_.messages.size() - kMostMessages);
        break;
      }
      text +=
          fmt::format("  {:5}  {:{}}{} -> {}: {}\n", message.at, "", 2u * message.depth,
                      run_.participants[message.from], run_.participants[message.to], message.text);
    }
    text += ProbesBefore(~std::uint64_t{0});
    for (const std::string& remark : run_.remarks) {
      text += "  " + remark + "\n";
    }
    return text.empty() ? text : fmt::format("\n{}\n{}", run_.name, text);
  }

 private:
  std::string ProbesBefore(std::uint64_t at) {
    std::string text;
    for (; next_probe_ < run_.probes.size() && run_.probes[next_probe_].at < at; ++next_probe_) {
      const Probe& probe = run_.probes[next_probe_];
      text +=
          fmt::format("         {:12}  {}\n", probe.went_through ? "READ" : "faulted", probe.what);
    }
    return text;
  }

  const Run& run_;
  std::size_t told_ = 0;
  std::size_t next_probe_ = 0;
};

std::string ListOf(std::string_view head, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += fmt::format("  {}\n", line);
  }
  return text.empty() ? text : fmt::format("\n{}\n{}", head, text);
}

}  // namespace

std::string RenderText(const Report& report) {
  std::string text = fmt::format("{}: {}\n", report.title, report.question);
  if (report.runs.empty()) {
    return text;
  }
  text += Settled(report) + "\n";
  for (std::size_t begin = 0; begin < report.runs.size(); begin += kMostColumns) {
    const std::size_t count = std::min(kMostColumns, report.runs.size() - begin);
    const Runs runs = Runs(report.runs).subspan(begin, count);
    text += Counted(runs) + Modelled(runs) + Left(runs);
  }
  text += Compared(report) + Published(report);
  for (const Run& run : report.runs) {
    text += Story(run).Tell();
  }
  return text + ListOf("Not modelled", report.not_modelled);
}

}  // namespace pageward::tool
