// Who told whom to do what, and how deep inside of each other: the recursion that a reserve ends.
#pragma once

#include <string>

#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/run.h"

namespace pageward::tool {

/// Writes the messages of `run` as a sequence diagram, long ones without their middle.
///
/// Requires: `run` has messages.
void WriteSequence(MarkupWriter& out, const std::string& name, const Run& run);

}  // namespace pageward::tool
