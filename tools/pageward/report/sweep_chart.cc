#include "tools/pageward/report/sweep_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/pageward/report/colours.h"
#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/scale.h"
#include "tools/pageward/report/text_fit.h"

namespace pageward::tool {
namespace {

constexpr double kTickSize = 11;
constexpr double kInset = 12;  // Of the outermost points from the ends of the axis.
constexpr std::size_t kForms = 4;

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

Scale VerticalScale(const std::vector<SweepLine>& lines, unsigned ticks, double begin, double end) {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  for (const SweepLine& line : lines) {
    for (const SweepPoint& point : line.points) {
      low = std::min(low, point.band.low);
      high = std::max(high, point.band.high);
    }
  }
  return ScaleFor(low, high, ticks, begin, end);
}

std::string NameOfAxis(const std::string& name, const Scale& scale) {
  return name + (scale.kind() == Scale::Kind::kLogarithmic ? " (logarithmic)" : "");
}

// Which of four dashes and markers a line has: another one when colours come again.
std::size_t FormOf(std::size_t index) {
  return (index + index / kColours.size()) % kForms;
}

std::string LineClasses(std::size_t index) {
  return LineClass(index) + " sweep-line dash-" + std::to_string(FormOf(index));
}

// Lines differ in their markers as well, for those who see no colours.
void DrawMarker(SvgWriter& svg, Point at, std::size_t index, const std::string& title) {
  const std::string fill = FillClass(index);
  switch (FormOf(index)) {
    case 0:
      svg.Circle(at, 4.5, fill, title);
      return;
    case 1:
      svg.Rect({at.x - 4, at.y - 4, 8, 8}, fill, title);
      return;
    case 2:
      svg.Polygon({{at.x, at.y - 5}, {at.x + 5, at.y + 4}, {at.x - 5, at.y + 4}}, fill, title);
      return;
    default:
      svg.Polygon({{at.x, at.y - 5.5}, {at.x + 5.5, at.y}, {at.x, at.y + 5.5}, {at.x - 5.5, at.y}},
                  fill, title);
  }
}

// One chart while it is drawn.
class Chart {
 public:
  Chart(SvgWriter& svg, const Box& plot, const Scale& across, const Scale& up)
      : svg_(svg), plot_(plot), across_(across), up_(up) {}

  void DrawAxes(const std::vector<AxisValue>& values, unsigned ticks) {
    for (const double tick : up_.Ticks(ticks)) {
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
      const double begin = std::clamp(x - width / 2, 2.0, std::max(2.0, svg_.width() - 2 - width));
      if (begin >= free_from) {
        svg_.Text({begin, plot_.bottom() + 19}, text, "start", "tick", value.typed);
        free_from = begin + width + 8;
      }
    }
    svg_.Line({plot_.x, plot_.bottom()}, {plot_.right(), plot_.bottom()}, "axis");
  }

  void DrawBand(const SweepLine& line, std::size_t index) {
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
      svg_.Polygon(outline, FillClass(index) + " sweep-band");
    }
  }

  void DrawLine(const SweepLine& line, std::size_t index, const std::string& measure) {
    std::vector<Point> points;
    for (const SweepPoint& point : line.points) {
      points.push_back({across_.At(point.at), up_.At(point.band.nominal)});
    }
    svg_.Polyline(points, LineClasses(index));
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Band& band = line.points[i].band;
      std::string title = line.name + (line.name.empty() ? "" : ", ") + line.points[i].typed;
      title += ": " + FormatValue(band.nominal) + " " + measure;
      title += band.high > band.low ? ", " + FormatRange(band) : "";
      DrawMarker(svg_, points[i], index, title);
    }
  }

 private:
  SvgWriter& svg_;
  const Box plot_;
  const Scale across_;
  const Scale up_;
};

}  // namespace

void DrawSweep(SvgWriter& svg, const Box& plot, const std::vector<SweepLine>& lines,
               const std::string& axis, const std::string& measure, unsigned ticks) {
  const std::vector<AxisValue> values = ValuesOf(lines);
  const Scale across = HorizontalScale(values, plot.x + kInset, plot.right() - kInset);
  const Scale up = VerticalScale(lines, ticks, plot.bottom(), plot.y);
  svg.Text({std::max(2.0, plot.x - 56), plot.y - 10}, NameOfAxis(measure, up), "start", "unit");
  svg.Text({plot.x + plot.width / 2, plot.bottom() + 38}, NameOfAxis(axis, across), "middle",
           "unit");
  if (lines.empty()) {
    svg.Text({plot.x + plot.width / 2, plot.y + plot.height / 2},
             "No run has this setting and this number.", "middle", "unit");
  }
  Chart chart(svg, plot, across, up);
  chart.DrawAxes(values, ticks);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    chart.DrawBand(lines[i], i);
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    chart.DrawLine(lines[i], i, measure);
  }
}

void DrawSweepKey(SvgWriter& svg, Point at, std::size_t index) {
  svg.Line(at, {at.x + 26, at.y}, LineClasses(index));
  DrawMarker(svg, {at.x + 13, at.y}, index, {});
}

}  // namespace pageward::tool
