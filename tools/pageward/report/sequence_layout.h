// Where the parts of a sequence diagram go: participants in columns, messages in rows, nesting as
// boxes around the rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/pageward/report/run.h"
#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {

/// How many messages are drawn of a longer diagram: its beginning and its end.
inline constexpr std::size_t kFirstMessages = 40;
inline constexpr std::size_t kLastMessages = 16;

/// The sizes of texts, which the style sheet repeats.
inline constexpr double kMessageSize = 11;
inline constexpr double kHeadSize = 9.5;

/// A participant: its line of life is at `x`.
struct SequenceColumn {
  double x = 0;
  std::string name;
  std::vector<std::string> lines;  ///< The name, as it fits.
};

/// A message: its text above its arrow.
struct SequenceRow {
  const Message* message = nullptr;
  double from = 0;
  double to = 0;
  double arrow_y = 0;
  double text_x = 0;
  double text_y = 0;  ///< Of the first line.
  std::vector<std::string> lines;
  bool changes_depth = false;  ///< Its depth is another than that of the row before.
};

/// What is nested `depth` deep, or deeper.
struct SequenceNest {
  unsigned depth = 0;
  Box box;
};

/// The place where messages are left out.
struct SequenceGap {
  std::size_t messages = 0;
  unsigned least_depth = 0;
  unsigned most_depth = 0;
  double y = 0;  ///< Of its middle.
};

struct SequenceLayout {
  double width = 0;
  double height = 0;
  double heads_bottom = 0;
  std::vector<SequenceColumn> columns;
  std::vector<SequenceRow> rows;
  std::vector<SequenceNest> nests;  ///< Outer ones before those inside of them.
  std::vector<SequenceGap> gaps;    ///< One or none.
  unsigned most_depth = 0;          ///< Of all messages, whether or not they are drawn.
};

/// Returns where everything goes.
///
/// Requires: `run` outlives the result, and has messages.
SequenceLayout LayoutSequence(const Run& run, double width);

}  // namespace pageward::tool
