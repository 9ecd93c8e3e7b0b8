// The pool of unmapped memory that a process has, and the views of its threads.
#pragma once

#include "runtime/core/result.h"
#include "runtime/engine/unmapped_pool.h"
#include "runtime/keys/key_broker.h"
#include "runtime/os/os.h"

namespace pageward::engine {

/// Lets the pool use the system and the keys that other parts of the process use. Before the pool
/// is started: later it changes nothing. Without it, the pool has its own. Thread-safe.
void SetPoolSurroundings(os::Os& os, keys::KeyBroker& keys);

/// Makes the pool of the process. Thread-safe. Errors: kInUse if there is one; as
/// UnmappedPool::Start(), after which it may be tried again.
Status StartProcessPool(const UnmappedPool::Options& options);

/// Returns whether there is a pool.
bool HasProcessPool();

/// Returns the pool, made with default options if there is none. Thread-safe.
/// Errors: as UnmappedPool::Start().
Result<UnmappedPool*> ProcessPool();

/// Returns the views of this thread in the pool, made if there are none. They end with the thread.
/// Errors: as UnmappedPool::AddThread().
Result<ThreadViews*> PrepareThisThread(UnmappedPool& pool);

/// Returns the views of this thread, or null if none have been made.
ThreadViews* ThisThreadsViews();

}  // namespace pageward::engine
