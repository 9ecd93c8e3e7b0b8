// Where this library keeps what it, and jemalloc in it, can change: .data and .bss.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/core/address.h"

namespace pageward::hooks {

/// Writes to `pieces` the whole pages of this library's data that may be closed, in order, and
/// returns how many pieces that are: all that the loader has left writable, but for the open pages
/// (core/open_page.h) and the bootstrap heap, whose memory is the program's.
///
/// Requires: three pieces have room, one more than what is left out between them.
std::size_t FindOwnData(std::span<VirtRange> pieces);

}  // namespace pageward::hooks
