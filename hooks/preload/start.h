// Bringing the heap to life under whichever call comes first.
#pragma once

#include "hooks/jemalloc/heap.h"
#include "hooks/preload/bootstrap_heap.h"

namespace pageward::hooks {

/// The heap of this process.
extern constinit Heap g_heap;
extern constinit BootstrapHeap g_bootstrap_heap;

/// How far the start has come for the thread that asks.
enum class Started : std::uint8_t {
  kYes,
  kByThisThread,  ///< The start itself is asking: it must do with the bootstrap heap.
};

/// Starts the heap if nobody has yet, and waits for a thread that is at it.
///
/// Does not return if Pageward cannot run: without address space, or with an unmet requirement
/// (exit status 78), after one line on standard error.
Started EnsureStarted();

/// Returns whether the heap is there. One load.
bool IsStarted();

}  // namespace pageward::hooks
