#include "tools/pageward/report/chart_shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tools/pageward/report/colours.h"
#include "tools/pageward/report/compared_table.h"
#include "tools/pageward/report/legend.h"
#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/summary.h"
#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {
namespace {

constexpr double kWidth = 1000;
constexpr double kHeight = 24;
constexpr char kOthers[] = "others";
constexpr double kLeastLabelled = 0.1;  // A smaller part has no room for its percents.

double CyclesOf(const CostShare& share) {
  return static_cast<double>(share.times) * static_cast<double>(share.cycles);
}

double TotalOf(const Run& run) {
  double total = 0;
  for (const CostShare& share : run.shares) {
    total += CyclesOf(share);
  }
  return total;
}

std::string TitleOf(const SharePart& part) {
  std::string title = part.primitive + ": " + FormatShare(part.end - part.begin);
  if (part.cycles > 0) {
    title += ", " + GroupThousands(part.times) + " times " + GroupThousands(part.cycles) +
             (part.cycles == 1 ? " cycle" : " cycles");
  }
  return title;
}

void WriteBar(MarkupWriter& out, const std::string& name, const Run& run,
              const std::vector<std::string>& primitives, const Palette& palette) {
  const std::vector<SharePart> parts = LayoutShares(run, primitives);
  out.Open("div", {{"class", "band-row"}});
  out.Element("div", {{"class", "band-name"}}, name);
  out.Open("div", {{"class", "band-plot"}});
  {
    SvgWriter svg(out, kWidth, kHeight, "Shares of cost of " + name, "stretched",
                  SvgWriter::Fit::kStretch);
    for (const SharePart& part : parts) {
      svg.Rect({part.begin * kWidth, 1, (part.end - part.begin) * kWidth, kHeight - 2},
               FillClass(palette.ColourOf(part.primitive)) + " part", TitleOf(part));
    }
  }
  for (const SharePart& part : parts) {
    if (part.end - part.begin >= kLeastLabelled) {
      const std::string middle = FormatPlace((part.begin + part.end) * 50);
      out.Element("span",
                  {{"class", fmt::format("part-label on-{}", palette.ColourOf(part.primitive))},
                   {"style", "left:" + middle + "%"}},
                  FormatShare(part.end - part.begin));
    }
  }
  out.Close();
  out.Open("div", {{"class", "band-value"}});
  out.Element("span", {{"class", "number"}}, FormatValue(TotalOf(run)));
  out.Element("span", {{"class", "note"}}, "cycles");
  out.Close();
  out.Close();
}

// Every primitive with its numbers, the dearest first.
std::vector<ComparedRow> RowsOf(const Report& report) {
  std::map<std::string, ComparedRow> rows;
  std::map<std::string, double> largest;
  for (std::size_t run = 0; run < report.runs.size(); ++run) {
    const double total = TotalOf(report.runs[run]);
    for (const CostShare& share : report.runs[run].shares) {
      ComparedRow& row = rows[share.primitive];
      row.name = share.primitive;
      row.cells.resize(report.runs.size());
      const double part = total > 0 ? CyclesOf(share) / total : 0;
      row.cells[run] =
          ComparedCell{FormatShare(part),
                       GroupThousands(share.times) + " × " + GroupThousands(share.cycles),
                       {}};
      largest[share.primitive] = std::max(largest[share.primitive], part);
    }
  }
  std::vector<ComparedRow> sorted;
  for (auto& [name, row] : rows) {
    for (std::size_t run = 0; run < report.runs.size(); ++run) {
      // Whoever told shares and not this one had none of it.
      if (!row.cells[run] && !report.runs[run].shares.empty()) {
        row.cells[run] = ComparedCell{FormatShare(0), {}, {}};
      }
    }
    sorted.push_back(std::move(row));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [&](const ComparedRow& a, const ComparedRow& b) {
    return largest[a.name] > largest[b.name];
  });
  return sorted;
}

}  // namespace

std::vector<std::string> LargestPrimitives(const Report& report) {
  std::map<std::string, double> largest;
  for (const Run& run : report.runs) {
    const double total = TotalOf(run);
    for (const CostShare& share : run.shares) {
      if (CyclesOf(share) > 0) {
        double& part = largest[share.primitive];
        part = std::max(part, CyclesOf(share) / total);
      }
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, part] : largest) {
    names.push_back(name);
  }
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return largest[a] > largest[b];
  });
  names.resize(std::min(names.size(), kColouredPrimitives));
  return names;
}

std::vector<SharePart> LayoutShares(const Run& run, const std::vector<std::string>& primitives) {
  const double total = TotalOf(run);
  std::vector<SharePart> parts;
  if (!(total > 0)) {
    return parts;
  }
  double used = 0;
  const auto add = [&](SharePart part, double cycles) {
    if (cycles > 0) {
      part.begin = used / total;
      used += cycles;
      part.end = std::min(used / total, 1.0);
      parts.push_back(std::move(part));
    }
  };
  for (const std::string& primitive : primitives) {
    for (const CostShare& share : run.shares) {
      if (share.primitive == primitive) {
        add({primitive, 0, 0, share.times, share.cycles}, CyclesOf(share));
      }
    }
  }
  double others = 0;
  for (const CostShare& share : run.shares) {
    if (std::find(primitives.begin(), primitives.end(), share.primitive) == primitives.end()) {
      others += CyclesOf(share);
    }
  }
  add({kOthers, 0, 0, 0, 0}, others);
  return parts;
}

void WriteShares(MarkupWriter& out, const Report& report) {
  const std::vector<std::string> primitives = LargestPrimitives(report);
  const std::vector<std::string> names = NamesOfRuns(report);
  Palette palette;
  std::vector<LegendEntry> legend;
  for (const std::string& primitive : primitives) {
    palette.Add(primitive);
    legend.push_back({primitive, palette.ColourOf(primitive)});
  }
  const std::vector<ComparedRow> rows = RowsOf(report);
  if (rows.size() > primitives.size()) {
    legend.push_back({kOthers, kGrey});
  }
  out.Open("figure");
  out.Element("figcaption",
              "Shares of the modelled cycles by primitive: how often it happened, times its "
              "constant.");
  WriteLegend(out, legend);
  out.Open("div", {{"class", "bands"}});
  for (std::size_t run = 0; run < names.size(); ++run) {
    WriteBar(out, names[run], report.runs[run], primitives, palette);
  }
  out.Close();
  out.Close();
  WriteComparedTable(out, "Shares in numbers: part of the run, times, cycles each", "Primitive",
                     names, rows);
}

}  // namespace pageward::tool
