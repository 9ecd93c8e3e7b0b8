// A report as a table for spreadsheets: a line for each run.
#pragma once

#include <string>

#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// Returns a line of names, then one for each run: settings, modelled cycles with their band,
/// counts, quantities.
std::string RenderCsv(const Report& report);

}  // namespace pageward::tool
