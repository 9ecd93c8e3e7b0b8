#include "tools/pageward/command/sizes.h"

#include <fmt/format.h>

#include "runtime/core/text.h"
#include "tools/pageward/command/failure.h"

namespace pageward::tool {

std::uint64_t ParseSize(std::string_view what, std::string_view text) {
  std::string_view number = text;
  for (const std::string_view unit : {"iB", "B"}) {
    const bool has_more = number.size() > unit.size() && number.ends_with(unit);
    // "16B" is bytes, "16GB" and "16GiB" are both powers of 1024, and "16iB" is nothing.
    if (has_more && (unit == "B" || std::string_view("KMGT").find(number[number.size() - 3]) !=
                                        std::string_view::npos)) {
      number.remove_suffix(unit.size());
      break;
    }
  }
  std::uint64_t bytes = 0;
  if (!ParseBytes(number, &bytes)) {
    throw Failure(fmt::format("{}: '{}' is no size, such as 512M or 4G", what, text));
  }
  return bytes;
}

std::uint64_t ParseNumber(std::string_view what, std::string_view text, std::uint64_t least,
                          std::uint64_t most) {
  std::uint64_t number = 0;
  if (!ParseDecimal(text, &number) || number < least || number > most) {
    throw Failure(
        fmt::format("{}: '{}' is no whole number from {} to {}", what, text, least, most));
  }
  return number;
}

std::string TypedSize(std::uint64_t bytes) {
  std::string_view units = "KMGT";
  std::string_view unit;
  while (bytes >= 1024 && bytes % 1024 == 0 && !units.empty()) {
    bytes /= 1024;
    unit = units.substr(0, 1);
    units.remove_prefix(1);
  }
  return fmt::format("{}{}", bytes, unit);
}

std::string WithCommas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string InThousands(double value) {
  constexpr std::string_view kUnits[] = {"", " k", " M", " G", " T", " P"};
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", value, decimals, kUnits[unit]);
}

}  // namespace pageward::tool
