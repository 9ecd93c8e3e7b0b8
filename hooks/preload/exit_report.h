// The report at the end of a program (report:exit).
#pragma once

#include "runtime/engine/engine.h"

namespace pageward::hooks {

/// Gets ready to report on `engine` when the program ends, if `config` says so: standard error is
/// kept open for it, since many programs close theirs in their last moments.
void PrepareExitReport(engine::Engine& engine, const engine::Config& config);

}  // namespace pageward::hooks
