// Constants of the cost model from a file.
#pragma once

#include <string>

#include "runtime/sim/cost_model.h"

namespace pageward::tool {

/// Returns the published constants with those of the file `path` in their places.
/// Throws Failure, with the line, if it is anything but lines `name = cycles`.
sim::CostModel CostsFrom(const std::string& path);

}  // namespace pageward::tool
