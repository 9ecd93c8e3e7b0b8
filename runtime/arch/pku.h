// Reading and writing this thread's PKRU.
//
// Inlined on purpose, and never glibc's pkey_set(): a callable function that opens a key of the
// caller's choice is a gadget. Both instructions raise #UD where the system has not enabled
// protection keys, so HasOspke() comes first. Source: Intel SDM, volume 2, RDPKRU and WRPKRU.
#pragma once

#include <cstdint>

#include "runtime/arch/pkru.h"

namespace pageward::arch {

/// Returns this thread's rights.
///
/// Requires: HasOspke().
[[gnu::always_inline]] inline Pkru ReadPkru() {
  std::uint32_t eax = 0;
  std::uint32_t edx = 0;
  asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(eax), "=d"(edx) : "c"(0));
  return Pkru(eax);
}

/// Replaces this thread's rights. No memory access moves across it in either direction: the
/// processor orders it, and the clobber keeps the compiler from reordering.
///
/// Requires: HasOspke().
[[gnu::always_inline]] inline void WritePkru(Pkru rights) {
  asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(rights.value()), "c"(0), "d"(0) : "memory");
}

}  // namespace pageward::arch
