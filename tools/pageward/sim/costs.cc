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

// Whether `what`, a part of a text, stands behind the = of its line, or should and is not there.
bool IsNumber(std::string_view text, std::string_view what) {
  if (what.data() == nullptr) {
    return true;
  }
  const std::string_view before =
      text.substr(0, static_cast<std::size_t>(what.data() - text.data()));
  const std::size_t line = before.find_last_of('\n');
  return before.find('=', line == std::string_view::npos ? 0 : line) != std::string_view::npos;
}

std::string Explained(std::string_view text, const sim::CostError& error) {
  if (IsNumber(text, error.what)) {
    return fmt::format("'{}' is no number of cycles; a line is NAME = CYCLES", Shown(error.what));
  }
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < sim::kPrimitiveCount; ++i) {
    names.push_back(sim::NameOf(static_cast<sim::Primitive>(i)));
  }
  const std::string_view nearest = NearestName(error.what, names);
  return fmt::format("'{}' is no primitive{}", Shown(error.what),
                     nearest.empty() ? std::string("; a line is NAME = CYCLES")
                                     : fmt::format("; did you mean '{}'?", nearest));
}

}  // namespace

sim::CostModel CostsFrom(const std::string& path) {
  const std::string text = ReadFile(path);
  sim::CostModel costs;
  sim::CostError error;
  if (!costs.Parse(text, &error)) {
    throw Failure(
        fmt::format("--costs: {}, line {}: {}", path, error.line, Explained(text, error)));
  }
  return costs;
}

}  // namespace pageward::tool
