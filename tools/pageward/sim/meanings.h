// One line about each thing that is counted, for somebody who does not know its name.
#pragma once

#include <string_view>

#include "runtime/sim/meter.h"

namespace pageward::tool {

std::string_view MeaningOf(sim::Primitive primitive);
std::string_view MeaningOf(sim::Tally tally);

}  // namespace pageward::tool
