// What Pageward has done in this process, as numbers.
#pragma once

#include <pageward/config.h>
#include <pageward/status.h>
#include <stddef.h>
#include <stdint.h>

PAGEWARD_BEGIN_DECLS

/// Counts since the start of the process, and amounts of this moment. Windows that open without a
/// system call are not counted: that would cost as much as they do.
typedef struct pageward_stats {
  size_t size;                      ///< Set by the caller: sizeof(pageward_stats).
  uint64_t domains;                 ///< alive
  uint64_t domain_bytes;            ///< of their whole pageblocks
  uint64_t domain_objects;          ///< alive
  uint64_t domain_keys;             ///< keys that domains share
  uint64_t domain_loads;            ///< a domain got a key
  uint64_t domain_evictions;        ///< a domain lost its key to another
  uint64_t domain_pinned_refusals;  ///< no key was to be had, since windows hold them all
  uint64_t domain_key_changes;      ///< system calls that changed the key or protection of a run
  uint64_t domain_wiped_bytes;      ///< overwritten with zeros
  uint64_t domain_lock_failures;    ///< pageblocks that could not be locked in memory
  uint64_t domain_lost_in_fork;     ///< left behind by the process that forked this one
} pageward_stats;

/// Fills `stats` in, whose size the caller has set. Thread-safe; the numbers are of one instant.
///
/// Errors: PAGEWARD_INVALID.
PAGEWARD_API pageward_status pageward_stats_get(pageward_stats* stats);

PAGEWARD_END_DECLS
