// A report as aligned tables, for a terminal.
#pragma once

#include <string>

#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// Returns `report` as text: runs side by side, counts first, modelled cycles second.
std::string RenderText(const Report& report);

}  // namespace pageward::tool
