#include "tools/pageward/report/chart_bands.h"

#include <algorithm>
#include <cmath>

#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/scale.h"
#include "tools/pageward/report/summary.h"
#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {
namespace {

constexpr double kWidth = 1000;
constexpr double kHeight = 24;
constexpr unsigned kTicks = 5;  // More would touch each other on a telephone.

Scale ScaleOf(const std::vector<RangeBar>& bars, std::optional<double> reference) {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  const auto include = [&](double value) {
    // Nothing at all is at the beginning of whatever scale the others need.
    if (std::isfinite(value) && value > 0) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  };
  for (const RangeBar& bar : bars) {
    include(bar.band.low);
    include(bar.band.high);
  }
  if (reference) {
    include(*reference);
  }
  return ScaleFor(low, high, kTicks, 0, kWidth);
}

void WriteBar(MarkupWriter& out, const RangeBar& bar, const Scale& scale,
              std::optional<double> reference) {
  out.Open("div", {{"class", "band-row"}});
  out.Element("div", {{"class", "band-name"}}, bar.name);
  out.Open("div", {{"class", "band-plot"}});
  {
    const std::string title = bar.name + ": " + bar.value + ", " + bar.range;
    SvgWriter svg(out, kWidth, kHeight, title, "stretched", SvgWriter::Fit::kStretch);
    for (const double tick : scale.Ticks(kTicks)) {
      svg.Line({scale.At(tick), 0}, {scale.At(tick), kHeight}, "grid");
    }
    if (reference) {
      svg.Line({scale.At(*reference), 0}, {scale.At(*reference), kHeight}, "reference");
    }
    const double begin = scale.At(bar.band.low);
    const double end = scale.At(bar.band.high);
    const double middle = scale.At(bar.band.nominal);
    svg.Rect({begin, 5, end - begin, kHeight - 10}, "band", title);
    svg.Line({middle, 2}, {middle, kHeight - 2}, "nominal", title);
  }
  out.Close();
  out.Open("div", {{"class", "band-value"}});
  out.Element("span", {{"class", "number"}}, bar.value);
  out.Element("span", {{"class", "note"}}, bar.range);
  out.Close();
  out.Close();
}

void WriteAxis(MarkupWriter& out, const Scale& scale, const std::string& axis) {
  out.Open("div", {{"class", "band-row axis"}, {"aria-hidden", "true"}});
  out.Element("div", {{"class", "band-name"}});
  out.Open("div", {{"class", "band-plot ticks"}});
  for (const double tick : scale.Ticks(kTicks)) {
    const double part = scale.At(tick) / kWidth;
    // The first and the last stay inside.
    const char* side = part < 0.04 ? "first" : part > 0.96 ? "last" : "";
    out.Element("span", {{"class", side}, {"style", "left:" + FormatPlace(part * 100) + "%"}},
                FormatTick(tick));
  }
  out.Close();
  out.Element("div", {{"class", "band-value"}});
  out.Close();
  out.Element("p", {{"class", "axis-name"}},
              axis + (scale.kind() == Scale::Kind::kLogarithmic ? " (logarithmic)" : ""));
}

}  // namespace

void WriteRangeBars(MarkupWriter& out, const std::vector<RangeBar>& bars, const std::string& axis,
                    std::optional<double> reference) {
  const Scale scale = ScaleOf(bars, reference);
  out.Open("div", {{"class", "bands"}});
  for (const RangeBar& bar : bars) {
    WriteBar(out, bar, scale, reference);
  }
  WriteAxis(out, scale, axis);
  out.Close();
}

void WriteCycles(MarkupWriter& out, const Report& report) {
  const std::vector<std::string> names = NamesOfRuns(report);
  std::vector<RangeBar> bars;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Band& band = report.runs[i].cycles;
    bars.push_back({names[i], band, FormatValue(band.nominal), FormatRange(band)});
  }
  out.Open("figure");
  out.Element("figcaption",
              "Modelled cycles of all processors together. The bar is the range in which they lie "
              "when every constant of the cost model is off by up to a half; the line in it is "
              "the model as it stands.");
  WriteRangeBars(out, bars, "cycles", std::nullopt);
  out.Close();
}

void WriteComparisons(MarkupWriter& out, const Report& report) {
  std::vector<RangeBar> bars;
  for (const Comparison& comparison : report.comparisons) {
    bars.push_back(
        {comparison.run + " ÷ " + comparison.with, comparison.ratio,
         FormatRatio(comparison.ratio.nominal),
         FormatRatio(comparison.ratio.low) + " to " + FormatRatio(comparison.ratio.high)});
  }
  out.Open("figure");
  out.Element("figcaption",
              "Modelled cycles of one run divided by another's. A constant that is off is off in "
              "both, so a ratio is surer than its parts. The upright line is 1: no difference.");
  WriteRangeBars(out, bars, "ratio", 1);
  out.Close();
}

}  // namespace pageward::tool
