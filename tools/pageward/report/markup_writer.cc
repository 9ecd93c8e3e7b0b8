#include "tools/pageward/report/markup_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/core/check.h"
#include "tools/pageward/report/escape.h"

namespace pageward::tool {
namespace {

// HTML has no end tag for these. Every other element must have one, empty or not.
constexpr std::array<std::string_view, 6> kVoid = {"meta", "br", "hr", "col", "img", "link"};

// Attributes that mean something without a value.
bool MayBeEmpty(std::string_view attribute) {
  return attribute == "open" || attribute == "alt";
}

}  // namespace

std::string FormatPlace(double place) {
  std::string text = fmt::format("{:.2f}", std::isfinite(place) ? place : 0.0);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

Attribute::Attribute(std::string_view attribute, double number)
    : name(attribute), value(FormatPlace(number)) {}

void MarkupWriter::Open(std::string_view tag, Attributes attributes) {
  out_ += '<';
  out_ += tag;
  for (const Attribute& attribute : attributes) {
    if (attribute.value.empty() && !MayBeEmpty(attribute.name)) {
      continue;
    }
    out_ += ' ';
    out_ += attribute.name;
    out_ += "=\"";
    out_ += EscapeMarkup(attribute.value);
    out_ += '"';
  }
  if (std::find(kVoid.begin(), kVoid.end(), tag) != kVoid.end()) {
    out_ += "/>";
    return;
  }
  out_ += '>';
  open_.emplace_back(tag);
}

void MarkupWriter::Close() {
  PW_ASSERT(!open_.empty());
  out_ += "</";
  out_ += open_.back();
  out_ += ">\n";
  open_.pop_back();
}

void MarkupWriter::Element(std::string_view tag, Attributes attributes, std::string_view text) {
  Open(tag, attributes);
  PW_ASSERT(!open_.empty() && open_.back() == tag);
  Text(text);
  out_ += "</";
  out_ += tag;
  out_ += '>';
  open_.pop_back();
}

void MarkupWriter::Text(std::string_view text) {
  out_ += EscapeMarkup(text);
}

std::string MarkupWriter::Take() {
  PW_ASSERT(open_.empty());
  return std::exchange(out_, {});
}

}  // namespace pageward::tool
