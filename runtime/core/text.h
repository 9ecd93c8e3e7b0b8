// Text without allocation: reports are made when the heap can't be trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pageward {

/// Appends to a buffer that belongs to somebody else; what does not fit is cut off.
///
/// Externally synchronized. Never allocates.
class TextWriter {
 public:
  TextWriter(char* buffer, std::size_t capacity) : buffer_(buffer), capacity_(capacity) {}

  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  TextWriter& Append(std::string_view text);
  TextWriter& AppendDecimal(std::uint64_t value);
  TextWriter& AppendSigned(std::int64_t value);
  /// Appends `value` as 0x and lower-case digits, without leading zeros.
  TextWriter& AppendHex(std::uint64_t value);
  /// Appends `value` with one decimal and a binary unit: "512 B", "1.5 KiB", "2.0 MiB".
  TextWriter& AppendBytes(std::uint64_t value);
  /// Appends spaces until the current line is `column` characters long.
  TextWriter& PadTo(std::size_t column);
  /// Appends a line end even if that costs the last character.
  TextWriter& EndLine();

  std::string_view view() const { return std::string_view(buffer_, length_); }
  bool IsTruncated() const { return is_truncated_; }
  void Clear();

 private:
  char* buffer_;
  std::size_t capacity_;
  std::size_t length_ = 0;
  std::size_t line_begin_ = 0;
  bool is_truncated_ = false;
};

/// A TextWriter with a buffer of its own.
template <std::size_t kCapacity>
class Text : public TextWriter {
 public:
  Text() : TextWriter(storage_, kCapacity) {}

 private:
  char storage_[kCapacity];
};

/// Reads a decimal number that fills `text`; returns false if it is anything else or overflows.
[[nodiscard]] bool ParseDecimal(std::string_view text, std::uint64_t* value);

/// Reads a number of bytes: decimal digits and an optional suffix K, M, G or T (powers of 1024).
[[nodiscard]] bool ParseBytes(std::string_view text, std::uint64_t* bytes);

}  // namespace pageward
