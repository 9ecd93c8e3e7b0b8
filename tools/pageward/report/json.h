// A report as JSON, for programs. docs/sim.md describes the keys, which stay.
#pragma once

#include <string>

#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// Returns `report` as one object, indented, with a line end behind it.
std::string RenderJson(const Report& report);

}  // namespace pageward::tool
