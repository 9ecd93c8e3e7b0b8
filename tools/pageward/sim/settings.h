// What one run is made with: a point in the space that the axes span.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/sim/cost_model.h"
#include "runtime/sim/simulation.h"
#include "tools/pageward/command/progress.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

struct Settings {
  std::string name;  ///< The values that set it apart from other points, such as "grouped".
  sim::SimulationConfig config{};
  std::uint64_t size_bytes = 0;  ///< How much memory a scenario works on.
  std::uint64_t seed = 1;
  bool has_asi = false;         ///< Whether system calls run with a restricted table.
  std::vector<Setting> values;  ///< Every axis as it would be typed.
};

}  // namespace pageward::tool
