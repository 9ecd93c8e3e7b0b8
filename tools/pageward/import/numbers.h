// Numbers as traces spell them.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pageward::tool {

/// Reads all of `text` as a number: hexadecimal behind 0x, decimal otherwise. Returns nothing if it
/// is none or does not fit.
inline std::optional<std::uint64_t> NumberIn(std::string_view text) {
  const bool is_hex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  const std::string_view digits = is_hex ? text.substr(2) : text;
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, is_hex ? 16 : 10);
  const bool is_whole = error == std::errc() && stop == end && !digits.empty();
  return is_whole ? std::optional(value) : std::nullopt;
}

}  // namespace pageward::tool
