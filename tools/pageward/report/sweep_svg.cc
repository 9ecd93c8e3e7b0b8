#include "tools/pageward/report/sweep_svg.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/pageward/report/colours.h"
#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/scale.h"
#include "tools/pageward/report/style.h"
#include "tools/pageward/report/svg_writer.h"
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
constexpr double kTickSize = 11;
constexpr unsigned kTicks = 7;
constexpr unsigned kDashes = 4;

// A value of the axis with its place.
struct AxisValue {
  double at;
  std::string typed;
};

std::vector<AxisValue> ValuesOf(const std::vector<SweepLine>& lines) {
  std::vector<AxisValue> values;
  for (const SweepLine& line : lines) {
    for (const SweepPoint& point : line.points) {
      values.push_back({point.at, point.typed});
    }
  }
  std::stable_sort(values.begin(), values.end(),
                   [](const AxisValue& a, const AxisValue& b) { return a.at < b.at; });
  values.erase(std::unique(values.begin(), values.end(),
                           [](const AxisValue& a, const AxisValue& b) { return a.at == b.at; }),
               values.end());
  return values;
}

// Values that grow by factors, such as 1 2 4 8, stand apart evenly only by their logarithms.
Scale HorizontalScale(const std::vector<AxisValue>& values, double begin, double end) {
  if (values.size() < 2) {
    const double at = values.empty() ? 0 : values.front().at;
    return Scale::Linear(at - 1, at + 1, begin, end);
  }
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    least = std::min(least, values[i].at - values[i - 1].at);
    most = std::max(most, values[i].at - values[i - 1].at);
  }
  return values.front().at > 0 && most > 3 * least
             ? Scale::Logarithmic(values.front().at, values.back().at, begin, end)
             : Scale::Linear(values.front().at, values.back().at, begin, end);
}

Scale VerticalScale(const std::vector<SweepLine>& lines, double begin, double end) {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  for (const SweepLine& line : lines) {
    for (const SweepPoint& point : line.points) {
      low = std::min(low, point.band.low);
      high = std::max(high, point.band.high);
    }
  }
  return ScaleFor(low, high, kTicks, begin, end);
}

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

class Chart {
 public:
  Chart(SvgWriter& svg, const Box& plot, Scale across, Scale up)
      : svg_(svg), plot_(plot), across_(across), up_(up) {}

  void WriteAxes(const std::vector<AxisValue>& values) {
    for (const double tick : up_.Ticks(kTicks)) {
      const double y = up_.At(tick);
      svg_.Line({plot_.x, y}, {plot_.right(), y}, "grid");
      svg_.Text({plot_.x - 7, y + 4}, FormatTick(tick), "end", "tick");
    }
    double free_from = 0;
    for (const AxisValue& value : values) {
      const double x = across_.At(value.at);
      svg_.Line({x, plot_.bottom()}, {x, plot_.bottom() + 5}, "axis");
      const std::string text = CutToWidth(value.typed, 110, kTickSize);
      const double width = TextWidth(text, kTickSize);
      const double begin = std::clamp(x - width / 2, 2.0, std::max(2.0, kWidth - 2 - width));
      if (begin >= free_from) {
        svg_.Text({begin, plot_.bottom() + 19}, text, "start", "tick", value.typed);
        free_from = begin + width + 8;
      }
    }
    svg_.Line({plot_.x, plot_.bottom()}, {plot_.right(), plot_.bottom()}, "axis");
  }

  void WriteBand(const SweepLine& line, std::size_t colour) {
    std::vector<Point> outline;
    std::vector<Point> lower;
    bool has_band = false;
    for (const SweepPoint& point : line.points) {
      has_band = has_band || point.band.high > point.band.low;
      outline.push_back({across_.At(point.at), up_.At(point.band.high)});
      lower.push_back({across_.At(point.at), up_.At(point.band.low)});
    }
    outline.insert(outline.end(), lower.rbegin(), lower.rend());
    if (has_band && line.points.size() > 1) {
      svg_.Polygon(outline, FillClass(colour) + " sweep-band");
    }
  }

