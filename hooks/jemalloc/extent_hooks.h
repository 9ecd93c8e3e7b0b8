// jemalloc's nine extent hooks over our runs.
//
// Which side retains freed memory: we do. jemalloc keeps dirty extents for its decay time and then
// gives them up (retain:false); what it gives up leaves the address space and its frames go back to
// the page allocator, where any arena, any size and any freetype can have them. If jemalloc
// retained them, each arena would hoard address ranges that no other can use, and every freed range
// would stay an allocated run for ever.
#pragma once

#include <optional>

#include "hooks/jemalloc/jemalloc_api.h"
#include "runtime/core/result.h"
#include "runtime/extent/run_allocator.h"

namespace pageward::hooks {

/// Lets the hooks work on `runs` from now on. Once, before the first arena is made.
void AttachExtentHooks(extent::RunAllocator& runs);

/// Puts out of reach what jemalloc has given up and what waits to be closed with others. After
/// calls that ask jemalloc to purge.
void FinishPurge();

/// Returns the run that `address` lies in, if it is in use. For reports.
std::optional<VirtRange> FindRun(VirtAddr address);

/// The hooks, for arenas.create and its kin. One object that lives as long as the process.
JemallocExtentHooks* ExtentHooks();

/// Makes an arena over the hooks, whose metadata does not come through them, and returns jemalloc's
/// number of it. Requires: jemalloc is configured (options.h). Errors: kNoMemory.
Result<unsigned> CreateArena();

/// Counts the bytes that one arena holds, from now on and until another is named.
void WatchArena(unsigned arena);
std::uint64_t WatchedBytes();

}  // namespace pageward::hooks
