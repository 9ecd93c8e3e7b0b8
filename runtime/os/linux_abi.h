// Numbers of the Linux ABI that Debian 12's headers do not know yet.
#pragma once

#include <sys/mman.h>

namespace pageward::os {

inline constexpr int kMadvGuardInstall =
    102;  ///< Linux 6.13, include/uapi/asm-generic/mman-common.h
inline constexpr int kMadvGuardRemove = 103;  ///< Linux 6.13
inline constexpr long kSysMseal = 462;  ///< Linux 6.10, arch/x86/entry/syscalls/syscall_64.tbl
inline constexpr long kSysMemfdSecret = 447;  ///< Linux 5.14

}  // namespace pageward::os
