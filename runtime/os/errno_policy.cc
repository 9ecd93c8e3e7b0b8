#include "runtime/os/errno_policy.h"

namespace pageward::os {

std::string_view NameOf(Call call) {
  switch (call) {
    case Call::kReserve:
      return "mmap";
    case Call::kUnmap:
      return "munmap";
    case Call::kProtect:
      return "mprotect or pkey_mprotect";
    case Call::kAllocateKey:
      return "pkey_alloc";
    case Call::kSeal:
      return "mseal";
    case Call::kDiscard:
      return "madvise(MADV_DONTNEED or MADV_FREE)";
    case Call::kGuard:
      return "madvise(MADV_GUARD_INSTALL or MADV_GUARD_REMOVE)";
    case Call::kPopulate:
      return "madvise(MADV_POPULATE_WRITE)";
    case Call::kAdvise:
      return "madvise";
    case Call::kLock:
      return "mlock";
    case Call::kCreateShared:
      return "memfd_create, memfd_secret or ftruncate";
    case Call::kMapShared:
      return "mmap of shared memory";
    case Call::kReserveHole:
      return "mmap(MAP_FIXED_NOREPLACE)";
    case Call::kAlias:
      return "mremap";
    case Call::kReadFile:
      return "open or read";
    case Call::kSynchronize:
      return "membarrier";
    case Call::kRead:
      return "read";
  }
  return "system call";
}

}  // namespace pageward::os
