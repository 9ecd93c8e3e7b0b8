// What a mirror has seen and counted, in words: the report of space:sim.
#pragma once

#include <string_view>

#include "runtime/core/text.h"
#include "runtime/trace/run_mirror.h"

namespace pageward::trace {

/// Writes some lines about `mirror`, which mirrored `program`: every count that is not zero, one a
/// line, and what they cost by the published cost model. Never allocates.
void WriteMirrorReport(const RunMirror& mirror, std::string_view program, std::uint32_t process,
                       TextWriter* out);

/// The names of the events' kinds, as reports use them.
std::string_view NameOf(extent::RunEventKind kind);

}  // namespace pageward::trace
