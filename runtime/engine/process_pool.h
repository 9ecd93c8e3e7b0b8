// The pool of unmapped memory that a process has, and the views of its threads.
#pragma once

#include "runtime/core/result.h"
#include "runtime/engine/unmapped_pool.h"
#include "runtime/keys/key_broker.h"
#include "runtime/os/os.h"

namespace pageward::engine {

/// Makes the pool of the process, over the system and the keys that the other parts of it use.
/// Thread-safe. Errors: kInUse if there is one; as UnmappedPool::Start(), after which it may be
/// tried again.
Status StartProcessPool(os::Os& os, keys::KeyBroker& keys, const UnmappedPool::Options& options);

/// Returns the pool, made with the options that were asked for last, else with the default ones, if
/// there is none. Thread-safe. Errors: as UnmappedPool::Start().
Result<UnmappedPool*> ProcessPool(os::Os& os, keys::KeyBroker& keys);

/// Returns the pool, or null if there is none. Takes no lock.
UnmappedPool* FindProcessPool();

/// Returns the views of this thread in the pool, made if there are none. They end with the thread.
/// Errors: as UnmappedPool::AddThread().
Result<ThreadViews*> PrepareThisThread(UnmappedPool& pool);

/// Returns the views of this thread, or null if none have been made.
ThreadViews* ThisThreadsViews();

}  // namespace pageward::engine
