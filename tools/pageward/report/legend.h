// Which colour is what, above the picture that uses it.
#pragma once

#include <string>
#include <vector>

#include "tools/pageward/report/markup_writer.h"

namespace pageward::tool {

struct LegendEntry {
  std::string name;
  std::size_t colour = 0;
};

/// Writes the entries in a row that wraps.
void WriteLegend(MarkupWriter& out, const std::vector<LegendEntry>& entries);

/// Writes the patterns that pictures refer to, once for each page.
void WritePatterns(MarkupWriter& out);

}  // namespace pageward::tool
