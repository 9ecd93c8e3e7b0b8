// Sizes and numbers as people type and read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pageward::tool {

/// Returns the bytes that `text` says: a number, or one with K, M, G or T (powers of 1024) and
/// perhaps iB or B behind. Throws Failure, which names `what`.
std::uint64_t ParseSize(std::string_view what, std::string_view text);

/// Returns a whole number from `least` to `most`. Throws Failure, which names `what`.
std::uint64_t ParseNumber(std::string_view what, std::string_view text, std::uint64_t least,
                          std::uint64_t most);

/// Returns `bytes` as it would be typed: "64G", "2M", or "4097".
std::string TypedSize(std::uint64_t bytes);

/// Returns `number` with a comma between each three digits.
std::string WithCommas(std::uint64_t number);

/// Returns `value` with three digits and a unit of a thousand: "812", "4.21 k", "1.03 G".
std::string InThousands(double value);

}  // namespace pageward::tool
