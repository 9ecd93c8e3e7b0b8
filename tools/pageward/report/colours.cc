#include "tools/pageward/report/colours.h"

#include <fmt/format.h>

#include <iterator>

namespace pageward::tool {
namespace {

struct UsualColour {
  std::string_view word;
  std::size_t colour;
};

// The first word that is in a freetype's name decides, so "unmapped" stands before "mapped" and
// "unmovable" before "movable".
constexpr UsualColour kFreetypeColours[] = {
    {"keyed", 5},     {"table", 5},   {"unmapped", 0},    {"hidden", 0},
    {"unmovable", 1}, {"movable", 2}, {"reclaimable", 4}, {"early", kGrey},
};

std::string Variables(bool is_dark) {
  std::string css;
  for (std::size_t i = 0; i < kColours.size(); ++i) {
    css += fmt::format("--c{}:{};", i, is_dark ? kColours[i].dark : kColours[i].light);
  }
  return css;
}

}  // namespace

std::string FillClass(std::size_t index) {
  return fmt::format("fill-{}", index % kColours.size());
}

std::string LineClass(std::size_t index) {
  return fmt::format("line-{}", index % kColours.size());
}

std::string ColourStyle() {
  std::string css = fmt::format(
      ":root{{{}}}\n@media (prefers-color-scheme:dark){{@media screen{{:root{{{}}}}}}}\n",
      Variables(false), Variables(true));
  for (std::size_t i = 0; i < kColours.size(); ++i) {
    css += fmt::format(".fill-{0}{{fill:var(--c{0});background-color:var(--c{0})}}", i);
    css += fmt::format(".line-{0}{{stroke:var(--c{0});fill:none}}\n", i);
  }
  return css;
}

bool Palette::IsTaken(std::size_t index) const {
  for (const auto& [name, colour] : colours_) {
    if (colour == index) {
      return true;
    }
  }
  return false;
}

void Palette::Add(std::string_view name, std::size_t usual) {
  if (colours_.find(name) != colours_.end()) {
    return;
  }
  std::size_t colour = usual;
  for (std::size_t i = 0; IsTaken(colour); ++i) {
    colour = i;
  }
  colours_.emplace(name, colour);
}

void Palette::Add(std::string_view name) {
  Add(name, 0);
}

std::size_t Palette::ColourOf(std::string_view name) const {
  const auto found = colours_.find(name);
  return found == colours_.end() ? kGrey : found->second;
}

Palette FreetypePalette(const Report& report) {
  Palette palette;
  // Those with a colour of their own come first, so that no other name takes it.
  for (const bool has_usual : {true, false}) {
    for (const Run& run : report.runs) {
      for (const std::string& name : run.freetypes) {
        const auto* end = std::end(kFreetypeColours);
        const auto* usual = std::begin(kFreetypeColours);
        while (usual != end && name.find(usual->word) == std::string::npos) {
          ++usual;
        }
        if (has_usual && usual != end) {
          palette.Add(name, usual->colour);
        } else if (!has_usual && usual == end) {
          palette.Add(name);
        }
      }
    }
  }
  return palette;
}

}  // namespace pageward::tool
