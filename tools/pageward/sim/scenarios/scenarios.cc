#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {

std::span<const Scenario* const> Scenarios() {
  static constexpr const Scenario* kScenarios[] = {
      &kPopulate,
  };
  return kScenarios;
}

}  // namespace pageward::tool
