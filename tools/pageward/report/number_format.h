// Numbers as people read them: thousands grouped, no more digits than they mean.
#pragma once

#include <cstdint>
#include <string>

#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// What stands where there is no number.
inline constexpr char kNoNumber[] = "–";

/// "12,345,678".
std::string GroupThousands(std::uint64_t number);

/// A measured or modelled value: grouped and whole from a thousand on, with two to three digits
/// that matter below.
std::string FormatValue(double value);

/// Short, for axes: "0", "250 k", "1.5 G".
std::string FormatTick(double value);

/// A ratio with a sign that says so: "0.31×".
std::string FormatRatio(double ratio);

/// A part of one: "31 %", and "<1 %" for what is more than nothing.
std::string FormatShare(double part);

/// "low to high", as FormatValue() has them.
std::string FormatRange(const Band& band);

/// "0x" and hexadecimal digits.
std::string FormatHex(std::uint64_t number);

}  // namespace pageward::tool
