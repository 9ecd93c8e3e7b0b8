// Who serves sodium_malloc() and its family in this process.
#pragma once

#include "runtime/engine/engine.h"

namespace pageward::hooks {

/// Decides by the configuration of `engine`, which is started. After RegisterForkHandlers(): of two
/// locks, this one is taken first.
void PrepareSodium(engine::Engine& engine);

}  // namespace pageward::hooks
