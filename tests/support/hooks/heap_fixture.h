// A heap over the real system beside the test program's own, made once for the process: jemalloc
// has one state. Test cases share it and must leave it as they found it.
#pragma once

#include "hooks/jemalloc/heap.h"
#include "runtime/engine/engine.h"

namespace pageward::testing_support {

/// The engine under the heap.
engine::Engine& TestEngine();

/// The heap. Its hot path uses t_heap of the calling thread.
hooks::Heap& TestHeap();

}  // namespace pageward::testing_support
