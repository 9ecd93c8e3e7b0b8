#include "tools/pageward/report/escape.h"

#include <cstdint>

namespace pageward::tool {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Form {
  unsigned char mask;
  unsigned char lead;
  std::size_t bytes;
  std::uint32_t least;  // A smaller character has a shorter form.
};
constexpr Form kForms[] = {
    {0x80, 0x00, 1, 0}, {0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}};

bool IsInXml(std::uint32_t character) {
  return character == '\t' || character == '\n' || character == '\r' ||
         (character >= 0x20 && character < 0x7F) || (character >= 0xA0 && character < 0xD800) ||
         (character >= 0xE000 && character < 0xFFFE) ||
         (character >= 0x10000 && character < 0x110000);
}

// Returns the character at the beginning of `text`, `form` long, or nothing XML has.
std::uint32_t Decode(std::string_view text, const Form& form) {
  std::uint32_t character = static_cast<unsigned char>(text[0]) & ~std::uint32_t{form.mask} & 0xFF;
  for (std::size_t i = 1; i < form.bytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) {
      return 0;
    }
    character = character << 6 | (byte & 0x3Fu);
  }
  return character >= form.least ? character : 0;
}

}  // namespace

std::size_t LengthOfCharacter(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  for (const Form& form : kForms) {
    if ((static_cast<unsigned char>(text[0]) & form.mask) == form.lead) {
      return text.size() >= form.bytes && IsInXml(Decode(text, form)) ? form.bytes : 0;
    }
  }
  return 0;
}

std::string EscapeMarkup(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const std::size_t bytes = LengthOfCharacter(text);
    if (bytes == 0) {
      escaped += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    switch (text[0]) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return escaped;
}

}  // namespace pageward::tool
