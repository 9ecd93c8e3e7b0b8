// How wide a text will be, without a font at hand: SVG does not wrap lines, so whoever draws has to
// know before.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pageward::tool {

/// Returns about how wide `text` is at `size` in a common sans-serif font. Rather too much: the
/// widest of the fonts that browsers fall back to is the measure.
double TextWidth(std::string_view text, double size);

/// Returns `text`, or as much of its beginning as fits `width` with an ellipsis behind it.
std::string CutToWidth(std::string_view text, double width, double size);

/// Returns `text` in at most `most` lines that each fit `width`, broken at spaces and hyphens where
/// that is possible. The last one is cut if it has to be. Never nothing.
std::vector<std::string> WrapToWidth(std::string_view text, double width, double size,
                                     unsigned most);

}  // namespace pageward::tool
