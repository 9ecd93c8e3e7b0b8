#include "runtime/os/linux_os.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "runtime/core/bits.h"
#include "runtime/core/text.h"
#include "runtime/core/units.h"
#include "runtime/os/errno_policy.h"
#include "runtime/os/linux_abi.h"
#include "runtime/os/syscall.h"

namespace pageward::os {
namespace {

[[noreturn, gnu::cold]] void DieOf(Call call, int error) {
  Text<128> message;
  message.Append(NameOf(call)).Append(" failed with errno ");
  message.AppendDecimal(static_cast<std::uint64_t>(error));
  Fatal(Violation::kUnexpectedErrno, message.view());
}

// Turns what a system call returned into a status, or dies of it.
Status StatusOf(Call call, SyscallResult result) {
  if (result.ok()) {
    return Status();
  }
  const std::optional<Error> meaning = MeaningOf(call, result.error());
  if (!meaning) {
    DieOf(call, result.error());
  }
  return *meaning;
}

void AssertIsPages(VirtRange range) {
  PW_ASSERT(range.bytes > 0 && IsAligned<std::uint64_t>(range.bytes, kFrameBytes));
  PW_ASSERT(IsAligned<std::uint64_t>(range.begin.value(), kFrameBytes));
}

int ProtectionBits(Protection protection) {
  switch (protection) {
    case Protection::kNone:
      return PROT_NONE;
    case Protection::kRead:
      return PROT_READ;
    case Protection::kReadWrite:
      break;
  }
  return PROT_READ | PROT_WRITE;
}

SyscallResult Mmap(VirtAddr at, std::uint64_t bytes, int protection, int flags, int descriptor) {
  return Syscall(SYS_mmap, at.value(), bytes, protection, flags, descriptor, 0);
}

Result<VirtRange> MapAnonymous(std::uint64_t bytes, int protection) {
  const SyscallResult mapped =
      Mmap(VirtAddr(), bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
  if (const Status status = StatusOf(Call::kReserve, mapped); !status) {
    return status.error();
  }
  return VirtRange{VirtAddr(static_cast<std::uint64_t>(mapped.value())), bytes};
}

// madvise(2) stops early with EINTR or, for guards, ERESTARTNOINTR, having done a part; each of the
// advices used here may simply be given again.
SyscallResult Madvise(VirtRange range, int advice) {
  AssertIsPages(range);
  for (;;) {
    const SyscallResult result = Syscall(SYS_madvise, range.begin.value(), range.bytes, advice);
    if (result.ok() || result.error() != EINTR) {
      return result;
    }
  }
}

}  // namespace

Result<VirtRange> LinuxOs::Reserve(std::uint64_t bytes, std::uint64_t alignment) {
  PW_ASSERT(IsPowerOfTwo(alignment) && alignment >= kFrameBytes && bytes % kFrameBytes == 0);
  const std::uint64_t slack = alignment > kFrameBytes ? alignment : 0;
  const Result<VirtRange> mapped = MapAnonymous(bytes + slack, PROT_NONE);
  if (!mapped || slack == 0) {
    return mapped;
  }
  const VirtAddr begin(AlignUp(mapped->begin.value(), alignment));
  const VirtRange before{mapped->begin, begin - mapped->begin};
  const VirtRange after{begin + bytes, mapped->end() - (begin + bytes)};
  for (const VirtRange surplus : {before, after}) {
    if (surplus.bytes > 0) {
      // Cutting an end off a mapping never needs another one.
      const Status status = Unmap(surplus);
      PW_CHECK(status.ok(), Violation::kUnexpectedErrno, surplus.begin.value());
    }
  }
  return VirtRange{begin, bytes};
}

Result<VirtRange> LinuxOs::MapZeroed(std::uint64_t bytes) {
  PW_ASSERT(bytes > 0 && bytes % kFrameBytes == 0);
  return MapAnonymous(bytes, PROT_READ | PROT_WRITE);
}

Status LinuxOs::Unmap(VirtRange range) {
  AssertIsPages(range);
  return StatusOf(Call::kUnmap, Syscall(SYS_munmap, range.begin.value(), range.bytes));
}

Status LinuxOs::Protect(VirtRange range, Protection protection) {
  AssertIsPages(range);
  return StatusOf(Call::kProtect, Syscall(SYS_mprotect, range.begin.value(), range.bytes,
                                          ProtectionBits(protection)));
}

Status LinuxOs::ProtectWithKey(VirtRange range, Protection protection, arch::Pkey key) {
  AssertIsPages(range);
  return StatusOf(Call::kProtect, Syscall(SYS_pkey_mprotect, range.begin.value(), range.bytes,
                                          ProtectionBits(protection), key.value()));
}

Result<arch::Pkey> LinuxOs::AllocateKey(arch::KeyAccess access) {
  // The bits that pkey_alloc(2) takes are PKRU's own: PKEY_DISABLE_ACCESS 1, PKEY_DISABLE_WRITE 2.
  const std::uint32_t rights = arch::Pkru(0).With(arch::kDefaultPkey, access).value();
  const SyscallResult result = Syscall(SYS_pkey_alloc, 0, rights);
  if (const Status status = StatusOf(Call::kAllocateKey, result); !status) {
    return status.error();
  }
  return arch::Pkey(static_cast<unsigned>(result.value()));
}

void LinuxOs::FreeKey(arch::Pkey key) {
  const SyscallResult result = Syscall(SYS_pkey_free, key.value());
  PW_CHECK(result.ok(), Violation::kUnexpectedErrno, key.value());
}

Status LinuxOs::Seal(VirtRange range) {
  AssertIsPages(range);
  return StatusOf(Call::kSeal, Syscall(kSysMseal, range.begin.value(), range.bytes, 0));
}

Status LinuxOs::Discard(VirtRange range) {
  return StatusOf(Call::kDiscard, Madvise(range, MADV_DONTNEED));
}

Status LinuxOs::DiscardLazily(VirtRange range) {
  return StatusOf(Call::kDiscard, Madvise(range, MADV_FREE));
}

Status LinuxOs::InstallGuard(VirtRange range) {
  return StatusOf(Call::kGuard, Madvise(range, kMadvGuardInstall));
}

Status LinuxOs::RemoveGuard(VirtRange range) {
  return StatusOf(Call::kGuard, Madvise(range, kMadvGuardRemove));
}

Status LinuxOs::Populate(VirtRange range) {
  return StatusOf(Call::kPopulate, Madvise(range, MADV_POPULATE_WRITE));
}

Status LinuxOs::Advise(VirtRange range, HugePages pages) {
  const int advice = pages == HugePages::kPreferred ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
  return StatusOf(Call::kAdvise, Madvise(range, advice));
}

Status LinuxOs::ExcludeFromDump(VirtRange range) {
  return StatusOf(Call::kAdvise, Madvise(range, MADV_DONTDUMP));
}

Status LinuxOs::IncludeInDump(VirtRange range) {
  return StatusOf(Call::kAdvise, Madvise(range, MADV_DODUMP));
}

Status LinuxOs::ExcludeFromFork(VirtRange range) {
  return StatusOf(Call::kAdvise, Madvise(range, MADV_DONTFORK));
}

Status LinuxOs::IncludeInFork(VirtRange range) {
  return StatusOf(Call::kAdvise, Madvise(range, MADV_DOFORK));
}

Status LinuxOs::LockInMemory(VirtRange range) {
  AssertIsPages(range);
  return StatusOf(Call::kLock, Syscall(SYS_mlock, range.begin.value(), range.bytes));
}

Status LinuxOs::LockWhenTouched(VirtRange range) {
  AssertIsPages(range);
  return StatusOf(Call::kLock,
                  Syscall(SYS_mlock2, range.begin.value(), range.bytes, MLOCK_ONFAULT));
}

void LinuxOs::Unlock(VirtRange range) {
  AssertIsPages(range);
  // What was locked is one mapping already, or several: nothing to fail for.
  static_cast<void>(Syscall(SYS_munlock, range.begin.value(), range.bytes));
}

Status LinuxOs::Mark(VirtRange range, MappingMark mark) {
  const int advice = mark == MappingMark::kNone   ? MADV_NORMAL
                     : mark == MappingMark::kEven ? MADV_RANDOM
                                                  : MADV_SEQUENTIAL;
  return StatusOf(Call::kAdvise, Madvise(range, advice));
}

void LinuxOs::Name(VirtRange range, const char* name) {
  AssertIsPages(range);
  static_cast<void>(
      Syscall(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, range.begin.value(), range.bytes, name));
}

Result<Descriptor> LinuxOs::CreateShared(SharedMemory kind, std::uint64_t bytes) {
  const SyscallResult made = kind == SharedMemory::kSecret
                                 ? Syscall(kSysMemfdSecret, O_CLOEXEC)
                                 : Syscall(SYS_memfd_create, "pageward", MFD_CLOEXEC);
  if (const Status status = StatusOf(Call::kCreateShared, made); !status) {
    return status.error();
  }
  const Descriptor descriptor{static_cast<int>(made.value())};
  const Status sized =
      StatusOf(Call::kCreateShared, Syscall(SYS_ftruncate, descriptor.value, bytes));
  if (!sized) {
    Close(descriptor);
    return sized.error();
  }
  return descriptor;
}

Status LinuxOs::MapShared(Descriptor memory, VirtRange at, Protection protection) {
  AssertIsPages(at);
  return StatusOf(Call::kMapShared, Mmap(at.begin, at.bytes, ProtectionBits(protection),
                                         MAP_SHARED | MAP_FIXED, memory.value));
}

void LinuxOs::Close(Descriptor descriptor) {
  // Linux closes the descriptor whatever it answers, so there is nothing to repeat.
  static_cast<void>(Syscall(SYS_close, descriptor.value));
}

Status LinuxOs::Alias(VirtRange home, VirtRange at) {
  AssertIsPages(home);
  PW_ASSERT(home.bytes == at.bytes);
  return StatusOf(Call::kAlias, Syscall(SYS_mremap, home.begin.value(), 0, home.bytes,
                                        MREMAP_MAYMOVE | MREMAP_FIXED, at.begin.value()));
}

Status LinuxOs::ReserveAgain(VirtRange range) {
  AssertIsPages(range);
  return StatusOf(Call::kMapShared,
                  Mmap(range.begin, range.bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1));
}

Status LinuxOs::ReserveHole(VirtRange range) {
  AssertIsPages(range);
  const SyscallResult mapped =
      Mmap(range.begin, range.bytes, PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1);
  if (mapped.ok() && static_cast<std::uint64_t>(mapped.value()) != range.begin.value()) {
    // Before Linux 4.17 the flag is not known and the address is a wish.
    static_cast<void>(Syscall(SYS_munmap, mapped.value(), range.bytes));
    return Error::kInUse;
  }
  return StatusOf(Call::kReserveHole, mapped);
}

void LinuxOs::GetRandom(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const SyscallResult result = Syscall(SYS_getrandom, bytes.data(), bytes.size(), 0);
    if (result.ok()) {
      bytes = bytes.subspan(static_cast<std::size_t>(result.value()));
    } else {
      PW_CHECK(result.error() == EINTR, Violation::kUnexpectedErrno, result.error());
    }
  }
}

Result<std::size_t> LinuxOs::ReadFile(const char* path, std::span<char> buffer) {
  const SyscallResult opened = Syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (const Status status = StatusOf(Call::kReadFile, opened); !status) {
    return status.error();
  }
  const Descriptor file{static_cast<int>(opened.value())};
  std::size_t length = 0;
  while (length < buffer.size()) {
    const SyscallResult got =
        Syscall(SYS_read, file.value, buffer.data() + length, buffer.size() - length);
    if (!got.ok() && got.error() == EINTR) {
      continue;
    }
    if (const Status status = StatusOf(Call::kReadFile, got); !status) {
      Close(file);
      return status.error();
    }
    if (got.value() == 0) {
      break;
    }
    length += static_cast<std::size_t>(got.value());
  }
  Close(file);
  return length;
}

Result<std::size_t> LinuxOs::Read(Descriptor from, std::span<std::byte> bytes) {
  for (;;) {
    const SyscallResult got = Syscall(SYS_read, from.value, bytes.data(), bytes.size());
    if (got.ok()) {
      return static_cast<std::size_t>(got.value());
    }
    if (got.error() != EINTR) {
      return StatusOf(Call::kRead, got).error();
    }
  }
}

void LinuxOs::Write(Descriptor to, std::string_view text) {
  while (!text.empty()) {
    const SyscallResult written = Syscall(SYS_write, to.value, text.data(), text.size());
    if (written.ok()) {
      text.remove_prefix(static_cast<std::size_t>(written.value()));
    } else if (written.error() != EINTR) {
      return;
    }
  }
}

Status LinuxOs::SynchronizeThreads() {
  const auto synchronize = [] {
    return Syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  };
  SyscallResult done = synchronize();
  if (!done.ok() && done.error() == EPERM) {
    // A process has to announce that it will ask.
    const SyscallResult announced =
        Syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    done = announced.ok() ? synchronize() : announced;
  }
  return StatusOf(Call::kSynchronize, done);
}

std::uint64_t LinuxOs::MonotonicNs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint32_t LinuxOs::ProcessId() {
  return static_cast<std::uint32_t>(Syscall(SYS_getpid).value());
}

std::uint32_t LinuxOs::ThreadId() {
  return static_cast<std::uint32_t>(Syscall(SYS_gettid).value());
}

}  // namespace pageward::os
