#include "tools/pageward/sim/costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/files.h"
#include "tools/pageward/command/names.h"

namespace pageward::tool {
namespace {

// A foreign file may have anything in a line.
std::string Shown(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string shown(text.substr(0, kMost));
  std::replace_if(
      shown.begin(), shown.end(), [](char character) { return character < ' ' || character > '~'; },
      '?');
  return text.size() > kMost ? shown + "..." : shown;
}

}  // namespace

sim::CostModel CostsFrom(const std::string& path) {
  const std::string text = ReadFile(path);
  sim::CostModel costs;
  sim::CostError error;
  if (costs.Parse(text, &error)) {
    return costs;
  }
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < sim::kPrimitiveCount; ++i) {
    names.push_back(sim::NameOf(static_cast<sim::Primitive>(i)));
  }
  const bool is_number =
      error.nearest.empty() && std::find(names.begin(), names.end(), error.what) == names.end();
  std::string_view nearest = NearestName(error.what, names);
  nearest = nearest.empty() ? error.nearest : nearest;
  throw Failure(fmt::format(
      "--costs: {}, line {}: '{}' is no {}{}", path, error.line, Shown(error.what),
      is_number && nearest.empty() ? "primitive or number of cycles; a line is NAME = CYCLES"
                                   : "primitive",
      nearest.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest)));
}

}  // namespace pageward::tool
