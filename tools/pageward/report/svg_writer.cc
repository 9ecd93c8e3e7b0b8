#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {
namespace {

std::string Join(const std::vector<Point>& points) {
  std::string joined;
  for (const Point& point : points) {
    if (!joined.empty()) {
      joined += ' ';
    }
    joined += FormatPlace(point.x) + ',' + FormatPlace(point.y);
  }
  return joined;
}

}  // namespace

SvgWriter::SvgWriter(MarkupWriter& out, double width, double height, std::string_view label,
                     std::string_view css_class, Fit fit)
    : out_(out), width_(width), height_(height) {
  out_.Open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                    {"viewBox", "0 0 " + FormatPlace(width) + ' ' + FormatPlace(height)},
                    {"preserveAspectRatio", fit == Fit::kStretch ? "none" : ""},
                    {"role", "img"},
                    {"aria-label", label},
                    {"class", css_class}});
}

SvgWriter::~SvgWriter() {
  out_.Close();
}

void SvgWriter::Shape(std::string_view tag, Attributes attributes, std::string_view title) {
  if (title.empty()) {
    out_.Element(tag, attributes);
    return;
  }
  out_.Open(tag, attributes);
  out_.Element("title", title);
  out_.Close();
}

void SvgWriter::Rect(const Box& box, std::string_view css_class, std::string_view title,
                     double radius) {
  Shape("rect",
        {{"x", box.x},
         {"y", box.y},
         {"width", box.width},
         {"height", box.height},
         {"rx", radius > 0 ? FormatPlace(radius) : std::string()},
         {"class", css_class}},
        title);
}

void SvgWriter::Line(Point from, Point to, std::string_view css_class, std::string_view title) {
  Shape("line", {{"x1", from.x}, {"y1", from.y}, {"x2", to.x}, {"y2", to.y}, {"class", css_class}},
        title);
}

void SvgWriter::Circle(Point middle, double radius, std::string_view css_class,
                       std::string_view title) {
  Shape("circle", {{"cx", middle.x}, {"cy", middle.y}, {"r", radius}, {"class", css_class}}, title);
}

void SvgWriter::Polyline(const std::vector<Point>& points, std::string_view css_class,
                         std::string_view title) {
  Shape("polyline", {{"points", Join(points)}, {"class", css_class}}, title);
}

void SvgWriter::Polygon(const std::vector<Point>& points, std::string_view css_class,
                        std::string_view title) {
  Shape("polygon", {{"points", Join(points)}, {"class", css_class}}, title);
}

void SvgWriter::Text(Point at, std::string_view text, std::string_view anchor,
                     std::string_view css_class, std::string_view title) {
  out_.Open("text", {{"x", at.x}, {"y", at.y}, {"text-anchor", anchor}, {"class", css_class}});
  if (!title.empty()) {
    out_.Element("title", title);
  }
  out_.Text(text);
  out_.Close();
}

}  // namespace pageward::tool
