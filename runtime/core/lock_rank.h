// The order in which locks may be taken, all of it in one place.
//
// A thread may only take a lock whose rank is greater than that of every lock it holds. jemalloc's
// own locks lie between kHeapArena and kClosingRuns: our heap front calls jemalloc with an arena
// lock held, and jemalloc calls our hooks with its own.
#pragma once

#include <cstdint>

namespace pageward {

enum class LockRank : std::uint8_t {
  kTest,            ///< Only in tests, below everything.
  kEngine,          ///< Start, fork, configuration.
  kViews,           ///< Which threads have views, and whether one is ready for them.
  kGuardedObjects,  ///< Guarded objects: which slots are free.
  kThreadCaches,    ///< The registry of thread caches.
  kHeapArena,       ///< The assignment of threads to arenas.
  // jemalloc's locks
  kTraffic,           ///< The order in which a program's page traffic is told.
  kClosingRuns,       ///< Freed runs that wait to be put out of reach.
  kQuarantine,        ///< Runs that wait before their frames may be used again.
  kSimulatedViews,    ///< Whether a simulated process has made tables for its views.
  kSimulatedProcess,  ///< The page tables of a simulated process.
  kSimulatedRefill,   ///< Refilling the simulated reserve of table pages: one at a time.
  kSimulatedMap,      ///< The simulated direct map.
  kSimulatedPool,     ///< The simulated table pages.
  kUserTables,        ///< The table pages of the program: all that is done with them.
  kTableRefill,       ///< Refilling a reserve of table pages: one at a time.
  kDomainStart,       ///< Making what all domains need, once.
  kDomains,           ///< Domains: their objects, keys and threads.
  kSpace,             ///< What is mapped where.
  kZone,              ///< A page allocator: its lists and its frame table.
  kTablePool,         ///< Table pages that are set aside.
  kKeys,              ///< The key broker.
  kMetadata,          ///< The source of metadata memory.
  kSimulatedCpu,      ///< What a simulated processor has cached.
  kLeaf,              ///< Taken last, with nothing called from inside.
};

inline constexpr unsigned kLockRankCount = static_cast<unsigned>(LockRank::kLeaf) + 1;

/// Dies with Violation::kLockOrder unless this thread may take a lock of `rank` now; then notes it
/// as held. Only the mutex calls these, and only from check level `debug` on.
void NoteLockTaken(LockRank rank);
void NoteLockReleased(LockRank rank);

/// Forgets what this thread holds. For a fork child, whose parent's locks are made anew.
void ForgetLocksHeld();

}  // namespace pageward
