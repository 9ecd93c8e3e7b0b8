// Pageblocks by freetype over time, as stacked areas: one small picture for each run, all to the
// same scales, so that they can be compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/run.h"
#include "tools/pageward/report/scale.h"
#include "tools/pageward/report/svg_writer.h"

namespace pageward::tool {

/// How many moments of a run are drawn, and over how many of them a pointer finds numbers.
inline constexpr std::size_t kDrawnSamples = 240;
inline constexpr std::size_t kToldSamples = 48;

/// The scales that the pictures of a report share.
struct BlockScales {
  Scale steps;
  Scale blocks;
  Box plot;
};

BlockScales ScalesOf(const Report& report);

/// The area of one freetype: along its upper edge and back along its lower.
struct BlockArea {
  std::string freetype;
  std::vector<Point> outline;
};

/// Returns at most `most` of `samples`, evenly chosen, the first and the last among them. They are
/// in the order of their steps. Samples without any number are none.
std::vector<BlockSample> ChooseSamples(std::vector<BlockSample> samples, std::size_t most);

/// Returns the areas of `run` from the bottom up, those that are empty all the time left out.
std::vector<BlockArea> LayoutBlocks(const Run& run, const BlockScales& scales);

/// Returns the freetypes that any pageblock had at any time, in the order of the runs.
std::vector<std::string> FreetypesOf(const Report& report);

/// Returns the freetype beside which all others are too thin to see, or nothing: it always has at
/// least ten times as many pageblocks as they have together.
std::string DominantFreetype(const Report& report);

/// Returns `report` with one freetype fewer.
Report WithoutFreetype(Report report, const std::string& freetype);

/// True if any run has samples.
bool HasBlocks(const Report& report);

/// Writes the pictures, their key, and a table of where each freetype began and ended.
void WriteBlocks(MarkupWriter& out, const Report& report);

}  // namespace pageward::tool
