#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {

std::span<const Scenario* const> Scenarios() {
  static constexpr const Scenario* kScenarios[] = {
      &kPopulate,   &kFork,      &kChurn,   &kFragmentation, &kAsi,
      &kGuestMemfd, &kSecretmem, &kExecmem, &kStaleWindow,   &kRecursion,
  };
  return kScenarios;
}

}  // namespace pageward::tool
