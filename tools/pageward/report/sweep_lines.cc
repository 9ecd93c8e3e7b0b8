#include "tools/pageward/report/sweep_lines.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace pageward::tool {
namespace {

const std::string* ValueOfSetting(const Run& run, const std::string& name) {
  for (const Setting& setting : run.settings) {
    if (setting.name == name) {
      return &setting.value;
    }
  }
  return nullptr;
}

std::optional<Band> MeasureOf(const Run& run, const std::string& measure) {
  if (measure == "cycles") {
    return run.cycles;
  }
  for (const Count& count : run.counts) {
    if (count.name == measure) {
      const auto times = static_cast<double>(count.times);
      return Band{times, times, times};
    }
  }
  for (const Quantity& quantity : run.quantities) {
    if (quantity.name == measure) {
      return Band{quantity.value, quantity.value, quantity.value};
    }
  }
  return std::nullopt;
}

// What tells the lines from each other: settings beside the axis that are not the same everywhere.
std::vector<std::string> DifferingSettings(const Report& report, const std::string& axis) {
  std::vector<std::string> differing;
  for (const Setting& setting : report.runs.front().settings) {
    const bool differs = std::any_of(report.runs.begin(), report.runs.end(), [&](const Run& run) {
      const std::string* value = ValueOfSetting(run, setting.name);
      return value == nullptr || *value != setting.value;
    });
    if (differs && setting.name != axis) {
      differing.push_back(setting.name);
    }
  }
  return differing;
}

std::string LineNameOf(const Run& run, const std::vector<std::string>& differing) {
  std::string name;
  for (const std::string& setting : differing) {
    const std::string* value = ValueOfSetting(run, setting);
    name += name.empty() ? "" : ", ";
    // A word alone says which setting it is of, as long as there is no other.
    const bool is_word = value != nullptr && !NumberOf(*value);
    name += is_word && differing.size() == 1 ? "" : setting + " ";
    name += value == nullptr ? "none" : *value;
  }
  return name;
}

}  // namespace

std::optional<double> NumberOf(std::string_view typed) {
  double number = 0;
  const auto [end, error] = std::from_chars(typed.data(), typed.data() + typed.size(), number);
  if (error != std::errc() || !std::isfinite(number)) {
    return std::nullopt;
  }
  std::string_view unit = typed.substr(static_cast<std::size_t>(end - typed.data()));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  if (unit.empty() || unit == "B") {
    return number;
  }
  constexpr std::string_view kUnits = "KMGTPE";
  const std::size_t power = kUnits.find(unit[0] == 'k' ? 'K' : unit[0]);
  unit.remove_prefix(1);
  if (power == std::string_view::npos || !(unit.empty() || unit == "B" || unit == "iB")) {
    return std::nullopt;
  }
  return std::ldexp(number, 10 * static_cast<int>(power + 1));
}

std::vector<SweepLine> SweepLinesOf(const Report& report, const std::string& axis,
                                    const std::string& measure) {
  if (report.runs.empty()) {
    return {};
  }
  const std::vector<std::string> differing = DifferingSettings(report, axis);
  bool are_numbers = true;
  std::map<std::string, double> places;
  for (const Run& run : report.runs) {
    if (const std::string* value = ValueOfSetting(run, axis)) {
      are_numbers = are_numbers && NumberOf(*value).has_value();
      places.try_emplace(*value, static_cast<double>(places.size()));
    }
  }
  std::vector<SweepLine> lines;
  for (const Run& run : report.runs) {
    const std::string* value = ValueOfSetting(run, axis);
    const std::optional<Band> band = MeasureOf(run, measure);
    if (value == nullptr || !band || !std::isfinite(band->nominal)) {
      continue;
    }
    const std::string name = LineNameOf(run, differing);
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const SweepLine& other) { return other.name == name; });
    if (line == lines.end()) {
      line = lines.insert(lines.end(), {name, {}});
    }
    line->points.push_back({are_numbers ? *NumberOf(*value) : places[*value], *value, *band});
  }
  for (SweepLine& line : lines) {
    std::stable_sort(line.points.begin(), line.points.end(),
                     [](const SweepPoint& a, const SweepPoint& b) { return a.at < b.at; });
  }
  return lines;
}

std::string SweptAxis(const Report& report) {
  std::string axis;
  std::size_t most = 2;
  if (report.runs.empty()) {
    return axis;
  }
  for (const Setting& setting : report.runs.front().settings) {
    std::set<double> numbers;
    bool are_numbers = true;
    for (const Run& run : report.runs) {
      const std::string* value = ValueOfSetting(run, setting.name);
      const std::optional<double> number = value != nullptr ? NumberOf(*value) : std::nullopt;
      are_numbers = are_numbers && number.has_value();
      numbers.insert(number.value_or(0));
    }
    if (are_numbers && numbers.size() > most) {
      most = numbers.size();
      axis = setting.name;
    }
  }
  return axis;
}

std::vector<std::string> ChangingMeasures(const Report& report, const std::string& axis,
                                          std::size_t most) {
  if (report.runs.empty()) {
    return {};
  }
  struct Measure {
    std::string name;
    double factor = 1;
    std::size_t place = 0;
  };
  std::vector<Measure> measures;
  for (const Count& count : report.runs.front().counts) {
    double factor = 1;
    for (const SweepLine& line : SweepLinesOf(report, axis, count.name)) {
      double low = std::numeric_limits<double>::infinity();
      double high = 0;
      for (const SweepPoint& point : line.points) {
        low = std::min(low, point.band.nominal);
        high = std::max(high, point.band.nominal);
      }
      factor = std::max(factor, (high + 1) / (low + 1));  // From nothing is a change as well.
    }
    if (factor > 1) {
      measures.push_back({count.name, factor, measures.size()});
    }
  }
  std::stable_sort(measures.begin(), measures.end(),
                   [](const Measure& a, const Measure& b) { return a.factor > b.factor; });
  measures.resize(std::min(measures.size(), most));
  std::sort(measures.begin(), measures.end(),
            [](const Measure& a, const Measure& b) { return a.place < b.place; });
  std::vector<std::string> names;
  for (Measure& measure : measures) {
    names.push_back(std::move(measure.name));
  }
  return names;
}

}  // namespace pageward::tool
