// Shapes of SVG, each with the text that a pointer resting on it shows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/pageward/report/markup_writer.h"

namespace pageward::tool {

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  double right() const { return x + width; }
  double bottom() const { return y + height; }
};

/// One picture. Open from its construction to its end.
class SvgWriter {
 public:
  enum class Fit {
    kKeepShape,  ///< Grows and shrinks as a whole.
    kStretch,    ///< Fills its place: for pictures without texts or round things.
  };

  /// Begins a picture that people who do not see it know by `label`.
  SvgWriter(MarkupWriter& out, double width, double height, std::string_view label,
            std::string_view css_class, Fit fit = Fit::kKeepShape);
  ~SvgWriter();
  SvgWriter(const SvgWriter&) = delete;
  SvgWriter& operator=(const SvgWriter&) = delete;

  double width() const { return width_; }
  double height() const { return height_; }

  void Rect(const Box& box, std::string_view css_class, std::string_view title = {},
            double radius = 0);
  void Line(Point from, Point to, std::string_view css_class, std::string_view title = {});
  void Circle(Point middle, double radius, std::string_view css_class, std::string_view title = {});

  /// A line through `points`, or the area inside of them.
  void Polyline(const std::vector<Point>& points, std::string_view css_class,
                std::string_view title = {});
  void Polygon(const std::vector<Point>& points, std::string_view css_class,
               std::string_view title = {});

  /// A text with its baseline at `at`, which is its "start", "middle" or "end".
  void Text(Point at, std::string_view text, std::string_view anchor, std::string_view css_class,
            std::string_view title = {});

 private:
  void Shape(std::string_view tag, Attributes attributes, std::string_view title);

  MarkupWriter& out_;
  const double width_;
  const double height_;
};

}  // namespace pageward::tool
