#include "tools/pageward/report/legend.h"

#include "tools/pageward/report/colours.h"
#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {

void WriteLegend(MarkupWriter& out, const std::vector<LegendEntry>& entries) {
  if (entries.empty()) {
    return;
  }
  out.Open("ul", {{"class", "legend"}});
  for (const LegendEntry& entry : entries) {
    out.Open("li");
    {
      SvgWriter svg(out, 14, 14, "colour of " + entry.name, "swatch");
      svg.Rect({0, 0, 14, 14}, FillClass(entry.colour), {}, 2);
      if (IsStriped(entry.colour)) {
        svg.Rect({0, 0, 14, 14}, "stripes");
      }
    }
    out.Text(entry.name);
    out.Close();
  }
  out.Close();
}

void WritePatterns(MarkupWriter& out) {
  // Not display:none, which would take the patterns away as well.
  out.Open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                   {"width", 0},
                   {"height", 0},
                   {"aria-hidden", "true"},
                   {"class", "patterns"}});
  out.Open("defs");
  for (const char* name : {"hatch", "stripe"}) {
    out.Open("pattern", {{"id", name},
                         {"patternUnits", "userSpaceOnUse"},
                         {"width", 5},
                         {"height", 5},
                         {"patternTransform", "rotate(45)"}});
    out.Element("rect", {{"width", 5}, {"height", 5}, {"class", std::string(name) + "-ground"}});
    out.Element("rect", {{"width", 2}, {"height", 5}, {"class", std::string(name) + "-line"}});
    out.Close();
  }
  out.Close();
  out.Close();
}

}  // namespace pageward::tool
