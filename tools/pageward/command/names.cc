#include "tools/pageward/command/names.h"

#include <fmt/format.h>

#include <algorithm>

namespace pageward::tool {
namespace {

// Levenshtein's distance, one row at a time.
std::size_t ChangesBetween(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t i = 0; i <= to.size(); ++i) {
    row[i] = i;
  }
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[to.size()];
}

}  // namespace

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(',', begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) {
      return parts;
    }
    begin = end + 1;
  }
}

std::string Joined(std::span<const std::string_view> names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string_view NearestName(std::string_view typed, std::span<const std::string_view> names) {
  std::string_view nearest;
  // Half of it may be wrong; beyond that it is another word.
  std::size_t fewest = typed.size() / 2 + 1;
  for (const std::string_view name : names) {
    if (const std::size_t changes = ChangesBetween(typed, name); changes < fewest) {
      fewest = changes;
      nearest = name;
    }
  }
  return nearest;
}

std::string NoSuchName(std::string_view kind, std::string_view typed,
                       std::span<const std::string_view> names) {
  std::string text = fmt::format("'{}' is not {}: it is one of {}", typed, kind, Joined(names));
  if (const std::string_view nearest = NearestName(typed, names); !nearest.empty()) {
    text += fmt::format("; did you mean '{}'?", nearest);
  }
  return text;
}

}  // namespace pageward::tool
