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

/// Returns where PKRU stands in a saved register area of the standard format, or 0 if it is not
/// saved.
///
/// Source: Intel SDM, volume 1, section 13.4.3; CPUID leaf 0DH, subleaf 9.
inline unsigned PkruOffsetInSavedState() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  const bool is_known = __get_cpuid_count(0xd, 9, &eax, &ebx, &ecx, &edx) != 0;
  return is_known && eax >= 4 ? ebx : 0;
}

}  // namespace pageward::arch
