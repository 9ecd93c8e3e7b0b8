// Passing the heap's page traffic on: to a file (record:FILE), to a simulated kernel (space:sim).
#pragma once

#include <string_view>

#include "runtime/core/text.h"
#include "runtime/engine/engine.h"

namespace pageward::hooks {

/// What is known of the process when its traffic begins.
struct TrafficSource {
  std::string_view program;
  std::uint32_t processors = 0;
};

/// Begins what `config` asks for, before the first request to `engine.runs()`, until the program
/// ends. Writes a line to `complaint`, without a line end, about what can't be had; the program
/// goes on without it.
void StartTraffic(engine::Engine& engine, const engine::Config& config, const TrafficSource& source,
                  TextWriter* complaint);

/// Around fork(2): the child has no traffic.
void LockTrafficForFork() PW_NO_THREAD_SAFETY_ANALYSIS;
void UnlockTrafficInParent() PW_NO_THREAD_SAFETY_ANALYSIS;
void UnlockTrafficInChild() PW_NO_THREAD_SAFETY_ANALYSIS;

}  // namespace pageward::hooks
