// The report at the end of a program (report:exit).
#pragma once

#include "runtime/engine/engine.h"

namespace pageward::hooks {

/// Returns standard error as a descriptor of our own, made with the first call; -1 if there is
/// none. Many programs close theirs in their last moments.
os::Descriptor KeptStandardError();

/// Gets ready to report on `engine` when the program ends, if `config` says so.
void PrepareExitReport(engine::Engine& engine, const engine::Config& config);

}  // namespace pageward::hooks
