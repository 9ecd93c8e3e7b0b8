// fork(2) in a program with threads: whoever forks holds every lock of the heap at that moment.
#pragma once

#include "runtime/engine/engine.h"

namespace pageward::hooks {

/// Registers what happens around fork(). Requires: jemalloc has started, and `engine` is started.
///
/// The order of locks is ours (heap), jemalloc's, ours (engine), as in LockRank. jemalloc's own
/// handlers are called from ours, so that it does not depend on who registered first.
void RegisterForkHandlers(engine::Engine& engine);

}  // namespace pageward::hooks
