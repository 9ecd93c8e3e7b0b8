// Where the modelled cycles go: the share of each primitive, as stacked bars and in numbers.
#pragma once

#include <string>
#include <vector>

#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// A primitive's part of one run's cycles. Parts of a run follow each other and end at 1.
struct SharePart {
  std::string primitive;
  double begin = 0;
  double end = 0;
  std::uint64_t times = 0;
  std::uint64_t cycles = 0;  ///< Each. 0 for several primitives taken together.
};

/// How many primitives have a colour of their own; the others are one part, "others".
inline constexpr std::size_t kColouredPrimitives = 7;

/// Returns the primitives that get a colour, those with the largest share in any run first.
std::vector<std::string> LargestPrimitives(const Report& report);

/// Returns the parts of `run` in the order of `primitives`, those without cycles left out.
std::vector<SharePart> LayoutShares(const Run& run, const std::vector<std::string>& primitives);

/// Writes the bars, their key, and a table with every number.
void WriteShares(MarkupWriter& out, const Report& report);

}  // namespace pageward::tool
