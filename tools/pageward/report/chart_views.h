// The stale-window timeline: how long each view could be used, how much longer its translation
// stayed, and what came of trying to read through it.
#pragma once

#include <string>

#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// True if `run` has something for a timeline.
bool HasViews(const Run& run);

/// Writes the key of the timelines, once for all of them.
void WriteViewsKey(MarkupWriter& out);

/// Writes the timeline of `run` for wide and for narrow paper, and what its marks mean.
///
/// Requires: HasViews(run).
void WriteViews(MarkupWriter& out, const std::string& name, const Run& run);

}  // namespace pageward::tool
