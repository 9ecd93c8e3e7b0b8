// Writes HTML and SVG that is well-formed XML as well: what is opened is closed, and every text is
// escaped.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pageward::tool {

/// `name="value"`. Numbers keep two digits behind the point.
struct Attribute {
  Attribute(std::string_view attribute, std::string text)
      : name(attribute), value(std::move(text)) {}
  Attribute(std::string_view attribute, std::string_view text) : name(attribute), value(text) {}
  Attribute(std::string_view attribute, const char* text) : name(attribute), value(text) {}
  Attribute(std::string_view attribute, double number);
  template <std::integral Integer>
  Attribute(std::string_view attribute, Integer number)
      : name(attribute), value(std::to_string(number)) {}

  std::string_view name;
  std::string value;
};

using Attributes = std::initializer_list<Attribute>;

/// Returns a length or place as SVG has it: two digits behind the point at most.
std::string FormatPlace(double place);

/// Appends markup to a text of its own.
class MarkupWriter {
 public:
  MarkupWriter() = default;
  MarkupWriter(const MarkupWriter&) = delete;
  MarkupWriter& operator=(const MarkupWriter&) = delete;

  /// Begins an element, or writes one that HTML knows no end of (meta, br). Attributes without a
  /// value are left out.
  void Open(std::string_view tag, Attributes attributes = {});

  /// Ends the element that was begun last.
  ///
  /// Requires: there is one.
  void Close();

  /// Writes an element with nothing but `text` in it.
  ///
  /// Requires: it is one that has an end.
  void Element(std::string_view tag, Attributes attributes, std::string_view text = {});

  /// The same, without attributes.
  void Element(std::string_view tag, std::string_view text) { Element(tag, {}, text); }

  void Text(std::string_view text);

  /// Writes what is markup already, or a style sheet.
  void Raw(std::string_view markup) { out_ += markup; }

  /// Returns all that was written, and begins anew.
  ///
  /// Requires: whatever was opened is closed.
  std::string Take();

 private:
  std::string out_;
  std::vector<std::string> open_;
};

}  // namespace pageward::tool
