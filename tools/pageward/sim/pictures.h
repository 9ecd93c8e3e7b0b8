// What reports draw, made from what a run left behind: pageblocks, views, and who told whom.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/sim/event_log.h"
#include "runtime/sim/kernel.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// The names that CountFreetypes() counts, in its order.
std::vector<std::string> FreetypeNames();
/// Returns how many pageblocks have each freetype. The last are those that no allocator manages:
/// tables from before anything could be protected.
std::vector<std::uint64_t> CountFreetypes(sim::Kernel& kernel);

/// Returns the views that `events` tell of, by the time of their opening.
std::vector<ViewLife> ViewsOf(std::span<const sim::Event> events);

/// Tells `events` as messages between the parts of the kernel, and names the parts.
void DrawMessages(std::span<const sim::Event> events, Run* run);

}  // namespace pageward::tool
