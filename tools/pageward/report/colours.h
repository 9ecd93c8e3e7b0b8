// Which colour stands for what, the same in every picture of a report.
//
// Eight colours that people who see colours differently tell apart, after Okabe and Ito ("Color
// Universal Design", 2008), with grey for their black, which has to be seen on dark paper as well.
// A ninth thing gets the first colour again, striped.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "tools/pageward/report/run.h"

namespace pageward::tool {

struct Colour {
  std::string_view name;
  std::string_view light;  ///< On light paper.
  std::string_view dark;   ///< On dark paper.
};

inline constexpr std::array<Colour, 8> kColours = {{{"blue", "#0072b2", "#3d9fd8"},
                                                    {"orange", "#e69f00", "#e8ac2c"},
                                                    {"green", "#009e73", "#1fb58b"},
                                                    {"purple", "#cc79a7", "#d690b8"},
                                                    {"sky", "#56b4e9", "#8acdf2"},
                                                    {"vermilion", "#d55e00", "#ec7a2c"},
                                                    {"yellow", "#e8d830", "#f0e442"},
                                                    {"grey", "#7d7d7d", "#9a9a9a"}}};
inline constexpr std::size_t kGrey = 7;

/// Returns the class of things that are filled in the colour `index`, "fill-0" and so on.
std::string FillClass(std::size_t index);

/// Returns the class of lines in the colour `index`.
std::string LineClass(std::size_t index);

/// True if the colour `index` is one of the first eight again, which needs stripes.
constexpr bool IsStriped(std::size_t index) {
  return index >= kColours.size();
}

/// Returns the style sheet of the classes, with variables for light and dark paper.
std::string ColourStyle();

/// Gives names their colours: the one they usually have, or the next that is free.
class Palette {
 public:
  /// Adds a name, if it is not there yet. `usual` is taken by others later.
  void Add(std::string_view name, std::size_t usual);
  void Add(std::string_view name);

  /// Returns the colour of a name, or grey for one that was never added.
  std::size_t ColourOf(std::string_view name) const;

 private:
  bool IsTaken(std::size_t index) const;

  std::map<std::string, std::size_t, std::less<>> colours_;
};

/// Colours of all freetypes in `report`: what is hidden is blue and vermilion in every report.
Palette FreetypePalette(const Report& report);

}  // namespace pageward::tool
