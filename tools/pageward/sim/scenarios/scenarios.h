// Every scenario, each in a file of its own.
#pragma once

#include "tools/pageward/sim/scenario.h"

namespace pageward::tool {

extern const Scenario kPopulate;

/// Room for the kernel's own things, which no scenario may leave out of its needs.
inline constexpr std::uint64_t kRoomBytes = 32 * kPageblockBytes;

}  // namespace pageward::tool
