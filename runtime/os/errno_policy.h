// Which errno is an answer, one row per call. Everything that has no row is fatal.
//
// The lesson is hardened_malloc's: running out is reported to the caller, every other failure means
// that our picture of the address space is wrong, and going on would hide it.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/result.h"

namespace pageward::os {

enum class Call : std::uint8_t {
  kReserve,
  kUnmap,
  kProtect,
  kAllocateKey,
  kSeal,
  kDiscard,
  kGuard,
  kPopulate,
  kAdvise,
  kLock,
  kCreateShared,
  kMapShared,
  kReserveHole,
  kAlias,
  kReadFile,
  kSynchronize,
  kRead,
};

/// One failure of one call that the caller is told about.
struct Answer {
  Call call;
  int error;  ///< errno
  Error meaning;
};

inline constexpr Answer kAnswers[] = {
    // mmap(2): ENOMEM covers address space, RLIMIT_AS, the mapping limit and overcommit alike;
    // EAGAIN is RLIMIT_MEMLOCK under mlockall(MCL_FUTURE).
    {Call::kReserve, ENOMEM, Error::kNoAddressSpace},
    {Call::kReserve, EAGAIN, Error::kLimit},
    {Call::kReserve, EPERM, Error::kNotPermitted},
    // munmap(2): a hole in the middle of a mapping needs one more.
    {Call::kUnmap, ENOMEM, Error::kTooManyMappings},
    {Call::kUnmap, EPERM, Error::kNotPermitted},
    // mprotect(2), pkey_mprotect(2): EPERM is a sealed range, EACCES a security module.
    {Call::kProtect, ENOMEM, Error::kTooManyMappings},
    {Call::kProtect, EPERM, Error::kNotPermitted},
    {Call::kProtect, EACCES, Error::kNotPermitted},
    {Call::kProtect, EAGAIN, Error::kNoMemory},
    // pkey_alloc(2): ENOSPC is both "all taken" and "no such feature"; EINVAL is older kernels.
    {Call::kAllocateKey, ENOSPC, Error::kNoKeys},
    {Call::kAllocateKey, EINVAL, Error::kUnsupported},
    {Call::kAllocateKey, ENOSYS, Error::kUnsupported},
    {Call::kAllocateKey, EPERM, Error::kNotPermitted},
    {Call::kSeal, ENOSYS, Error::kUnsupported},
    {Call::kSeal, EPERM, Error::kNotPermitted},
    {Call::kSeal, EINVAL, Error::kUnsupported},
    // madvise(2) MADV_DONTNEED, MADV_FREE: EINVAL is a locked or special mapping.
    {Call::kDiscard, EINVAL, Error::kUnsupported},
    {Call::kDiscard, EPERM, Error::kNotPermitted},
    {Call::kDiscard, EAGAIN, Error::kNoMemory},
    // MADV_GUARD_*: EINVAL is an older kernel or a locked mapping.
    {Call::kGuard, EINVAL, Error::kUnsupported},
    {Call::kGuard, ENOMEM, Error::kNoMemory},
    {Call::kGuard, EAGAIN, Error::kNoMemory},
    {Call::kGuard, EPERM, Error::kNotPermitted},
    // MADV_POPULATE_WRITE: EFAULT is a signal or a failed fault, ENOMEM a hole, EINVAL an old
    // kernel.
    {Call::kPopulate, EINVAL, Error::kUnsupported},
    {Call::kPopulate, ENOMEM, Error::kNoMemory},
    {Call::kPopulate, EFAULT, Error::kNoMemory},
    {Call::kPopulate, EAGAIN, Error::kNoMemory},
    {Call::kPopulate, EINTR, Error::kNoMemory},
    {Call::kPopulate, EHWPOISON, Error::kNoMemory},
    // MADV_HUGEPAGE, MADV_DONTDUMP, MADV_DONTFORK and other hints.
    {Call::kAdvise, EINVAL, Error::kUnsupported},
    {Call::kAdvise, ENOMEM, Error::kUnsupported},
    {Call::kAdvise, EAGAIN, Error::kUnsupported},
    {Call::kAdvise, EPERM, Error::kUnsupported},
    // mlock(2), mlock2(2): ENOSYS is mlock2 before Linux 4.4.
    {Call::kLock, ENOSYS, Error::kUnsupported},
    {Call::kLock, ENOMEM, Error::kLimit},
    {Call::kLock, EAGAIN, Error::kLimit},
    {Call::kLock, EPERM, Error::kNotPermitted},
    // memfd_create(2), memfd_secret(2), ftruncate(2).
    {Call::kCreateShared, ENOSYS, Error::kUnsupported},
    {Call::kCreateShared, EINVAL, Error::kUnsupported},
    {Call::kCreateShared, EPERM, Error::kNotPermitted},
    {Call::kCreateShared, EMFILE, Error::kLimit},
    {Call::kCreateShared, ENFILE, Error::kLimit},
    {Call::kCreateShared, ENOMEM, Error::kNoMemory},
    {Call::kCreateShared, EFBIG, Error::kLimit},
    {Call::kMapShared, ENOMEM, Error::kNoMemory},
    {Call::kMapShared, EAGAIN, Error::kLimit},
    {Call::kMapShared, EPERM, Error::kNotPermitted},
    // mmap(2) with MAP_FIXED_NOREPLACE.
    {Call::kReserveHole, EEXIST, Error::kInUse},
    {Call::kReserveHole, ENOMEM, Error::kNoMemory},
    {Call::kReserveHole, EPERM, Error::kNotPermitted},
    // mremap(2) as an alias.
    {Call::kAlias, ENOMEM, Error::kTooManyMappings},
    {Call::kAlias, EAGAIN, Error::kLimit},
    {Call::kAlias, EPERM, Error::kNotPermitted},
    {Call::kReadFile, ENOENT, Error::kUnsupported},
    {Call::kReadFile, ENOTDIR, Error::kUnsupported},
    {Call::kReadFile, EACCES, Error::kNotPermitted},
    {Call::kReadFile, EPERM, Error::kNotPermitted},
    {Call::kReadFile, EMFILE, Error::kLimit},
    {Call::kReadFile, ENFILE, Error::kLimit},
    {Call::kReadFile, EIO, Error::kUnsupported},
    {Call::kReadFile, ENOMEM, Error::kNoMemory},
    // membarrier(2): EINVAL is Linux before 4.14, EPERM a filter.
    {Call::kSynchronize, ENOSYS, Error::kUnsupported},
    {Call::kSynchronize, EINVAL, Error::kUnsupported},
    {Call::kSynchronize, EPERM, Error::kNotPermitted},
    // read(2) from whatever the program has opened: files, pipes, sockets. EFAULT has no row.
    {Call::kRead, EAGAIN, Error::kWouldBlock},
    {Call::kRead, EBADF, Error::kInvalid},
    {Call::kRead, EINVAL, Error::kInvalid},
    {Call::kRead, EISDIR, Error::kInvalid},
    {Call::kRead, EIO, Error::kUnsupported},
    {Call::kRead, ENXIO, Error::kUnsupported},
    {Call::kRead, ESTALE, Error::kUnsupported},
    {Call::kRead, EOVERFLOW, Error::kUnsupported},
    {Call::kRead, ENOTCONN, Error::kUnsupported},
    {Call::kRead, ECONNRESET, Error::kUnsupported},
    {Call::kRead, ECONNREFUSED, Error::kUnsupported},
    {Call::kRead, EHOSTUNREACH, Error::kUnsupported},
    {Call::kRead, ENETUNREACH, Error::kUnsupported},
    {Call::kRead, ETIMEDOUT, Error::kUnsupported},
    {Call::kRead, EPERM, Error::kNotPermitted},
    {Call::kRead, EACCES, Error::kNotPermitted},
    {Call::kRead, ENOMEM, Error::kNoMemory},
    {Call::kRead, ENOBUFS, Error::kNoMemory},
};

/// Returns what `error` (an errno) means as an answer of `call`, or nothing if it is fatal.
constexpr std::optional<Error> MeaningOf(Call call, int error) {
  for (const Answer& answer : kAnswers) {
    if (answer.call == call && answer.error == error) {
      return answer.meaning;
    }
  }
  return std::nullopt;
}

/// Returns the name of `call` as it stands in a report.
std::string_view NameOf(Call call);

}  // namespace pageward::os
