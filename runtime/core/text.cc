#include "runtime/core/text.h"

#include <cstring>

namespace pageward {

TextWriter& TextWriter::Append(std::string_view text) {
  const std::size_t room = capacity_ - length_;
  const std::string_view taken = FirstOf(text, room);
  is_truncated_ = is_truncated_ || taken.size() < text.size();
  if (taken.empty()) {
    return *this;  // An empty text may have no address, which memcpy must not be given.
  }
  std::memcpy(buffer_ + length_, taken.data(), taken.size());
  if (const std::size_t end = taken.rfind('\n'); end != std::string_view::npos) {
    line_begin_ = length_ + end + 1;
  }
  length_ += taken.size();
  return *this;
}

TextWriter& TextWriter::AppendDecimal(std::uint64_t value) {
  char digits[20];
  std::size_t first = sizeof(digits);
  do {
    digits[--first] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return Append(std::string_view(digits + first, sizeof(digits) - first));
}

TextWriter& TextWriter::AppendSigned(std::int64_t value) {
  if (value >= 0) {
    return AppendDecimal(static_cast<std::uint64_t>(value));
  }
  // Negating in unsigned arithmetic keeps INT64_MIN defined.
  return Append("-").AppendDecimal(~static_cast<std::uint64_t>(value) + 1);
}

TextWriter& TextWriter::AppendHex(std::uint64_t value) {
  char digits[16];
  std::size_t first = sizeof(digits);
  do {
    digits[--first] = "0123456789abcdef"[value % 16];
    value /= 16;
  } while (value != 0);
  return Append("0x").Append(std::string_view(digits + first, sizeof(digits) - first));
}

TextWriter& TextWriter::AppendBytes(std::uint64_t value) {
  static constexpr std::string_view kUnits[] = {" B",   " KiB", " MiB", " GiB",
                                                " TiB", " PiB", " EiB"};
  std::size_t unit = 0;
  std::uint64_t whole = value;
  std::uint64_t rest = 0;
  while (whole >= 1024) {
    rest = whole % 1024;
    whole /= 1024;
    ++unit;
  }
  AppendDecimal(whole);
  if (unit > 0) {
    Append(".").AppendDecimal(rest * 10 / 1024);
  }
  return Append(kUnits[unit]);
}

TextWriter& TextWriter::PadTo(std::size_t column) {
  while (length_ - line_begin_ < column && length_ < capacity_) {
    Append(" ");
  }
  return *this;
}

TextWriter& TextWriter::EndLine() {
  if (length_ == capacity_ && capacity_ > 0) {
    --length_;
  }
  return Append("\n");
}

void TextWriter::Clear() {
  length_ = 0;
  line_begin_ = 0;
  is_truncated_ = false;
}

bool ParseDecimal(std::string_view text, std::uint64_t* value) {
  if (text.empty()) {
    return false;
  }
  std::uint64_t result = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return false;
    }
    if (__builtin_mul_overflow(result, std::uint64_t{10}, &result) ||
        __builtin_add_overflow(result, static_cast<std::uint64_t>(c - '0'), &result)) {
      return false;
    }
  }
  *value = result;
  return true;
}

bool ParseBytes(std::string_view text, std::uint64_t* bytes) {
  static constexpr std::string_view kSuffixes = "KMGT";
  unsigned shift = 0;
  if (!text.empty()) {
    if (const std::size_t found = kSuffixes.find(text.back()); found != std::string_view::npos) {
      shift = static_cast<unsigned>(10 * (found + 1));
      text.remove_suffix(1);
    }
  }
  std::uint64_t value = 0;
  if (!ParseDecimal(text, &value) || (shift > 0 && value >> (64 - shift) != 0)) {
    return false;
  }
  *bytes = value << shift;
  return true;
}

}  // namespace pageward
