#include "tools/pageward/report/views_layout.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace pageward::tool {
namespace {

constexpr double kGutter = 58;
constexpr double kMargin = 14;
constexpr double kTop = 6;
constexpr double kAxisHeight = 40;
constexpr double kCpuHeight = 18;  // The line that names a processor, above its rows.
constexpr double kLaneHeight = 18;
constexpr double kMarkApart = 15;  // Closer marks would cover each other.

using RowKey = std::pair<unsigned, std::uint64_t>;

// When a view closed and when it was gone, put in order whatever the run says.
struct Times {
  std::uint64_t opened;
  std::uint64_t closed;
  std::uint64_t gone;
};

Times TimesOf(const ViewLife& life, std::uint64_t last) {
  const std::uint64_t gone = std::max(life.flushed.value_or(last), life.opened);
  const std::uint64_t closed = std::clamp(life.closed.value_or(gone), life.opened, gone);
  return {life.opened, closed, gone};
}

std::uint64_t LastTime(const std::vector<const ViewLife*>& views,
                       const std::vector<const Probe*>& probes) {
  std::uint64_t last = 0;
  for (const ViewLife* view : views) {
    last = std::max({last, view->opened, view->closed.value_or(0), view->flushed.value_or(0)});
  }
  for (const Probe* probe : probes) {
    last = std::max(last, probe->at);
  }
  return last;
}

// Those that went through first, since they are what a timeline is for; then in their order.
std::vector<const Probe*> ChooseProbes(const Run& run) {
  std::vector<const Probe*> chosen;
  for (const bool went_through : {true, false}) {
    for (const Probe& probe : run.probes) {
      if (probe.went_through == went_through && chosen.size() < kDrawnProbes) {
        chosen.push_back(&probe);
      }
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const Probe* a, const Probe* b) { return a->at < b->at; });
  return chosen;
}

std::set<RowKey> ChooseRows(const Run& run, const std::vector<const Probe*>& probes) {
  std::set<RowKey> rows;
  for (const Probe* probe : probes) {
    rows.insert({probe->cpu, probe->page});
  }
  for (const ViewLife& view : run.views) {
    if (rows.size() >= kDrawnRows) {
      break;
    }
    rows.insert({view.cpu, view.page});
  }
  return rows;
}

std::vector<const ViewLife*> ChooseViews(const Run& run, const std::set<RowKey>& rows) {
  std::vector<const ViewLife*> chosen;
  for (const ViewLife& view : run.views) {
    if (chosen.size() < kDrawnViews && rows.contains({view.cpu, view.page})) {
      chosen.push_back(&view);
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const ViewLife* a, const ViewLife* b) { return a->opened < b->opened; });
  return chosen;
}

// Hands out lanes of a row: the first one whose last occupant has ended.
class Lanes {
 public:
  std::size_t Place(double begin, double end) {
    for (std::size_t lane = 0; lane < ends_.size(); ++lane) {
      if (ends_[lane] <= begin) {
        ends_[lane] = end;
        return lane;
      }
    }
    ends_.push_back(end);
    return ends_.size() - 1;
  }
  std::size_t size() const { return std::max<std::size_t>(ends_.size(), 1); }

 private:
  std::vector<double> ends_;
};

struct RowLanes {
  Lanes spans;
  Lanes marks;
};

}  // namespace

TimeScale::TimeScale(std::vector<std::uint64_t> times, double begin, double end)
    : times_(std::move(times)) {
  std::sort(times_.begin(), times_.end());
  times_.erase(std::unique(times_.begin(), times_.end()), times_.end());
  double place = 0;
  for (std::size_t i = 0; i < times_.size(); ++i) {
    if (i > 0) {
      const std::uint64_t gap = times_[i] - times_[i - 1];
      is_shortened_ = is_shortened_ || gap > 2;  // One of two is as wide as two of one.
      place += 1 + std::log2(static_cast<double>(gap));
    }
    places_.push_back(place);
  }
  for (double& each : places_) {
    each = begin + (place > 0 ? each / place : 0) * (end - begin);
  }
}

