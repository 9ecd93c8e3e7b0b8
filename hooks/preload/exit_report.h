// The report at the end of a program (report:exit).
#pragma once

#include <string_view>

#include "runtime/engine/engine.h"

namespace pageward::hooks {

/// Keeps standard error open for reports under a number of our own, since many programs close
/// theirs in their last moments. Returns false if there is none.
bool KeepStandardError(os::Os& os);

/// Writes `text` there, unless the program has put something else under that number.
void WriteToStandardError(os::Os& os, std::string_view text);

/// Gets ready to report on `engine` when the program ends, if `config` says so.
void PrepareExitReport(engine::Engine& engine, const engine::Config& config);

}  // namespace pageward::hooks
