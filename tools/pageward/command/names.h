// Names that people type: which one was meant when none is right.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pageward::tool {

/// Returns the parts of `text` between commas. Empty parts stay, since they are somebody's mistake.
std::vector<std::string> SplitAtCommas(std::string_view text);

/// Returns `names` with ", " between them.
std::string Joined(std::span<const std::string_view> names);

/// Returns the name that takes the fewest changes to become, or nothing if that would be guessing.
std::string_view NearestName(std::string_view typed, std::span<const std::string_view> names);

/// Returns "'typed' is not KIND: it is one of a, b, c", and a guess at what was meant.
std::string NoSuchName(std::string_view kind, std::string_view typed,
                       std::span<const std::string_view> names);

}  // namespace pageward::tool
