// Where the parts of a stale-window timeline go: views as spans in rows by page, probes as marks on
// them.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/pageward/report/run.h"
#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {

/// How much of a run is drawn. What is left out is counted.
inline constexpr std::size_t kDrawnRows = 36;
inline constexpr std::size_t kDrawnViews = 400;
inline constexpr std::size_t kDrawnProbes = 40;

/// Time as events that changed something: a gap of many events is wider than one of few, but only
/// by its logarithm, since a window is stale much longer than it is open.
class TimeScale {
 public:
  /// `times` need not be sorted. The places lie between `begin` and `end`.
  TimeScale(std::vector<std::uint64_t> times, double begin, double end);

  /// Returns the place of `time`; what lies outside lands on the nearer end.
  double At(std::uint64_t time) const;

  /// Returns times at least `apart` from each other, the first and the last among them if possible.
  std::vector<std::uint64_t> Ticks(double apart) const;

  /// True if equal lengths are not equally many events.
  bool IsShortened() const { return is_shortened_; }

 private:
  std::vector<std::uint64_t> times_;
  std::vector<double> places_;
  bool is_shortened_ = false;
};

/// One view. It is open from `begin` to `close`, stale from there to `end`.
struct ViewSpan {
  const ViewLife* life = nullptr;
  double begin = 0;
  double close = 0;
  double end = 0;
  double y = 0;  ///< Of its middle.
};

/// One probe. Its number is that of the list below the picture.
struct ProbeMark {
  const Probe* probe = nullptr;
  std::size_t number = 0;
  Point at;
};

/// What happens at one page of one processor.
struct ViewRow {
  unsigned cpu = 0;
  std::uint64_t page = 0;
  double y = 0;
  double height = 0;
  bool is_first_of_cpu = false;
};

struct ViewsLayout {
  double width = 0;
  double height = 0;
  Box plot;
  std::uint64_t first_page = 0;  ///< Rows are called by how far they are from here.
  std::vector<ViewRow> rows;
  std::vector<ViewSpan> spans;
  std::vector<ProbeMark> marks;
  TimeScale time;
  std::size_t views_left_out = 0;
  std::size_t probes_left_out = 0;
};

/// Returns where everything goes. Rows with probes come before others if not all can be drawn.
///
/// Requires: `run` outlives the result, and has views or probes.
ViewsLayout LayoutViews(const Run& run, double width);

}  // namespace pageward::tool
