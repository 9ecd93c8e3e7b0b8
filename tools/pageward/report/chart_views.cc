#include "tools/pageward/report/chart_views.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/text_fit.h"
#include "tools/pageward/report/views_layout.h"

namespace pageward::tool {
namespace {

constexpr double kWide = 920;
constexpr double kNarrow = 336;
constexpr double kThickness = 10;
constexpr double kMarkRadius = 7;
constexpr double kLeast = 1.5;  // Whatever happened is seen, however short it was.
constexpr double kLabelSize = 10;

std::string TitleOf(const ViewLife& life) {
  std::string title =
      fmt::format("CPU {}, page {}, frame {}: opened at {}", life.cpu, FormatHex(life.page),
                  FormatHex(life.frame), GroupThousands(life.opened));
  title += life.closed ? ", closed at " + GroupThousands(*life.closed) : ", never closed";
  title += life.flushed ? ", flushed at " + GroupThousands(*life.flushed) : ", never flushed";
  return title;
}

std::string TitleOf(const ProbeMark& mark) {
  const Probe& probe = *mark.probe;
  return fmt::format("{}. at {}, CPU {}, page {}: {} {}", mark.number, GroupThousands(probe.at),
                     probe.cpu, FormatHex(probe.page), probe.what,
                     probe.went_through ? "went through" : "was refused");
}

std::string LabelOf(const ViewRow& row, const ViewsLayout& layout) {
  const std::uint64_t distance = row.page - layout.first_page;
  return distance < 100000 ? fmt::format("+{}", distance) : fmt::format("+{:#x}", distance);
}

void WriteRows(SvgWriter& svg, const ViewsLayout& layout) {
  for (std::size_t i = 0; i < layout.rows.size(); ++i) {
    const ViewRow& row = layout.rows[i];
    if (row.is_first_of_cpu) {
      svg.Text({2, row.y - 5}, fmt::format("CPU {}", row.cpu), "start", "group");
      svg.Line({0, row.y}, {layout.width, row.y}, "axis");
    } else {
      svg.Line({layout.plot.x, row.y}, {layout.plot.right(), row.y}, "grid");
    }
    svg.Text({layout.plot.x - 6, row.y + row.height / 2 + 4},
             CutToWidth(LabelOf(row, layout), layout.plot.x - 8, kLabelSize), "end", "tick",
             "page " + FormatHex(row.page));
  }
}

void WriteSpan(SvgWriter& svg, const ViewSpan& span) {
  const std::string title = TitleOf(*span.life);
  const double top = span.y - kThickness / 2;
  if (span.end > span.close) {
    svg.Rect({span.close, top, span.end - span.close, kThickness}, "stale", title);
  }
  svg.Rect({span.begin, top, std::max(span.close - span.begin, kLeast), kThickness}, "open-view",
           title);
  if (span.life->flushed) {
    svg.Line({span.end, top - 2.5}, {span.end, top + kThickness + 2.5}, "flushed", title);
  }
}

void WriteMark(SvgWriter& svg, const ProbeMark& mark) {
  const std::string title = TitleOf(mark);
  const std::string number = GroupThousands(mark.number);
  if (mark.probe->went_through) {
    svg.Circle(mark.at, kMarkRadius, "went-through", title);
  } else {
    svg.Rect({mark.at.x - kMarkRadius + 1, mark.at.y - kMarkRadius + 1, 2 * kMarkRadius - 2,
              2 * kMarkRadius - 2},
             "refused", title);
  }
  svg.Text({mark.at.x, mark.at.y + 3.2}, number, "middle",
           mark.probe->went_through ? "mark-number on-dark" : "mark-number", title);
}

void WriteTime(SvgWriter& svg, const ViewsLayout& layout) {
  const double bottom = layout.plot.bottom();
  svg.Line({layout.plot.x, bottom}, {layout.plot.right(), bottom}, "axis");
  // The widest number decides how far apart they stand.
  std::size_t digits = 1;
  for (const std::uint64_t tick : layout.time.Ticks(0)) {
    digits = std::max(digits, GroupThousands(tick).size());
  }
  const double apart = std::max(static_cast<double>(digits) * kLabelSize * 0.66 + 10, 40.0);
  for (const std::uint64_t tick : layout.time.Ticks(apart)) {
    const double x = layout.time.At(tick);
    const double half = TextWidth(GroupThousands(tick), kLabelSize) / 2;
    const bool is_last = x + half > layout.width;
    svg.Line({x, bottom}, {x, bottom + 4}, "axis");
    svg.Text({is_last ? layout.width - 1 : x, bottom + 16}, GroupThousands(tick),
             is_last ? "end" : "middle", "tick");
  }
  svg.Text({layout.plot.x + layout.plot.width / 2, layout.height - 6},
           layout.time.IsShortened() ? "event (long gaps shortened)" : "event", "middle", "unit");
}

void WriteTimeline(MarkupWriter& out, const std::string& name, const Run& run, double width,
                   const char* css_class) {
  const ViewsLayout layout = LayoutViews(run, width);
  SvgWriter svg(out, layout.width, layout.height,
                fmt::format("Timeline of {} views and {} probes: {}", run.views.size(),
                            run.probes.size(), name),
                css_class);
  WriteRows(svg, layout);
  for (const ViewSpan& span : layout.spans) {
    WriteSpan(svg, span);
  }
  for (const ProbeMark& mark : layout.marks) {
    WriteMark(svg, mark);
  }
  WriteTime(svg, layout);
}

void WriteLeftOut(MarkupWriter& out, const ViewsLayout& layout) {
  std::string text = "Rows are pages, counted from page " + FormatHex(layout.first_page) + ".";
  if (layout.views_left_out > 0) {
    text += fmt::format(" {} views more are not drawn.", GroupThousands(layout.views_left_out));
  }
  if (layout.probes_left_out > 0) {
    text += fmt::format(" {} probes more are not drawn.", GroupThousands(layout.probes_left_out));
  }
  out.Element("p", {{"class", "left-out"}}, text);
}

void WriteProbeList(MarkupWriter& out, const ViewsLayout& layout) {
  if (layout.marks.empty()) {
    return;
  }
  out.Open("ol", {{"class", "probes"}});
  for (const ProbeMark& mark : layout.marks) {
    out.Open("li");
    out.Text(mark.probe->what.empty() ? "probe" : mark.probe->what);
    out.Text(": ");
    out.Element("b", {{"class", mark.probe->went_through ? "through" : ""}},
                mark.probe->went_through ? "went through" : "was refused");
    out.Close();
  }
  out.Close();
}

}  // namespace

bool HasViews(const Run& run) {
  return !run.views.empty() || !run.probes.empty();
}

void WriteViewsKey(MarkupWriter& out) {
  struct Entry {
    const char* name;
    const char* shape;
  };
  constexpr Entry kEntries[] = {{"open", "open-view"},
                                {"stale: closed, but its translation is still there", "stale"},
                                {"flushed", "flushed"},
                                {"probe that went through", "went-through"},
                                {"probe that was refused", "refused"}};
  out.Open("ul", {{"class", "legend"}});
  for (const Entry& entry : kEntries) {
    const std::string_view shape = entry.shape;
    out.Open("li");
    {
      SvgWriter svg(out, 22, 14, std::string("mark of ") + entry.name, "swatch wide-swatch");
      if (shape == "flushed") {
        svg.Rect({0, 2, 11, 10}, "stale");
        svg.Line({11, 0}, {11, 14}, shape);
      } else if (shape == "went-through") {
        svg.Circle({11, 7}, 6, shape);
      } else if (shape == "refused") {
        svg.Rect({5, 1, 12, 12}, shape);
      } else {
        svg.Rect({0, 2, 22, 10}, shape);
      }
    }
    out.Text(entry.name);
    out.Close();
  }
  out.Close();
}

void WriteViews(MarkupWriter& out, const std::string& name, const Run& run) {
  out.Open("figure");
  out.Element("h3", name);
  WriteTimeline(out, name, run, kWide, "for-wide");
  WriteTimeline(out, name, run, kNarrow, "for-narrow");
  const ViewsLayout layout = LayoutViews(run, kWide);
  WriteLeftOut(out, layout);
  WriteProbeList(out, layout);
  out.Close();
}

}  // namespace pageward::tool
