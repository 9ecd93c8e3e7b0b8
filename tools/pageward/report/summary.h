// The parts of a report that are words and tables: what was run, what was counted, what was
// published, and what none of it says.
#pragma once

#include <string>
#include <vector>

#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// Returns the names of the runs. One without a name is known by its place.
std::vector<std::string> NamesOfRuns(const Report& report);

/// Writes the title, the question, the command and the settings.
void WriteWhatWasRun(MarkupWriter& out, const Report& report);

/// Writes the counts of all runs beside each other, and what else was measured.
void WriteCounts(MarkupWriter& out, const Report& report);

/// Writes published figures with what was found, and whether they hold.
void WritePublished(MarkupWriter& out, const Report& report);

/// Writes what is modelled and what is not.
void WriteLimits(MarkupWriter& out, const Report& report);

/// Writes what has to be known about single runs.
void WriteRemarks(MarkupWriter& out, const Report& report);

}  // namespace pageward::tool
