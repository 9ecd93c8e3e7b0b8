// Makes any bytes fit to stand in HTML and SVG: a command line or a name may hold whatever somebody
// typed.
#pragma once

#include <string>
#include <string_view>

namespace pageward::tool {

/// Returns `text` with what has a meaning in markup escaped, in texts and in quoted attributes.
///
/// Bytes that are no UTF-8, and characters that XML does not have, become U+FFFD.
std::string EscapeMarkup(std::string_view text);

/// Returns how many bytes the UTF-8 character at the beginning of `text` has, or 0 if there is
/// none.
std::size_t LengthOfCharacter(std::string_view text);

}  // namespace pageward::tool
