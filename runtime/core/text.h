// Text without allocation: reports are made when the heap can't be trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pageward {

/// Returns the first `count` characters of `text`, or all of it. Like substr(0, count), which would
/// import libstdc++'s out_of_range.
constexpr std::string_view FirstOf(std::string_view text, std::size_t count) {
  return std::string_view(text.data(), count < text.size() ? count : text.size());
}

/// Returns `text` without its first `count` characters; empty if it has no more.
constexpr std::string_view WithoutFirst(std::string_view text, std::size_t count) {
  text.remove_prefix(count < text.size() ? count : text.size());
  return text;
}

/// Cuts `text` at the first `separator`: returns what stands before it and leaves what stands
/// behind it in `text`, which is empty if there is no separator.
constexpr std::string_view TakeUpTo(char separator, std::string_view* text) {
  const std::size_t at = text->find(separator);
  const std::string_view taken = FirstOf(*text, at);
  *text = at == std::string_view::npos ? std::string_view() : WithoutFirst(*text, at + 1);
  return taken;
}

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
