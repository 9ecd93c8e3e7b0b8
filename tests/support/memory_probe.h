// Touching an address to see what happens, and living on.
#pragma once

#include <cstdint>

#include "runtime/core/address.h"

namespace pageward::testing_support {

/// How an access ended: it went through, or with which si_code of SIGSEGV, or with SIGBUS.
enum class Access : std::uint8_t { kOk, kNotMapped, kNotAllowed, kKeyDenied, kBusError };

/// Reads one byte at `address`. Thread-safe; installs its handlers on first use.
Access TryRead(VirtAddr address);

/// Writes `value` to the byte at `address`. As TryRead().
Access TryWrite(VirtAddr address, std::uint8_t value = 1);

}  // namespace pageward::testing_support