  void WriteLine(const SweepLine& line, std::size_t index, const std::string& measure) {
    std::vector<Point> points;
    for (const SweepPoint& point : line.points) {
      points.push_back({across_.At(point.at), up_.At(point.band.nominal)});
    }
    svg_.Polyline(points, LineClass(index) + " sweep-line dash-" + std::to_string(index % kDashes));
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Band& band = line.points[i].band;
      std::string title = line.name + (line.name.empty() ? "" : ", ") + line.points[i].typed +
                          ": " + FormatValue(band.nominal) + " " + measure;
      title += band.high > band.low ? ", " + FormatRange(band) : "";
      WriteMarker(points[i], index, title);
    }
  }

  // Lines differ in their markers as well, for those who see no colours.
  void WriteMarker(Point at, std::size_t index, const std::string& title) {
    const std::string fill = FillClass(index);
    switch (index % 4) {
      case 0:
        return svg_.Circle(at, 4.5, fill, title);
      case 1:
        return svg_.Rect({at.x - 4, at.y - 4, 8, 8}, fill, title);
      case 2:
        return svg_.Polygon({{at.x, at.y - 5.5}, {at.x + 5, at.y + 4}, {at.x - 5, at.y + 4}}, fill,
                            title);
      default:
        return svg_.Polygon(
            {{at.x, at.y - 5.5}, {at.x + 5.5, at.y}, {at.x, at.y + 5.5}, {at.x - 5.5, at.y}}, fill,
            title);
    }
  }

  void WriteKey(const KeyEntry& entry, std::size_t index) {
    const double y = entry.at.y + 8;
    svg_.Line({entry.at.x, y}, {entry.at.x + 26, y},
              LineClass(index) + " sweep-line dash-" + std::to_string(index % kDashes));
    WriteMarker({entry.at.x + 13, y}, index, {});
    svg_.Text({entry.at.x + 34, y + 4}, entry.text, "start", "key");
  }

 private:
  SvgWriter& svg_;
  Box plot_;
  Scale across_;
  Scale up_;
};

std::string NameOfAxis(const std::string& name, const Scale& scale) {
  return name + (scale.kind() == Scale::Kind::kLogarithmic ? " (logarithmic)" : "");
}

}  // namespace

std::string RenderSweepOf(const Report& report, const std::string& axis,
                          const std::string& measure) {
  const std::vector<SweepLine> lines = SweepLinesOf(report, axis, measure);
  const bool has_key = lines.size() > 1 || (lines.size() == 1 && !lines.front().name.empty());
  const std::vector<KeyEntry> key = has_key ? LayoutKey(lines) : std::vector<KeyEntry>();
  const double top = (key.empty() ? kTitleHeight : key.back().at.y + kKeyHeight) + 26;
  const Box plot = {kLeft, top, kWidth - kLeft - kRight, kPlotHeight};
  const std::vector<AxisValue> values = ValuesOf(lines);
  const Scale across = HorizontalScale(values, plot.x + 12, plot.right() - 12);
  const Scale up = VerticalScale(lines, plot.bottom(), plot.y);
  const std::string measured = measure == "cycles" ? "modelled cycles" : measure;
  const std::string title =
      (report.title.empty() ? "" : report.title + ": ") + measured + " over " + axis;

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
    Chart chart(svg, plot, across, up);
    chart.WriteAxes(values);
    svg.Text({12, plot.y - 10}, NameOfAxis(measured, up), "start", "unit");
    svg.Text({plot.x + plot.width / 2, svg.height() - 8}, NameOfAxis(axis, across), "middle",
             "unit");
    if (lines.empty()) {
      svg.Text({plot.x + plot.width / 2, plot.y + plot.height / 2},
               "No run has this setting and this number.", "middle", "unit");
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      chart.WriteBand(lines[i], i);
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      chart.WriteLine(lines[i], i, measured);
    }
    for (std::size_t i = 0; i < key.size(); ++i) {
      chart.WriteKey(key[i], i);
    }
  }
  return out.Take();
}

std::string RenderSweepSvg(const Report& report, const std::string& axis) {
  return RenderSweepOf(report, axis, "cycles");
}

}  // namespace pageward::tool