double TimeScale::At(std::uint64_t time) const {
  if (times_.empty()) {
    return 0;
  }
  const auto next = std::lower_bound(times_.begin(), times_.end(), time);
  const auto index = static_cast<std::size_t>(next - times_.begin());
  if (next == times_.end()) {
    return places_.back();
  }
  if (*next == time || index == 0) {
    return places_[index];
  }
  const double part = static_cast<double>(time - times_[index - 1]) /
                      static_cast<double>(*next - times_[index - 1]);
  return places_[index - 1] + part * (places_[index] - places_[index - 1]);
}

std::vector<std::uint64_t> TimeScale::Ticks(double apart) const {
  std::vector<std::uint64_t> ticks;
  if (times_.empty()) {
    return ticks;
  }
  ticks.push_back(times_.front());
  double last = places_.front();
  for (std::size_t i = 1; i + 1 < times_.size(); ++i) {
    if (places_[i] - last >= apart && places_.back() - places_[i] >= apart) {
      ticks.push_back(times_[i]);
      last = places_[i];
    }
  }
  if (places_.back() - last >= apart) {
    ticks.push_back(times_.back());
  }
  return ticks;
}

ViewsLayout LayoutViews(const Run& run, double width) {
  const std::vector<const Probe*> probes = ChooseProbes(run);
  const std::set<RowKey> keys = ChooseRows(run, probes);
  const std::vector<const ViewLife*> views = ChooseViews(run, keys);
  const std::uint64_t last = LastTime(views, probes);

  std::vector<std::uint64_t> times;
  for (const ViewLife* view : views) {
    const Times at = TimesOf(*view, last);
    times.insert(times.end(), {at.opened, at.closed, at.gone});
  }
  for (const Probe* probe : probes) {
    times.push_back(probe->at);
  }
  ViewsLayout layout{.width = width,
                     .height = 0,
                     .plot = {kGutter, kTop, width - kGutter - kMargin, 0},
                     .first_page = 0,
                     .rows = {},
                     .spans = {},
                     .marks = {},
                     .time = TimeScale(std::move(times), kGutter + 6, width - kMargin - 4),
                     .views_left_out = run.views.size() - views.size(),
                     .probes_left_out = run.probes.size() - probes.size()};

  // First which lane everything has in its row, then how high the rows are.
  std::map<RowKey, RowLanes> lanes;
  for (const RowKey& key : keys) {
    lanes[key];
  }
  for (const ViewLife* view : views) {
    const Times at = TimesOf(*view, last);
    ViewSpan span{view, layout.time.At(at.opened), layout.time.At(at.closed),
                  layout.time.At(at.gone), 0};
    span.y = static_cast<double>(lanes[{view->cpu, view->page}].spans.Place(span.begin, span.end));
    layout.spans.push_back(span);
  }
  for (const Probe* probe : probes) {
    const double x = layout.time.At(probe->at);
    const std::size_t lane = lanes[{probe->cpu, probe->page}].marks.Place(x, x + kMarkApart);
    layout.marks.push_back({probe, layout.marks.size() + 1, {x, static_cast<double>(lane)}});
  }
  double y = kTop;
  std::map<RowKey, double> tops;
  layout.first_page = keys.empty() ? 0 : keys.begin()->second;
  for (const auto& [key, used] : lanes) {
    const bool is_first = layout.rows.empty() || layout.rows.back().cpu != key.first;
    y += is_first ? kCpuHeight : 0;
    const double height =
        kLaneHeight * static_cast<double>(std::max(used.spans.size(), used.marks.size()));
    layout.rows.push_back({key.first, key.second, y, height, is_first});
    layout.first_page = std::min(layout.first_page, key.second);
    tops[key] = y;
    y += height;
  }
  for (ViewSpan& span : layout.spans) {
    span.y = tops[{span.life->cpu, span.life->page}] + kLaneHeight * (span.y + 0.5);
  }
  for (ProbeMark& mark : layout.marks) {
    mark.at.y = tops[{mark.probe->cpu, mark.probe->page}] + kLaneHeight * (mark.at.y + 0.5);
  }
  layout.plot.height = y - kTop;
  layout.height = y + kAxisHeight;
  return layout;
}

}  // namespace pageward::tool
