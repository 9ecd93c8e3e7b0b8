#include "tools/pageward/report/csv.h"

#include <fmt/format.h>

#include <vector>

namespace pageward::tool {
namespace {

// RFC 4180: quoted if it has to be, quotes doubled.
std::string Cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string cell = "\"";
  for (const char character : text) {
    cell += character;
    if (character == '"') {
      cell += character;
    }
  }
  return cell + "\"";
}

std::string Line(const std::vector<std::string>& cells) {
  return fmt::format("{}\n", fmt::join(cells, ","));
}

std::vector<std::string> NamesOf(const Run& run) {
  std::vector<std::string> names = {"run"};
  for (const Setting& setting : run.settings) {
    names.push_back(Cell(setting.name));
  }
  names.insert(names.end(), {"cycles-low", "cycles", "cycles-high"});
  for (const Count& count : run.counts) {
    names.push_back(Cell(count.name));
  }
  for (const Quantity& quantity : run.quantities) {
    names.push_back(Cell(fmt::format("{} ({})", quantity.name, quantity.unit)));
  }
  return names;
}

std::vector<std::string> ValuesOf(const Run& run) {
  std::vector<std::string> values = {Cell(run.name)};
  for (const Setting& setting : run.settings) {
    values.push_back(Cell(setting.value));
  }
  for (const double cycles : {run.cycles.low, run.cycles.nominal, run.cycles.high}) {
    values.push_back(fmt::format("{:.0f}", cycles));
  }
  for (const Count& count : run.counts) {
    values.push_back(std::to_string(count.times));
  }
  for (const Quantity& quantity : run.quantities) {
    values.push_back(fmt::format("{:.6g}", quantity.value));
  }
  return values;
}

}  // namespace

std::string RenderCsv(const Report& report) {
  if (report.runs.empty()) {
    return {};
  }
  std::string csv = Line(NamesOf(report.runs.front()));
  for (const Run& run : report.runs) {
    csv += Line(ValuesOf(run));
  }
  return csv;
}

}  // namespace pageward::tool
