#include "tools/pageward/report/number_format.h"

#include <fmt/format.h>

#include <cmath>

namespace pageward::tool {
namespace {

// Groups the digits of a whole number that may have a sign before it.
std::string Group(std::string digits) {
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3; at -= 3) {
    digits.insert(at - 3, 1, ',');
  }
  return digits;
}

// Removes what follows the last digit that is not zero behind the point.
std::string Trim(std::string digits) {
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') {
      digits.pop_back();
    }
  }
  return digits == "-0" ? "0" : digits;
}

}  // namespace

std::string GroupThousands(std::uint64_t number) {
  return Group(fmt::format("{}", number));
}

std::string FormatValue(double value) {
  if (!std::isfinite(value)) {
    return kNoNumber;
  }
  const double size = std::fabs(value);
  if (size >= 1000 || std::round(value) == value) {
    return Group(fmt::format("{:.0f}", value + 0.0));
  }
  if (size >= 1) {
    return Trim(fmt::format("{:.{}f}", value, size >= 100 ? 1 : 2));
  }
  if (size < 0.0005 && size > 1e-12) {
    const int digits = 1 - static_cast<int>(std::floor(std::log10(size)));
    return Trim(fmt::format("{:.{}f}", value, digits));
  }
  return Trim(fmt::format("{:.3f}", value));
}

std::string FormatTick(double value) {
  struct Unit {
    double size;
    const char* name;
  };
  constexpr Unit kUnits[] = {{1e18, "E"}, {1e15, "P"}, {1e12, "T"},
                             {1e9, "G"},  {1e6, "M"},  {1e3, "k"}};
  for (const Unit& unit : kUnits) {
    // A hair less, since a tick may be one that was added up.
    if (std::fabs(value) >= unit.size * (1 - 1e-9)) {
      return Trim(fmt::format("{:.2f}", value / unit.size)) + "\u00A0" + unit.name;
    }
  }
  if (!std::isfinite(value)) {
    return kNoNumber;
  }
  return std::fabs(value) < 1e-12 ? "0" : fmt::format("{:.3g}", value);
}

std::string FormatRatio(double ratio) {
  if (!std::isfinite(ratio)) {
    return kNoNumber;
  }
  if (ratio >= 100) {
    return Group(fmt::format("{:.0f}", ratio)) + "×";
  }
  if (ratio >= 10) {
    return fmt::format("{:.1f}×", ratio);
  }
  if (ratio >= 0.0995 || ratio == 0) {
    return fmt::format("{:.2f}×", ratio);
  }
  return fmt::format("{:.2g}×", ratio);
}

std::string FormatShare(double part) {
  if (!std::isfinite(part)) {
    return kNoNumber;
  }
  if (part > 0 && part < 0.005) {
    return "<1\u00A0%";
  }
  return fmt::format("{:.0f}\u00A0%", part * 100);
}

std::string FormatRange(const Band& band) {
  return FormatValue(band.low) + " to " + FormatValue(band.high);
}

std::string FormatHex(std::uint64_t number) {
  return fmt::format("{:#x}", number);
}

}  // namespace pageward::tool
