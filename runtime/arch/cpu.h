// What this processor can do, asked of the processor itself.
#pragma once

#include <cpuid.h>

namespace pageward::arch {

/// Returns whether the processor has protection keys for user pages and the system has enabled
/// them (CR4.PKE), so that RDPKRU and WRPKRU are usable.
///
/// Source: Intel SDM, volume 2, CPUID leaf 7, ECX bit 4 (OSPKE).
inline bool HasOspke() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) {
    return false;
  }
  return (ecx >> 4 & 1) != 0;
}

}  // namespace pageward::arch
