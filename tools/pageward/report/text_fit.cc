#include "tools/pageward/report/text_fit.h"

#include <algorithm>

#include "tools/pageward/report/escape.h"

namespace pageward::tool {
namespace {

constexpr std::string_view kEllipsis = "…";

// Parts of the size of the font, after DejaVu Sans, which is wide.
double WidthOf(std::string_view character) {
  if (character.size() > 2) {
    return 1.0;  // Ideographs, symbols; too much for most others.
  }
  if (character.size() == 2) {
    return 0.65;
  }
  const char c = character[0];
  constexpr std::string_view kNarrow = "iIjl.,:;'|!()[]/\\ ftr-";
  constexpr std::string_view kWide = "mwMW@%";
  if (kNarrow.find(c) != std::string_view::npos) {
    return 0.41;
  }
  if (kWide.find(c) != std::string_view::npos) {
    return 0.98;
  }
  return c >= 'A' && c <= 'Z' ? 0.73 : 0.64;
}

// Returns how many bytes of `text` fit `width`.
std::size_t BytesThatFit(std::string_view text, double width, double size) {
  double used = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bytes = std::max<std::size_t>(LengthOfCharacter(text.substr(at)), 1);
    used += WidthOf(text.substr(at, bytes)) * size;
    if (used > width) {
      break;
    }
    at += bytes;
  }
  return at;
}

std::string_view WithoutSpaces(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

}  // namespace

double TextWidth(std::string_view text, double size) {
  double width = 0;
  while (!text.empty()) {
    const std::size_t bytes = std::max<std::size_t>(LengthOfCharacter(text), 1);
    width += WidthOf(text.substr(0, bytes)) * size;
    text.remove_prefix(bytes);
  }
  return width;
}

std::string CutToWidth(std::string_view text, double width, double size) {
  if (TextWidth(text, size) <= width) {
    return std::string(text);
  }
  const double room = width - TextWidth(kEllipsis, size);
  return std::string(text.substr(0, BytesThatFit(text, room, size))) + std::string(kEllipsis);
}

std::vector<std::string> WrapToWidth(std::string_view text, double width, double size,
                                     unsigned most) {
  std::vector<std::string> lines;
  text = WithoutSpaces(text);
  while (lines.size() + 1 < most && TextWidth(text, size) > width) {
    const std::size_t fits = std::max<std::size_t>(BytesThatFit(text, width, size), 1);
    // A space may fall on the break; a hyphen stays before it.
    std::size_t end = text.substr(0, fits + 1).rfind(' ');
    const std::size_t hyphen = text.substr(0, fits).rfind('-');
    if (end == std::string_view::npos || (hyphen != std::string_view::npos && hyphen > end)) {
      end = hyphen == std::string_view::npos ? end : hyphen + 1;
    }
    if (end == std::string_view::npos || end == 0) {
      end = fits;
    }
    std::string line(text.substr(0, end));
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
    text = WithoutSpaces(text.substr(end));
  }
  if (!text.empty() || lines.empty()) {
    lines.push_back(CutToWidth(text, width, size));
  }
  return lines;
}

}  // namespace pageward::tool
