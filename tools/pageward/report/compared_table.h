// Tables with a column for each run: what was the same is seen at a glance, and what was not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/pageward/report/markup_writer.h"

namespace pageward::tool {

/// How many runs stand beside each other. More are continued below, with the first one again.
inline constexpr std::size_t kRunsPerTable = 6;

/// What one run has in one row.
struct ComparedCell {
  std::string text;
  std::string note;             ///< Smaller, below; may be empty.
  std::optional<double> value;  ///< With one, there is a bar that says how it compares.
};

/// A row. `cells` runs parallel to the names of the runs; some may have nothing.
struct ComparedRow {
  std::string name;
  std::string what;  ///< One line below the name; may be empty.
  std::vector<std::optional<ComparedCell>> cells;
};

/// Returns "0.31×" for what relates to the first run, or nothing where that says nothing.
std::string RatioNote(double value, std::optional<double> first);

/// Returns which runs each of the tables has, by index.
std::vector<std::vector<std::size_t>> TablesFor(std::size_t runs);

/// Writes `rows` as one table or as many as the runs need. Wide ones scroll by themselves.
void WriteComparedTable(MarkupWriter& out, const std::string& caption, const std::string& heading,
                        const std::vector<std::string>& runs, const std::vector<ComparedRow>& rows);

}  // namespace pageward::tool
