#include "tools/pageward/report/sweep_svg.h"

#include <algorithm>
#include <vector>

#include "tools/pageward/report/style.h"
#include "tools/pageward/report/svg_writer.h"
#include "tools/pageward/report/sweep_chart.h"
#include "tools/pageward/report/sweep_lines.h"
#include "tools/pageward/report/text_fit.h"

namespace pageward::tool {
namespace {

constexpr double kWidth = 760;
constexpr double kPlotHeight = 320;
constexpr double kLeft = 68;
constexpr double kRight = 24;
constexpr double kTitleHeight = 30;
constexpr double kKeyHeight = 20;
constexpr double kKeySize = 12;
constexpr unsigned kTicks = 7;

constexpr double kSmallWidth = 344;
constexpr double kSmallHeight = 230;
constexpr Box kSmallPlot = {54, 26, 280, 156};
constexpr unsigned kSmallTicks = 5;
constexpr std::size_t kMostMeasures = 8;

// The key: entries in rows that are as wide as the picture.
struct KeyEntry {
  std::string text;
  Point at;
};

std::vector<KeyEntry> LayoutKey(const std::vector<SweepLine>& lines) {
  std::vector<KeyEntry> entries;
  double x = 12;
  double y = kTitleHeight;
  for (const SweepLine& line : lines) {
    const std::string text = CutToWidth(line.name, kWidth - 60, kKeySize);
    const double width = 34 + TextWidth(text, kKeySize) + 18;
    if (x > 12 && x + width > kWidth) {
      x = 12;
      y += kKeyHeight;
    }
    entries.push_back({text, {x, y}});
    x += width;
  }
  return entries;
}

bool HasKey(const std::vector<SweepLine>& lines) {
  return lines.size() > 1 || (lines.size() == 1 && !lines.front().name.empty());
}

std::string NameOfMeasure(const std::string& measure) {
  return measure == "cycles" ? "modelled cycles" : measure;
}

void WriteSmallChart(MarkupWriter& out, const Report& report, const std::string& axis,
                     const std::string& measure) {
  const std::string name = NameOfMeasure(measure);
  out.Open("div", {{"class", "panel"}});
  out.Element("h3", name);
  {
    SvgWriter svg(out, kSmallWidth, kSmallHeight, name + " over " + axis, "small");
    DrawSweep(svg, kSmallPlot, SweepLinesOf(report, axis, measure), axis, name, kSmallTicks);
  }
  out.Close();
}

void WriteSweepKey(MarkupWriter& out, const std::vector<SweepLine>& lines) {
  if (!HasKey(lines)) {
    return;
  }
  out.Open("ul", {{"class", "legend"}});
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out.Open("li");
    {
      SvgWriter svg(out, 26, 14, "line of " + lines[i].name, "swatch line-swatch");
      DrawSweepKey(svg, {0, 7}, i);
    }
    out.Text(lines[i].name);
    out.Close();
  }
  out.Close();
}

}  // namespace

std::string RenderSweepOf(const Report& report, const std::string& axis,
                          const std::string& measure) {
  const std::vector<SweepLine> lines = SweepLinesOf(report, axis, measure);
  const std::vector<KeyEntry> key = HasKey(lines) ? LayoutKey(lines) : std::vector<KeyEntry>();
  const double top = (key.empty() ? kTitleHeight : key.back().at.y + kKeyHeight) + 26;
  const Box plot = {kLeft, top, kWidth - kLeft - kRight, kPlotHeight};
  const std::string measured = NameOfMeasure(measure);
  std::string title = report.title;
  title += (title.empty() ? "" : ": ") + measured + " over " + axis;

  MarkupWriter out;
  out.Raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  {
    SvgWriter svg(out, kWidth, plot.bottom() + 48, title, "chart");
    out.Element("title", title);
    out.Open("style");
    out.Raw(ChartStyle());
    out.Close();
    svg.Rect({0, 0, svg.width(), svg.height()}, "chart-ground");
    svg.Text({12, 20}, CutToWidth(title, kWidth - 24, 15), "start", "title");
    DrawSweep(svg, plot, lines, axis, measured, kTicks);
    for (std::size_t i = 0; i < key.size(); ++i) {
      DrawSweepKey(svg, {key[i].at.x, key[i].at.y + 8}, i);
      svg.Text({key[i].at.x + 34, key[i].at.y + 12}, key[i].text, "start", "key");
    }
  }
  return out.Take();
}

std::string RenderSweepSvg(const Report& report, const std::string& axis) {
  return RenderSweepOf(report, axis, "cycles");
}

void WriteSweep(MarkupWriter& out, const Report& report) {
  const std::string axis = SweptAxis(report);
  std::vector<std::string> measures = ChangingMeasures(report, axis, kMostMeasures);
  measures.push_back("cycles");
  out.Open("figure");
  out.Element("figcaption", "What changes with " + axis +
                                ": the counts that change most, then the modelled cycles with "
                                "their range. Lines are runs that differ in nothing else.");
  WriteSweepKey(out, SweepLinesOf(report, axis, "cycles"));
  out.Open("div", {{"class", "panels"}});
  for (const std::string& measure : measures) {
    WriteSmallChart(out, report, axis, measure);
  }
  out.Close();
  out.Close();
}

}  // namespace pageward::tool
